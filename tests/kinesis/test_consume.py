"""`playlake consume` with the real MultiLangDaemon, against emulated AWS."""

import json
import signal
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from events.layout import parse_key
from tests import glue_double
from tests.conftest import eventually, run_playlake
from tests.kinesis.consuming import Consuming, alive, consuming, events, ids, kill, rows_by_id
from tests.kinesis.emulated import REGION, Emulated, Shards
from transform.drivers.file_store import FileStore
from transform.drivers.s3_store import S3Store
from transform.ledger import Ledger

STOP_SECONDS = 20


def put(stream: Shards, count: int, first: int = 0, request: int = 200) -> Counter[str]:
    """Put numbered events, so many in a request; gives what should be found of them."""
    made = events(count, first)
    for start in range(0, count, request):
        stream.put(made[start : start + request])
    return ids(made)


def shards_that_committed(running: Consuming) -> set[str]:
    return {each["shard"] for each in running.commits}


def assert_checkpointed(stream: Shards, application: str, store) -> None:
    """What KCL believes to be read is what the lake has."""
    for shard, checkpoint in stream.checkpoints(application).items():
        standing = Ledger(store, stream.name, shard).load()
        assert standing.begun is None
        assert str(standing.through) == checkpoint


@pytest.fixture(scope="module")
def filled(aws: Emulated) -> tuple[Shards, Counter[str]]:
    """A stream of two shards, more than a megabyte in each, and what is to be found of it."""
    stream = aws.create_stream(2)
    return stream, put(stream, 18_000)


# A first batch is committed by its size, so that reading has begun; the rest of what was read with
# it waits for an hour, or for the signal.
PATIENT = ("--max-megabytes", 1, "--max-seconds", 3600)


def test_a_stream_is_consumed_into_a_folder_and_ctrl_c_commits_what_was_read(
    aws, filled, tmp_path, tell
):
    stream, expected = filled
    data = tmp_path / "data"
    # Nothing is there yet, not even the lease table: KCL waits up to 30 s before it makes leases.
    with consuming(aws, stream, tmp_path, "--data", data, *PATIENT) as running:
        running.wait(lambda: len(shards_that_committed(running)) == 2, 90)
        before = rows_by_id(data)
        taken = running.stop(signal.SIGINT)
    rows = rows_by_id(data)
    tell(f"\n[kinesis] Ctrl-C: {len(before):,} rows, {len(rows):,} once it ended, {taken:.1f} s")
    assert taken < STOP_SECONDS
    assert len(before) < len(expected)
    assert rows == expected
    assert_checkpointed(stream, stream.name, FileStore(data))
    assert "Stopped in" in running.log.read_text()
    assert_status_says_so(aws, stream, data)


def assert_status_says_so(aws: Emulated, stream: Shards, data: Path) -> None:
    options = ("--stream", stream.name, "--data", data, "--format", "json")
    asked = run_playlake("consume", "--status", *options, environment=aws.environment())
    assert asked.code == 0, asked.err
    shards = json.loads(asked.out)
    assert [(each["state"], each["behind_ms"]) for each in shards] == [("open", 0)] * 2
    assert {each["in_lake_through"] for each in shards} == {
        *stream.checkpoints(stream.name).values()
    }


def test_a_stream_is_consumed_into_s3_and_glue_and_sigterm_commits_what_was_read(
    aws, filled, tmp_path, tell
):
    stream, expected = filled
    bucket, application = "playlake-consumed", f"{stream.name}-s3"
    aws.client("s3").create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    glue = aws.client("glue")
    glue_double.create_tables(glue)
    stream.lease(application)
    lake = ("--lake", f"s3://{bucket}/lake", "--catalog", f"glue://{glue_double.DATABASE}")
    named = (*lake, "--application", application)
    with consuming(aws, stream, tmp_path, *named, *PATIENT) as running:
        running.wait(lambda: len(shards_that_committed(running)) == 2)
        taken = running.stop(signal.SIGTERM)
    tell(f"\n[kinesis] SIGTERM took {taken:.1f} s")
    assert taken < STOP_SECONDS
    store = S3Store(bucket, "", aws.client("s3"))
    found = [key for key in store.keys("lake/") if parse_key(key.removeprefix("lake/"))]
    rows = Counter(each for key in found for each in ids_of(store.get(key)))
    assert rows == expected
    assert_checkpointed(stream, application, store)
    for table in {parse_key(key.removeprefix("lake/"))[0] for key in found}:
        known = glue.get_partitions(DatabaseName=glue_double.DATABASE, TableName=table)
        days = {parse_key(key.removeprefix("lake/"))[1] for key in found if f"/{table}/" in key}
        assert {each["Values"][0] for each in known["Partitions"]} == days


def ids_of(data: bytes) -> list[str]:
    rows = pq.ParquetFile(pa.BufferReader(data)).read(["event_id"])
    return rows["event_id"].to_pylist()


def test_a_supervisor_that_is_killed_takes_its_daemon_with_it(aws, tmp_path):
    stream = aws.create_stream(1)
    stream.lease(stream.name)
    expected = put(stream, 100)
    data = tmp_path / "data"
    with consuming(aws, stream, tmp_path, "--data", data, "--max-seconds", 3600) as running:
        running.wait(lambda: len(running.of("shard began")) == 1)
        (daemon,), (child,) = running.daemons(), running.shards()
        kill(running.process.pid)
        eventually(lambda: assert_gone(daemon, child), seconds=STOP_SECONDS)
    # It ended as if it had been asked to.
    assert rows_by_id(data) in (expected, Counter())


def assert_gone(*pids: int) -> None:
    assert [each for each in pids if alive(each)] == []
