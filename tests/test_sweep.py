"""A sweep: every partition of a lake compacted, by one Lambda or by two at once."""

from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from events.registry import REGISTRY
from tests.memory_store import Memory, Stepped
from tests.records import ARRIVED, LAB_PLAY, record
from transform.compaction import compact
from transform.parquet import DataObject, data_objects
from transform.process import process
from transform.store import Store
from transform.sweep import sweep

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
    }


def test_a_partition_that_is_too_large_is_compacted_by_groups_and_named():
    store = Memory()
    for number in range(9):
        deliver(store, f"{number}a", f"{number}b")
    size = max(map(len, store.values()))
    before = ids_of(store)

    swept = sweep(store, most_bytes=4 * size)

    assert len(swept.compacted) == 2  # the ninth file is a group of its own
    assert len(store) == 3
    assert ids_of(store) == before
    assert swept.to_dict()["too_large"] == [f"video_play_events dt={DT}, 9 files"]
    assert swept.to_dict()["partitions"] == 1


def test_duplicates_within_a_group_of_a_large_partition_are_dropped():
    store = Memory()
    for number in range(6):
        deliver(store, "again", f"{number}")
    size = max(map(len, store.values()))
    swept = sweep(store, most_bytes=3 * size)
    assert ids_of(store).count("again") == 2
    assert swept.to_dict()["duplicates"] == 4


def test_a_file_over_half_of_what_is_compacted_at_once_is_left_as_it_is():
    store = Memory()
    large = deliver(store, *(f"{number:032x}" for number in range(3000)))
    small = [deliver(store, "a"), deliver(store, "b")]
    most = 2 * len(store[large]) - 1
    store[f"{FOLDER}/part-0.parquet"] = store[large]  # so that all of them are too much
    (done,) = sweep(store, most_bytes=most).compacted
    assert set(done.replaced) == set(small)
    assert sorted(store) == sorted([large, f"{FOLDER}/part-0.parquet", done.key])


def test_a_group_with_a_torn_file_is_left_alone_and_the_others_are_compacted():
    store = Memory({f"{FOLDER}/part-0.parquet": b"PAR1 and no more"})
    for number in range(7):
        deliver(store, f"{number}")
    size = max(map(len, store.values()))
    swept = sweep(store, most_bytes=4 * size)
    assert len(swept.unreadable) == 1
    assert f"{FOLDER}/part-0.parquet" in store
    assert len(swept.compacted) == 1


def test_files_that_are_small_but_too_much_in_memory_are_compacted_by_fewer_at_a_time():
    """A kilobyte that says the same a thousand times is a megabyte in memory."""
    store = Memory()
    for number in range(8):
        deliver(store, *(f"{number}-{'x' * 5000}-{n}" for n in range(100)))
    before = ids_of(store)
    swept = sweep(store, most_arrow_bytes=1_500_000)  # a file is half a megabyte
    assert len(store) == 4
    assert ids_of(store) == before
    assert f"video_play_events dt={DT}, 8 files" in swept.to_dict()["too_large"]


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
    most_bytes = 3 * len(store[keys[0]]) if few_bytes else 2**20
    delivered = {"a", "b", "c", "d"}
    batches = iter([("e",), ("a", "b"), ("b", "c"), ("f", "d")])  # some are delivered again
    sweeps = [Stepped(store, each, lambda held: sweep(held, most_bytes)) for each in calls]
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
