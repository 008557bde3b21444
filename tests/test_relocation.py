"""Compaction under a catalog that knows folders only: what a query reads at every moment of it."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.errors import StoreUnavailable
from events.registry import REGISTRY
from playlake.compacting.relocation import Relocation
from tests.memory_store import Memory, Stepped
from tests.test_sweep import DT, batch_of, ids_in
from transform.mending.compaction import Compactor
from transform.mending.sweep import Sweep
from transform.store import Entry, Part

PLAYS = REGISTRY.table("video_play_events")
HOME = f"lake/video_play_events/dt={DT}/"


class Bucket(Memory):
    """A bucket, and where a catalog sends queries: for one partition, home or another folder."""

    location: str | None = HOME

    def is_aside(self, _table: str, _dt: str) -> bool | None:
        return None if self.location is None else self.location != HOME

    def move(self, _table: str, _dt: str, folder: str | None) -> bool:
        if self.location is None:
            return False
        self.location = folder or HOME
        return True

    def deliver(self, *ids: str) -> str:
        batch = batch_of(ids)
        self.put(f"lake/{batch.key}", batch.data)
        return batch.key

    def read(self) -> Counter[str]:
        """What a query counts that is planned now: whatever lies where it is sent."""
        return self.under(self.location or HOME)

    def under(self, folder: str) -> Counter[str]:
        return Counter(each for key in self.keys(folder) for each in ids_in(self[key]))


class Lake:
    """The lake in a bucket, as a store of its own."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def get(self, key: str) -> bytes:
        return self._bucket.get(f"lake/{key}")

    def get_part(self, key: str, start: int, length: int) -> Part:
        return self._bucket.get_part(f"lake/{key}", start, length)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        found = self._bucket.entries(f"lake/{prefix}")
        return iter([each._replace(key=each.key.removeprefix("lake/")) for each in found])


def relocation(bucket: Bucket) -> Relocation:
    return Relocation(bucket, bucket, lambda: None, lambda _seconds: None)


def mend(bucket: Bucket) -> None:
    """What the next compaction does."""
    found = relocation(bucket)
    found.recover()
    Sweep(Lake(bucket), found).run()


def swap_some(bucket: Bucket, keys: list[str]) -> None:
    built = Compactor(Lake(bucket)).build(PLAYS, DT, keys)
    swaps = relocation(bucket)
    swaps.swap(built)
    swaps.finish()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def test_a_partitions_files_become_one_and_queries_are_home_again(bucket):
    bucket.deliver("a", "b")
    bucket.deliver("b", "c")
    mend(bucket)
    assert bucket.location == HOME
    assert bucket.read() == Counter("abc")
    assert len(bucket) == 1  # and nothing is left aside


def test_what_stays_is_copied_many_at_once_and_one_that_fails_ends_it_without_loss(bucket):
    keys = [bucket.deliver("a"), bucket.deliver("b")]
    staying = [f"stays {number}" for number in range(20)]
    for each in staying:
        bucket.deliver(each)
    built = Compactor(Lake(bucket)).build(PLAYS, DT, keys)
    together, copy, numbers = threading.Barrier(10, timeout=5), bucket.copy, itertools.count()

    def copied(source: str, target: str) -> None:
        number = next(numbers)
        if number < 10:
            together.wait()
        elif number == 10:
            raise StoreUnavailable("no answer")
        copy(source, target)

    bucket.copy = copied
    swaps = replace(relocation(bucket), at_once=10)
    swaps.swap(built)
    with pytest.raises(StoreUnavailable):
        swaps.finish()
    assert bucket.read() == Counter(["a", "b", *staying])
    del bucket.copy
    mend(bucket)
    assert bucket.location == HOME
    assert bucket.read() == Counter(["a", "b", *staying])
    assert not list(bucket.keys("compacting/"))


def test_a_partition_that_no_catalog_knows_is_compacted_too(bucket):
    bucket.location = None
    bucket.deliver("a", "b")
    bucket.deliver("b", "c")
    mend(bucket)
    assert bucket.under(HOME) == Counter("abc")
    assert len(bucket) == 1


def test_what_stays_is_read_meanwhile_and_stays_as_it_is(bucket):
    keys = [bucket.deliver("a"), bucket.deliver("b")]
    stays = f"lake/{bucket.deliver('c')}"
    seen = []
    bucket.move = lambda *where: seen.append(bucket.under(where[2] or HOME)) or True
    swap_some(bucket, keys)
    assert seen == [Counter("abc"), Counter("abc")]
    assert stays in bucket


def test_a_swap_whose_files_somebody_else_took_changes_nothing(bucket):
    keys = [bucket.deliver("a"), bucket.deliver("b")]
    built = Compactor(Lake(bucket)).build(PLAYS, DT, keys)
    bucket.delete(f"lake/{keys[0]}")
    before = dict(bucket)
    assert not relocation(bucket).swap(built)
    assert bucket == before


def test_groups_of_which_nothing_is_left_are_swapped_one_after_the_other(bucket):
    swap_some(bucket, [bucket.deliver("a"), bucket.deliver("b"), bucket.deliver("c")])
    full = dict(bucket)
    again = [bucket.deliver("a", "b"), bucket.deliver("b", "c")]
    seen, move = [], bucket.move

    def moved(*where: str | None) -> bool:
        done = move(*where)
        seen.append(bucket.read())
        return done

    bucket.move = moved
    swept = Sweep(Lake(bucket), relocation(bucket), file_bytes=1).run()
    assert [each.replaced for each in swept.compacted] == [(each,) for each in sorted(again)]
    # The first is read without what it drops, the second not yet; then neither is.
    assert [sum(each.values()) for each in seen] == [5, 5, 3, 3]
    assert bucket == full


@settings(max_examples=200, deadline=None)
@given(
    kill_at=st.integers(0, 30),
    arrivals=st.lists(st.integers(0, 30), max_size=4),
    known=st.booleans(),
    kill_again_at=st.integers(0, 15),
)
@example(kill_at=99, arrivals=[0, 7, 9, 11], known=True, kill_again_at=99)
def test_no_query_counts_twice_or_misses_a_row_and_whoever_is_killed_is_mended(
    kill_at, arrivals, known, kill_again_at
):
    """Files arrive at some of the calls; the first to mend what was left may be killed as well."""
    bucket = Bucket()
    keys = [bucket.deliver("a", "b"), bucket.deliver("c", "d")]
    bucket.deliver("e")
    if not known:
        bucket.location = None
    came: set[str] = set()
    work = Stepped(bucket, kill_at, lambda held: swap_some(held, keys))
    for call in range(60):
        for number in [each for each, at in enumerate(arrivals) if at == call]:
            bucket.deliver(f"new{number}")
            came.add(f"new{number}")
        if work.over:
            break
        work.step()
        if known:  # what nobody reads may be anything
            assert set(bucket.read().values()) == {1}
            assert set("abcde") <= set(bucket.read()) <= set("abcde") | came
    assert work.error is None

    again = Stepped(bucket, kill_again_at, lambda held: relocation(held).recover())
    while not again.over:
        again.step()
        if known:
            assert set(bucket.read().values()) == {1}
            assert set("abcde") <= set(bucket.read())
    mend(bucket)
    assert bucket.location == (HOME if known else None)
    assert bucket.under(HOME) == Counter([*"abcde", *came])
    assert all(key.startswith(HOME) for key in bucket)
