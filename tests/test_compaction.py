"""Compaction: the files of one partition, made one, each event once."""

import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events.layout import REPLACES
from events.registry import REGISTRY
from tests.records import ARRIVED, LAB_PLAY, record
from transform.drivers.file_store import FileStore
from transform.mending.compaction import compact
from transform.parquet import data_objects, encode
from transform.process import process

PLAYS = REGISTRY.table("video_play_events")
DT = "2018-08-29"


@pytest.fixture
def store(tmp_path):
    return FileStore(tmp_path)


def deliver(store, *events, arrived_at=ARRIVED):
    """One batch's file."""
    tables, _ = process([record("r", *events, arrived_at=arrived_at)], ARRIVED)
    (each,) = data_objects(tables)
    store.put(each.key, each.data)
    return each.key


def play(event_id, **changes):
    return {**LAB_PLAY, "event_id": event_id, **changes}


def read(store, key):
    return pq.read_table(pa.BufferReader(store.get(key)))


def test_duplicates_across_files_are_dropped_and_the_first_received_stays(store):
    late = deliver(store, play("a", seq=2), play("c", seq=0), arrived_at=ARRIVED + 5)
    first = deliver(store, play("a", seq=1), play("b", seq=0))

    done = compact(store, PLAYS, DT, [late, first])

    assert (done.rows, done.duplicates) == (3, 1)
    assert sorted(done.replaced) == sorted([first, late])
    rows = read(store, done.key)
    found = dict(zip(rows["event_id"].to_pylist(), rows["seq"].to_pylist(), strict=True))
    assert found == {"a": 1, "b": 0, "c": 0}


def test_the_compacted_file_names_what_it_replaces(store):
    keys = [deliver(store, play("a")), deliver(store, play("b"))]
    done = compact(store, PLAYS, DT, keys)
    metadata = pq.read_metadata(pa.BufferReader(store.get(done.key))).metadata
    assert json.loads(metadata[REPLACES.encode()]) == sorted(keys)


def test_ids_that_hold_a_separator_make_another_name(store):
    assert deliver(store, play("a"), play("b")) != deliver(store, play("a\nb"))


def test_rows_are_in_the_tables_order(store):
    keys = [deliver(store, play(name, video_id=name)) for name in "cab"]
    rows = read(store, compact(store, PLAYS, DT, keys).key)
    assert rows["video_id"].to_pylist() == ["a", "b", "c"]


def test_a_large_file_says_in_which_of_its_groups_a_viewer_may_be(store, monkeypatch):
    monkeypatch.setattr("transform.parquet.GROUP_ROWS", 10)
    viewers = {f"{number:02}": 1_000 + number for number in range(40)}
    plays = [play(each, video_id=each, user_id=user) for each, user in viewers.items()]
    data = store.get(
        compact(store, PLAYS, DT, [deliver(store, *plays), deliver(store, plays[0])]).key
    )
    metadata = pq.read_metadata(pa.BufferReader(data))
    assert metadata.num_row_groups == 4
    columns = [metadata.row_group(2).column(n) for n in range(metadata.num_columns)]
    (user,) = (each for each in columns if each.path_in_schema == "user_id")
    assert (user.has_column_index, user.has_offset_index) == (True, True)
    (path := store.root / "whole.parquet").write_bytes(data)
    probe = "SELECT * FROM parquet_bloom_probe(?, 'user_id', ?)"
    excluded = [each for *_, each in duckdb.execute(probe, [str(path), 1_025]).fetchall()]
    assert excluded == [True, True, False, True]


def test_compacting_the_same_files_again_makes_the_same_object(store):
    keys = [deliver(store, play("a")), deliver(store, play("b"))]
    first = compact(store, PLAYS, DT, keys)
    data = store.get(first.key)
    assert compact(store, PLAYS, DT, list(reversed(keys))).key == first.key
    assert store.get(first.key) == data


def test_a_compacted_file_never_replaces_itself(store):
    """A file of mere duplicates beside it leads to the very same rows, and so to the same key."""
    keys = [deliver(store, play("a")), deliver(store, play("b"))]
    first = compact(store, PLAYS, DT, keys)
    again = compact(store, PLAYS, DT, [first.key, keys[0]])
    assert (again.key, again.replaced, again.duplicates) == (first.key, (keys[0],), 1)


def test_a_file_from_before_a_column_was_added_has_nulls_there(store):
    new = deliver(store, play("a", wall_ms=14_000))
    older = read(store, deliver(store, play("b"))).drop_columns(["wall_ms", "is_bot"])
    old = f"video_play_events/dt={DT}/part-0.parquet"
    store.put(old, encode(older))
    rows = read(store, compact(store, PLAYS, DT, [new, old]).key)
    assert sorted(zip(*rows.select(["event_id", "wall_ms"]).to_pydict().values(), strict=True)) == [
        ("a", 14_000),
        ("b", None),
    ]
