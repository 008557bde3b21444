"""A sweep: every partition of a lake compacted, by one Lambda or by two at once."""

from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.registry import REGISTRY
from tests.memory_store import Memory, Stepped
from tests.records import ARRIVED, LAB_PLAY, record
from tests.sweeping import sweep
from transform.mending.compaction import compact
from transform.mending.packing import Memory as Limits
from transform.mending.rewriting import without
from transform.mending.sweep import PlainSwap, Scope, Sweep
from transform.parquet import DataObject, data_objects
from transform.process import process
from transform.store import Store

PLAYS = REGISTRY.table("video_play_events")
DT = "2018-08-29"
FOLDER = f"video_play_events/dt={DT}"


def deliver(store: Store, *ids: str) -> str:
    """One batch's file."""
    batch = batch_of(ids)
    store.put(batch.key, batch.data)
    return batch.key


@cache
def batch_of(ids: tuple[str, ...]) -> DataObject:
    events = [{**LAB_PLAY, "event_id": each} for each in ids]
    (each,) = data_objects(process([record("r", *events)], ARRIVED)[0])
    return each


def ids_of(store: Memory) -> list[str]:
    """The event of each row that lies in the lake."""
    return sorted(each for data in store.values() for each in ids_in(data))


@cache
def ids_in(data: bytes) -> list[str]:
    file = pq.ParquetFile(pa.BufferReader(data))
    return file.read(columns=["event_id"])["event_id"].to_pylist()


def test_a_partitions_files_become_one_and_each_event_one_row():
    store = Memory()
    deliver(store, "a", "b")
    deliver(store, "b", "c")
    swept = sweep(store)
    assert (len(store), ids_of(store)) == (1, ["a", "b", "c"])
    assert swept.to_dict() == {
        "partitions": 1,
        "files": 2,
        "duplicates": 1,
        "too_large": [],
        "unreadable": [],
        "not_reached": [],
    }


def test_a_large_partition_becomes_several_files_each_event_one_row():
    store = Memory()
    for number in range(9):
        deliver(store, "again", f"{number}a", f"{number}b")
    size = max(map(len, store.values()))

    swept = sweep(store, file_bytes=4 * size)

    assert len(swept.compacted) == 3  # the ninth file is alone, but may repeat what others hold
    assert len(store) == 3
    assert ids_of(store) == sorted(["again", *(f"{n}{side}" for n in range(9) for side in "ab")])
    assert swept.to_dict() == {
        "partitions": 1,
        "files": 9,
        "duplicates": 8,
        "too_large": [],
        "unreadable": [],
        "not_reached": [],
    }


def test_a_file_that_is_compacted_and_large_enough_stays_as_it_is():
    store = Memory()
    deliver(store, *(f"{number:032x}" for number in range(3000)))
    deliver(store, "a")
    (large,) = (each.key for each in sweep(store).compacted)
    small = [deliver(store, "b"), deliver(store, "c", "a")]
    (done,) = sweep(store, file_bytes=2 * len(store[large]) - 1).compacted
    assert set(done.replaced) == set(small)
    assert sorted(store) == sorted([large, done.key])
    assert done.duplicates == 1  # `a` is in the large one


def test_a_file_of_mere_duplicates_of_a_large_one_goes_and_leaves_none():
    store = Memory()
    keys = [deliver(store, *(f"{number:032x}" for number in range(3000))), deliver(store, "a")]
    batch = batch_of(("a",))
    (large,) = (each.key for each in sweep(store).compacted)
    store.put(batch.key, batch.data)  # delivered again
    (done,) = sweep(store, file_bytes=2 * len(store[large]) - 1).compacted
    assert (done.key, done.replaced) == (None, (keys[1],))
    assert sorted(store) == [large]


def test_only_files_from_before_a_time_become_others():
    store = Memory()
    old = [deliver(store, "a"), deliver(store, "b")]
    young = deliver(store, "a", "c")
    store.modified[young] = 7_200
    (done,) = Sweep(store, PlainSwap(store)).run(Scope(written_before=7_200)).compacted
    assert set(done.replaced) == set(old)
    assert sorted(store) == sorted([done.key, young])
    assert len(Sweep(store, PlainSwap(store)).run(Scope(written_before=7_201)).compacted) == 1
    assert ids_of(store) == ["a", "b", "c"]


def test_what_there_is_no_time_for_is_named_and_left_for_the_next_one():
    store = Memory()
    deliver(store, "a")
    deliver(store, "b")
    swept = sweep(store, has_time=lambda: False)
    assert swept.to_dict()["not_reached"] == [f"video_play_events dt={DT}, 2 files"]
    assert len(store) == 2


