"""What is gathered before it is written: in chunks, within what memory it may take."""

import base64
import gzip
import json
from dataclasses import replace

import pytest

from tests.records import ARRIVED, lines
from tests.shard import STOPPED, Lake, consumer, ids, lines_of, record_at, records
from transform.committing import Writer
from transform.consumer import Habits, Limits, ShardConsumer
from transform.gathering import Gathering, StreamRecord
from transform.ledger import Ledger, Place
from transform.parquet import plain
from transform.process import Processor
from transform.records import RawRecord


def test_a_record_that_cannot_be_processed_is_filed_and_takes_no_neighbour_with_it():
    class Picky(Processor):
        def process(self, given, now_ms):
            if any(each.record_id == "1010" for each in given):
                raise RuntimeError("a fault in the transform")
            return super().process(given, now_ms)

    lake = Lake()
    shard = ShardConsumer(
        Ledger(lake, "plays", "shard-0"), Picky(), Writer(lake, lake, set().update, "plays-shard-0")
    )
    shard.start(None)
    shard.take(records(4))
    shard.flush()
    good = [each for each in records(4) if each.place != Place(1010)]
    assert lake.rows() == ids(good)
    (key,) = [key for key in lake if key.startswith("failed/")]
    (line,) = gzip.decompress(lake[key]).splitlines()
    assert json.loads(line)["rawData"] == record_at(1).data
    assert json.loads(line)["errorMessage"] == "RuntimeError: a fault in the transform"


def test_memory_that_ran_out_is_no_fault_of_a_records():
    class Poor(Processor):
        def process(self, given, now_ms):
            raise MemoryError

    lake = Lake()
    shard = ShardConsumer(
        Ledger(lake, "plays", "shard-0"), Poor(), Writer(lake, lake, set().update, "plays-shard-0")
    )
    shard.start(None)
    shard.take(records(3))
    with pytest.raises(MemoryError):
        shard.flush()
    assert not lake


def test_a_line_without_an_end_does_not_become_one_with_the_next_records():
    """As others put them; the collector ends each of its lines."""
    bare = [
        replace(each, data=base64.b64encode(base64.b64decode(each.data).rstrip(b"\n")).decode())
        for each in records(3)
    ]
    shard = consumer(lake := Lake())
    shard.start(None)
    shard.take(bare)
    shard.flush()
    assert lake.raw() == lines_of(records(3))


def test_the_lines_of_a_stream_are_kept_beside_those_of_one_before_by_its_name():
    """The first was somewhere else, and its standing was deleted, as `OtherStream` says."""
    lake = Lake()
    for given in (records(3), records(6)[3:]):
        shard = consumer(lake)
        shard.start(None)
        shard.take(given)
        shard.flush()
        del lake["consumed/plays/shard-0.json"]
    assert lake.raw() == lines_of(records(6))


def test_chunks_give_the_rows_that_one_batch_gives():
    given = [*records(40), record_at(3)]  # one comes twice
    whole = Processor().process(
        [RawRecord(str(each.place), each.data, each.arrived_ms) for each in given], ARRIVED
    )
    gathering = Gathering(Processor(), None, chunk_bytes=700)
    for each in given:
        gathering.add(each)
    gathered = gathering.finish()
    assert gathered.tables.keys() == whole.tables.keys()
    for name, table in whole.tables.items():
        order = [(column, "ascending") for column in ("dt", "event_id")]
        assert gathered.tables[name].sort_by(order).equals(plain(table).sort_by(order))


def tiny_events(record: int) -> list[dict[str, object]]:
    return [
        {"type": "t", "event_id": f"{record}-{number}", "received_at": ARRIVED}
        for number in range(20_000)
    ]


def test_a_batch_is_full_by_what_it_takes_in_memory_too():
    """Events of a few bytes are far larger as columns than as they came."""
    tiny = [
        StreamRecord(Place(number), base64.b64encode(lines(*tiny_events(number))).decode(), ARRIVED)
        for number in range(8)
    ]
    lake, heard = Lake(), []
    shard = ShardConsumer(
        Ledger(lake, "plays", "shard-0"),
        Processor(),
        Writer(lake, lake, set().update, "plays-shard-0"),
        Habits(Limits(size=10**9, held=4 * 2**20), STOPPED, heard.append),
    )
    shard.start(None)
    shard.take(tiny)
    assert heard
    assert heard[0].records < 8


def test_lines_are_not_archived_where_nobody_wants_them():
    lake = Lake()
    shard = ShardConsumer(
        Ledger(lake, "plays", "shard-0"),
        Processor(),
        Writer(lake, lake, set().update, "plays-shard-0"),
        Habits(keep_raw=False),
    )
    shard.start(None)
    shard.take(records(3))
    shard.flush()
    assert lake.raw() == []
    assert lake.rows() == ids(records(3))
