"""Leave to mend a lake in S3: one process at a time has it, and one that died loses it.

An object says who has it, and changes as long as they live. Who waits watches it by a clock of
their own: no two machines' clocks are compared.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import uuid4

from events.errors import Unavailable
from transform.store import Archive, Entry, Part, Stale, Version, VersionedStore

KEY = "mending/lease.json"
"""Beside `lake/`."""
SECONDS = 30.0
"""A lease that has not changed for so long is nobody's any more."""
_LOOKS_SECONDS = 1.0
_RENEWALS = 3
"""How often a lease is renewed within its time."""


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _steady_clock() -> float:
    """Seconds, those that the machine slept as well: `time.monotonic` stands still meanwhile, and a
    laptop that wakes would go on with a lease that is another's. (macOS has no CLOCK_BOOTTIME: its
    CLOCK_MONOTONIC counts them, and is not what `time.monotonic` reads.)"""
    return time.clock_gettime(_CLOCK)


class Busy(Unavailable):
    """Somebody else mends the lake, and has not ended in time."""


class LeaseLost(Unavailable):
    """Somebody else has the lease by now: this process was halted, or S3 was not there."""


class Held:
    """A lease that this process has, until somebody else has it."""

    def __init__(self, version: Version, clock: Callable[[], float], asked: float) -> None:
        """`asked` is when it was asked for, by the clock: whoever waits counts from about then."""
        self.version = version
        self.lost = False
        self._clock = clock
        self._renewed = asked

    def renew(self, store: VersionedStore, data: bytes) -> None:
        """Change the object. A store that does not answer is asked again, until it is too late."""
        began = self._clock()
        with suppress(Unavailable):
            try:
                self.version = store.save(KEY, data, self.version)
                self._renewed = began
            except Stale:
                self.lost = True

    def check(self) -> None:
        """To be asked before each step that nobody else may take. Raises LeaseLost."""
        if self.lost or self._clock() - self._renewed >= SECONDS:
            raise LeaseLost(
                "this process was halted for too long, and another one mends the lake now. Nothing"
                " is lost; run it again."
            )


@dataclass(frozen=True, slots=True)
class Lease:
    """Who wants leave, and how they wait for it."""

    store: VersionedStore
    """Rooted where `lake/` lies."""
    holder: str
    """In a few words, for whoever waits."""
    patience_seconds: float = 10 * SECONDS
    clock: Callable[[], float] = _steady_clock
    sleep: Callable[[float], object] = time.sleep
    new_id: Callable[[], str] = field(default=lambda: str(uuid4()))

    @contextmanager
    def held(self, waiting: Callable[[str], None] = lambda _holder: None) -> Iterator[Held]:
        """Inside, nobody else has it. `waiting` hears for whom one waits.

        Raises Busy, and `events.errors.StoreUnavailable`.
        """
        held = self._acquire(waiting)
        stop = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(held, stop), daemon=True)
        renewing.start()
        try:
            yield held
        finally:
            stop.set()
            renewing.join()
            with suppress(Unavailable, Stale):  # then it runs out
                self.store.save(KEY, self._words(None), held.version)

    def _acquire(self, waiting: Callable[[str], None]) -> Held:
        began = since = self.clock()
        seen: Version | None = None
        while True:
            found = self.store.load(KEY)
            if found is None or seen is None or found.tag != seen.tag:
                seen, since = found, self.clock()
            holder = _holder(found)
            asked = self.clock()
            if holder is None or asked - since >= SECONDS:
                with suppress(Stale):
                    version = self.store.save(KEY, self._words(self.holder), found)
                    return Held(version, self.clock, asked)
                continue
            if self.clock() - began >= self.patience_seconds:
                raise Busy(f"{holder} mends this lake; wait until it has ended, and run it again.")
            waiting(holder)
            self.sleep(_LOOKS_SECONDS)

    def _renew(self, held: Held, stop: threading.Event) -> None:
        while not held.lost and not stop.wait(SECONDS / _RENEWALS):
            held.renew(self.store, self._words(self.holder))

    def _words(self, holder: str | None) -> bytes:
        # Of each writing its own: see `transform.store.VersionedStore.save`.
        return json.dumps({"holder": holder, "id": self.new_id()}).encode()


def _holder(found: Version | None) -> str | None:
    if found is None:
        return None
    try:
        holder = json.loads(found.data)["holder"]
    except (ValueError, KeyError, TypeError):
        return f"something that {KEY} does not name"
    return None if holder is None else str(holder)


@dataclass(frozen=True, slots=True)
class Guarded:
    """An archive in which nothing is read or changed by whoever has lost the lease on it: what they
    read would prove nothing, another may be changing it. Each method raises LeaseLost then."""

    archive: Archive
    check: Callable[[], None]
    """See `Held.check`."""

    def put(self, key: str, data: bytes) -> None:
        """See `transform.store.Store.put`."""
        self.check()
        self.archive.put(key, data)

    def get(self, key: str) -> bytes:
        """See `transform.store.Store.get`."""
        self.check()
        return self.archive.get(key)

    def get_part(self, key: str, start: int, length: int) -> Part:
        """See `transform.store.Store.get_part`."""
        self.check()
        return self.archive.get_part(key, start, length)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See `transform.store.Store.keys`."""
        self.check()
        return self.archive.keys(prefix)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """See `transform.store.Store.entries`."""
        self.check()
        return self.archive.entries(prefix)

    def delete(self, key: str) -> None:
        """See `transform.store.Store.delete`."""
        self.check()
        self.archive.delete(key)

    def copy(self, source: str, target: str) -> None:
        """See `transform.store.Archive.copy`."""
        self.check()
        self.archive.copy(source, target)

    def load(self, key: str) -> Version | None:
        """See `transform.store.VersionedStore.load`."""
        self.check()
        return self.archive.load(key)

    def save(self, key: str, data: bytes, seen: Version | None) -> Version:
        """See `transform.store.VersionedStore.save`."""
        self.check()
        return self.archive.save(key, data, seen)