def test_the_newest_days_come_first_of_whatever_table():
    """Where old days without end have a new file each hour, today is compacted all the same."""
    store = Memory()
    for logged_at in (1_000_000_000_000, 1_535_500_800_000, 1_200_000_000_000):
        for number in range(2):
            play = {**LAB_PLAY, "event_id": f"{logged_at} {number}", "logged_at": logged_at}
            click = {
                "action": "click",
                "event_id": f"c{logged_at} {number}",
                "logged_at": logged_at,
            }
            for each in data_objects(process([record("r", play, click)], ARRIVED)[0]):
                store.put(each.key, each.data)
    days = [growth.dt for growth in Sweep(store, PlainSwap(store)).grown()]
    assert days == ["2018-08-29"] * 2 + ["2008-01-10"] * 2 + ["2001-09-09"] * 2


def test_a_replaced_file_is_not_read_when_its_successor_is_in_another_group():
    store = Memory()
    key = deliver(store, "anna", "bob")
    without(store, key, lambda rows: pc.equal(rows["event_id"], "anna"))  # killed before it deletes
    for number in range(6):
        deliver(store, f"{number}")
    sweep(store, file_bytes=2 * max(map(len, store.values())))
    assert ids_of(store) == sorted(["bob", *map(str, range(6))])


def test_a_group_with_a_torn_file_is_left_alone_and_the_others_are_compacted():
    store = Memory({f"{FOLDER}/part-0.parquet": b"PAR1 and no more"})
    for number in range(7):
        deliver(store, f"{number}")
    size = max(map(len, store.values()))
    swept = sweep(store, file_bytes=4 * size)
    assert len(swept.unreadable) == 1
    assert f"{FOLDER}/part-0.parquet" in store
    assert len(swept.compacted) == 1


def test_files_that_are_small_but_too_much_in_memory_are_compacted_by_fewer_at_a_time():
    store = Memory()
    for number in range(8):
        deliver(store, *(f"{number}-{n}" for n in range(100)))
    before = ids_of(store)
    swept = sweep(store, memory=Limits(200, 10**9))
    assert (len(store), swept.too_large) == (4, [])
    assert ids_of(store) == before


@pytest.mark.parametrize("memory", [Limits(199, 10**9), Limits(10**6, 1_000_000)])
def test_what_is_too_much_however_few_is_named_and_left_as_it_is(memory):
    """A kilobyte that says the same a thousand times is a megabyte in memory."""
    store = Memory()
    for number in range(2):
        deliver(store, *(f"{number}-{'x' * 5000}-{n}" for n in range(100)))
    swept = sweep(store, memory=memory)
    assert swept.to_dict()["too_large"] == [f"video_play_events dt={DT}, 2 files"]
    assert len(store) == 2


@settings(max_examples=120, deadline=None)
@given(
    turns=st.lists(st.integers(0, 2), min_size=1, max_size=40),
    calls=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    left_over=st.booleans(),
    few_bytes=st.booleans(),
)
# The second lists, and reads, what the first has made one before it deletes.
@example(turns=[0] * 6 + [1] * 40, calls=(99, 99), left_over=True, few_bytes=False)
def test_whatever_the_order_of_two_sweeps_calls_every_event_is_in_some_file(
    turns, calls, left_over, few_bytes
):
    """A third writer brings what came meanwhile, and each sweep may be killed at any call."""
    store = Memory()
    keys = [deliver(store, "a", "b"), deliver(store, "b", "c"), deliver(store, "d")]
    if left_over:  # an earlier sweep was killed before it deleted
        compact(store, PLAYS, DT, keys[:2])
    file_bytes = 3 * len(store[keys[0]]) if few_bytes else 2**20
    delivered = {"a", "b", "c", "d"}
    batches = iter([("e",), ("a", "b"), ("b", "c"), ("f", "d")])  # some are delivered again
    sweeps = [
        Stepped(store, each, lambda held: sweep(held, file_bytes=file_bytes)) for each in calls
    ]
    for turn in [*turns, *[0] * 40, *[1] * 40]:
        if turn < 2:
            if not sweeps[turn].over:
                sweeps[turn].step()
        elif (batch := next(batches, None)) is not None:
            deliver(store, *batch)
            delivered |= set(batch)
        assert delivered <= set(ids_of(store))
    assert all(each.over and each.error is None for each in sweeps)
    sweep(store)
    assert ids_of(store) == sorted(delivered)
