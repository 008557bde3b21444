"""The Firehose transformation Lambda, called as Firehose calls it."""

import base64
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow.parquet as pq
import pytest

from events.arrow import schema
from events.errors import SettingsError, StoreUnavailable
from events.registry import REGISTRY
from tests.lambda_context import CONTEXT
from tests.records import LAB_CLICK, LAB_PLAY, lines
from transform.batch import PUTS_AT_ONCE, deliver
from transform.handler import transform
from transform.process import Processor

RECORDED = Path(__file__).parent / "events" / "firehose_put.json"


def firehose_event(*data: bytes) -> dict:
    """The recorded event, with these records in it."""
    event = json.loads(RECORDED.read_text())
    template = event["records"][0]
    event["records"] = [
        template | {"recordId": f"record{n}", "data": base64.b64encode(each).decode()}
        for n, each in enumerate(data)
    ]
    return event


@pytest.fixture
def lake(tmp_path, monkeypatch):
    monkeypatch.setenv("PLAYLAKE_LAKE_URI", tmp_path.as_uri() + "/the%20lake")
    return tmp_path / "the lake"


def files(lake: Path) -> list[str]:
    return sorted(path.relative_to(lake).as_posix() for path in lake.rglob("*.parquet"))


def test_the_recorded_event_is_answered_record_by_record_with_its_data_unchanged(lake):
    event = json.loads(RECORDED.read_text())
    response = transform(event, CONTEXT)
    assert response == {
        "records": [
            {"recordId": each["recordId"], "result": "Ok", "data": each["data"]}
            for each in event["records"]
        ]
    }
    # "Hello World" is no JSON, {"Hello": "World"} is an object that says something.
    assert [name.split("/")[0] for name in files(lake)] == ["custom_events", "rejected_events"]


def test_tables_lie_by_dt_and_are_read_by_a_plain_hive_reader(lake):
    late = {**LAB_PLAY, "logged_at": 1664029185290}
    transform(firehose_event(lines(LAB_PLAY, LAB_CLICK), lines(late)), CONTEXT)
    assert [name.rpartition("/")[0] for name in files(lake)] == [
        "custom_events/dt=2022-09-24",
        "video_play_events/dt=2018-08-29",
        "video_play_events/dt=2022-09-24",
    ]
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT dt, duration, device_type FROM read_parquet("
            f"'{lake}/video_play_events/*/*.parquet', hive_partitioning = true,"
            " hive_types = {'dt': VARCHAR}) ORDER BY dt"
        ).fetchall()
    assert found == [("2018-08-29", 14000, "desktop"), ("2022-09-24", 14000, "desktop")]


def test_files_have_the_tables_schema_zstd_statistics_and_the_tables_order(lake):
    plays = [{**LAB_PLAY, "video_id": name, "event_id": name} for name in "cab"]
    transform(firehose_event(lines(*plays)), CONTEXT)
    (name,) = files(lake)
    file = pq.ParquetFile(lake / name)
    assert file.schema_arrow.equals(schema(REGISTRY.table("video_play_events")))
    column = file.metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.is_stats_set
    assert file.read()["video_id"].to_pylist() == ["a", "b", "c"]


def test_a_batch_that_is_delivered_twice_writes_the_same_objects(lake):
    event = firehose_event(lines(LAB_PLAY, LAB_CLICK), b"not json", lines(LAB_PLAY))
    transform(event, CONTEXT)
    before = {name: (lake / name).read_bytes() for name in files(lake)}
    transform(event, CONTEXT)
    assert {name: (lake / name).read_bytes() for name in files(lake)} == before


def test_objects_are_written_side_by_side_or_many_days_would_outlast_firehoses_patience():
    together = threading.Barrier(4, timeout=10)
    store = SimpleNamespace(put=lambda _key, _data: together.wait())
    plays = [{**LAB_PLAY, "logged_at": LAB_PLAY["logged_at"] + n * 86_400_000} for n in range(4)]
    delivered = deliver(firehose_event(lines(*plays)), Processor(), store, PUTS_AT_ONCE)
    assert delivered.rows == {"video_play_events": 4}


def test_when_an_object_is_not_taken_those_that_are_not_begun_are_left():
    begun = []

    def put(key: str, _data: bytes) -> None:
        begun.append(key)
        time.sleep(0.2)  # a store that does not answer takes its time
        raise StoreUnavailable("no")

    plays = [{**LAB_PLAY, "logged_at": LAB_PLAY["logged_at"] + n * 86_400_000} for n in range(300)]
    event = firehose_event(lines(*plays))
    with pytest.raises(StoreUnavailable):
        deliver(event, Processor(), SimpleNamespace(put=put), PUTS_AT_ONCE)
    assert 0 < len(begun) < 300


def test_a_record_that_is_no_base64_is_answered_as_failed(lake):
    event = firehose_event(lines(LAB_PLAY))
    event["records"].append({**event["records"][0], "recordId": "bad", "data": "%%%"})
    response = transform(event, CONTEXT)
    assert [each["result"] for each in response["records"]] == ["Ok", "ProcessingFailed"]


def test_when_the_lake_takes_nothing_the_batch_is_not_answered(tmp_path, monkeypatch):
    (tmp_path / "lake").write_text("a file where the folder should be")
    monkeypatch.setenv("PLAYLAKE_LAKE_URI", (tmp_path / "lake").as_uri())
    with pytest.raises(StoreUnavailable, match="cannot write"):
        transform(firehose_event(lines(LAB_PLAY)), CONTEXT)


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({}, "PLAYLAKE_LAKE_URI is not set"),
        ({"PLAYLAKE_LAKE_URI": "/a/path"}, "'/a/path' is no lake"),
        ({"PLAYLAKE_LAKE_URI": "file://host/path"}, "is no lake"),
        ({"PLAYLAKE_LAKE_URI": "s3:///prefix"}, "is no lake"),
        ({"PLAYLAKE_LAKE_URI": "s3://bucket/prefix?x"}, "is no lake"),
        ({"PLAYLAKE_LAKE_URI": "file:///a#b"}, "is no lake"),
        ({"PLAYLAKE_LAKE_URI": "file:relative"}, "is no lake"),
        ({"PLAYLAKE_LAKE_URI": "file:///x", "PLAYLAKE_MAX_LATE_DAYS": "9" * 20}, "give whole days"),
        ({"PLAYLAKE_LAKE_URI": "file:///x", "PLAYLAKE_MAX_LATE_DAYS": "-1"}, "give whole days"),
    ],
)
def test_a_setting_that_cannot_be_is_named(monkeypatch, variables, complaint):
    monkeypatch.delenv("PLAYLAKE_LAKE_URI", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=complaint):
        transform(firehose_event(b""), CONTEXT)
