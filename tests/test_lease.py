"""Leave to mend a lake: one at a time, and no longer than its holder lives."""

import threading
import time

import pytest

from playlake.compacting import lease as module
from playlake.compacting.lease import KEY, SECONDS, Busy, Lease, LeaseLost
from tests.glue_double import Clock
from tests.memory_store import Memory
from transform.store import Version


def test_who_comes_while_somebody_has_it_waits_until_that_one_has_ended():
    store, clock, heard = Memory(), Clock(), []
    first = Lease(store, "forget", clock=clock, sleep=clock.sleep).held()
    first.__enter__()

    def waiting(holder: str) -> None:
        heard.append(holder)
        if len(heard) == 3:
            first.__exit__(None, None, None)

    with Lease(store, "compact", clock=clock, sleep=clock.sleep).held(waiting) as held:
        held.check()
    assert heard == ["forget"] * 3


def test_a_lease_that_does_not_change_any_more_is_nobodys():
    store, clock = Memory(), Clock()
    store[KEY] = b'{"holder": "who was killed", "id": "1"}'
    with Lease(store, "compact", clock=clock, sleep=clock.sleep).held():
        assert SECONDS <= clock.now < SECONDS + 2


def test_a_lease_that_is_renewed_is_not_taken_and_who_waits_for_too_long_is_told_for_whom():
    store, clock, renewed = Memory(), Clock(), 0

    def sleep(seconds: float) -> None:
        nonlocal renewed
        clock.sleep(seconds)
        if clock.now // 10 > renewed:  # as another machine does
            renewed += 1
            store[KEY] = b'{"holder": "forget on web-1", "id": "%d"}' % renewed

    store[KEY] = b'{"holder": "forget on web-1", "id": "0"}'
    waiting = Lease(store, "compact", 120, clock, sleep)
    with pytest.raises(Busy, match="forget on web-1 mends this lake"), waiting.held():
        pass
    assert clock.now >= 120


def test_whoever_was_halted_while_another_took_it_goes_no_step_further(monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.3)
    store = Memory()
    with Lease(store, "compact").held() as held:
        held.check()
        store[KEY] = b'{"holder": "another", "id": "x"}'
        stopped = threading.Event()
        for _ in range(100):
            if held.lost:
                break
            stopped.wait(0.02)
        with pytest.raises(LeaseLost, match="run it again"):
            held.check()
    assert b"another" in store[KEY]  # it is not given back: it is not ours


def test_whoever_cannot_renew_it_goes_no_step_further():
    store, clock = Memory(), Clock()
    with Lease(store, "compact", clock=clock, sleep=clock.sleep).held() as held:
        clock.now += SECONDS
        with pytest.raises(LeaseLost):
            held.check()


def test_whoever_slept_with_the_machine_goes_no_step_further(monkeypatch):
    """The clock that most are told by stands still meanwhile."""
    slept = 0.0
    sleepless = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    told = time.clock_gettime
    monkeypatch.setattr(
        time, "clock_gettime", lambda clock: told(clock) + slept * (clock == sleepless)
    )
    with Lease(Memory(), "forget on a laptop").held() as held:
        held.check()
        slept = 3_600
        with pytest.raises(LeaseLost):
            held.check()


def test_a_lease_is_counted_from_when_it_was_asked_for_and_not_from_a_late_answer():
    clock = Clock()

    class Slow(Memory):
        def save(self, key: str, data: bytes, seen: Version | None) -> Version:
            saved = super().save(key, data, seen)
            clock.now += SECONDS  # others have watched it for so long
            return saved

    with (
        Lease(Slow(), "forget", clock=clock, sleep=clock.sleep).held() as held,
        pytest.raises(LeaseLost),
    ):
        held.check()


def test_a_lease_is_renewed_as_long_as_it_is_held(monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.3)
    store = Memory()
    with Lease(store, "compact").held() as held:
        seen = set()
        for _ in range(40):
            seen.add(store[KEY])
            threading.Event().wait(0.02)
            held.check()
    assert len(seen) > 3


def test_words_that_nobody_understands_are_somebodys():
    store, clock = Memory(), Clock()
    store[KEY] = b"no JSON"
    waiting = Lease(store, "compact", 5, clock, clock.sleep)
    with pytest.raises(Busy, match="does not name"), waiting.held():
        pass
