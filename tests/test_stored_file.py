"""An object of which only what is asked for is read."""

import io
import random
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import StoreUnavailable
from events.registry import REGISTRY
from tests.memory_store import Memory
from tests.records import ARRIVED, LAB_PLAY, record
from transform.mending.compaction import Compactor, compact
from transform.parquet import data_objects
from transform.process import process
from transform.reading import TAIL_BYTES, DataRows, Gone, StoredFile
from transform.store import Part

PLAYS = REGISTRY.table("video_play_events")
DT = "2018-08-29"
EVENTS = 20_000

SIZES = st.one_of(st.integers(0, 3), st.integers(TAIL_BYTES - 2, TAIL_BYTES + 2), st.just(200_000))
STEPS = st.lists(
    st.tuples(st.integers(-250_000, 250_000), st.sampled_from((0, 1, 2)), st.integers(-1, 250_000)),
    max_size=8,
)


class Counting(Memory):
    """A store that knows which bytes of it were asked for."""

    asked: dict[str, int]

    def get_part(self, key: str, start: int, length: int) -> Part:
        part = super().get_part(key, start, length)
        self.asked[key] = self.asked.get(key, 0) + len(part.data)
        return part


@given(SIZES, STEPS)
def test_it_reads_as_a_file_does(size, steps):
    data = random.Random(size).randbytes(size)
    ours, theirs = StoredFile(Memory(key=data), "key"), io.BytesIO(data)
    for offset, whence, length in steps:
        if (begin := {0: 0, 1: theirs.tell(), 2: size}[whence] + offset) >= 0:
            assert ours.seek(offset, whence) == theirs.seek(begin)
        assert (ours.read(length), ours.tell()) == (theirs.read(length), theirs.tell())


def file_of_many(store: Memory, seed: int) -> str:
    chance = random.Random(seed)
    events = [
        {**LAB_PLAY, "event_id": str(UUID(int=chance.getrandbits(128))), "started_at": at}
        for at in range(10_000, 10_000 + EVENTS // 100)
        for _ in range(100)
    ]
    events = [{**each, "ended_at": each["started_at"] + chance.randrange(9_000)} for each in events]
    (made,) = data_objects(process([record("r", *events)], ARRIVED).tables)
    store.put(made.key, made.data)
    return made.key


def bytes_of(data: bytes, column: str) -> int:
    metadata = pq.ParquetFile(io.BytesIO(data)).metadata
    at = metadata.schema.names.index(column)
    groups = range(metadata.num_row_groups)
    return sum(metadata.row_group(group).column(at).total_compressed_size for group in groups)


def test_a_compaction_reads_no_more_of_the_files_beside_it_than_their_ids():
    store = Counting()
    store.asked = {}
    beside = compact(store, PLAYS, DT, [file_of_many(store, 1), file_of_many(store, 2)]).key
    again, other = file_of_many(store, 1), file_of_many(store, 3)
    store.asked.clear()
    built = Compactor(store).build(PLAYS, DT, [again, other], [beside])
    assert (built.done.rows, built.done.duplicates) == (EVENTS, EVENTS)
    ids = bytes_of(store[beside], "event_id")
    # Its footer, which says what it replaces and where the ids are; and those.
    assert store.asked.keys() == {beside}
    assert ids <= store.asked[beside] <= ids + 3 * TAIL_BYTES


def test_one_that_goes_while_it_is_read_is_gone_and_one_that_does_not_answer_is_unavailable():
    store = Memory()
    key = file_of_many(store, 1)
    with pytest.raises(Gone, match="nothing"):
        StoredFile(store, "nothing")
    rows = DataRows(StoredFile(store, key), PLAYS)
    store.delete(key)
    with pytest.raises(Gone, match=key):
        list(rows.batches(["event_id"], EVENTS))

    class Silent(Memory):
        def get_part(self, key: str, start: int, length: int) -> Part:
            if start >= 0:
                raise StoreUnavailable("no answer")
            return super().get_part(key, start, length)

    silent = Silent()
    rows = DataRows(StoredFile(silent, file_of_many(silent, 1)), PLAYS)
    with pytest.raises(StoreUnavailable, match="no answer"):
        list(rows.batches(["event_id"], EVENTS))
