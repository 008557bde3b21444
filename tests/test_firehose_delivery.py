"""From the collector's handler over a delivery stream to tables, raw lines and the error prefix."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from events.errors import StreamUnavailable
from ingest.handler import collect
from ingest.settings import open_stream, wire
from playlake.local.invocation import Transform
from tests.batch_double import UNAVAILABLE, FailRecords, Refuse
from tests.delivering import Event, answering, failed_records, keep, lines_under, raising, raw_data
from tests.firehose_double import FirehoseDelivery, FirehoseDouble
from tests.lambda_context import CONTEXT
from tests.records import LAB_PLAY
from transform.batch import deliver
from transform.drivers.file_store import FileStore
from transform.process import Processor

NAME = "playlake-demo-dev"


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[FirehoseDouble]:
    """A delivery stream, where the collector's environment leads to."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")  # the driver's own configuration counts
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    monkeypatch.setenv("PLAYLAKE_STREAM", f"firehose://{NAME}")
    wire.cache_clear()
    with FirehoseDouble(NAME) as double:
        monkeypatch.setenv("AWS_ENDPOINT_URL_FIREHOSE", double.url)
        yield double
    wire.cache_clear()


POST = json.loads((Path(__file__).parent / "events" / "http_api_post.json").read_text())


def post(*events: Event) -> int:
    """The collector's status for one request with these events."""
    event = {**POST, "body": json.dumps(events), "isBase64Encoded": False}
    return collect(event, CONTEXT)["statusCode"]


def test_the_collector_answers_200_once_firehose_has_the_events(deployed):
    deployed.faults.append(FailRecords(frozenset({0})))
    assert post(LAB_PLAY, LAB_PLAY) == 200
    assert len(deployed.calls) == 2
    (record,) = deployed.data
    assert [json.loads(line)["video_id"] for line in record.splitlines()] == ["foobarbaz"] * 2


def test_the_collector_answers_503_when_firehose_has_them_not_and_says_why(deployed, caplog):
    deployed.faults.append(Refuse(400, "AccessDeniedException", "not authorized"))
    assert post(LAB_PLAY) == 503
    assert "firehose:PutRecordBatch" in caplog.text
    assert len(deployed.calls) == 1


def test_botocore_is_left_no_retries_of_its_own(deployed):
    deployed.faults.append(UNAVAILABLE)
    began = time.monotonic()
    assert post(LAB_PLAY) == 200
    assert len(deployed.calls) == 2
    assert time.monotonic() - began < 3


# Beyond the stream: batches, the transform, the archive


def transform_into(lake: FileStore) -> Transform:
    """The transform's own batch function, as a Lambda handler."""
    processor = Processor()
    return lambda event, _context: deliver(event, processor, lake).response


def failing(transform: Transform, word: bytes) -> Transform:
    """`transform`, but it answers ProcessingFailed for records that have the word in them."""

    def marked(event: Event, context: object) -> dict:
        response = transform(event, context)
        for record, data in zip(response["records"], data_of(event), strict=True):
            if word in data:
                record["result"] = "ProcessingFailed"
        return response

    return marked


def data_of(event: Event) -> list[bytes]:
    return raw_data([{"rawData": record["data"]} for record in event["records"]])


def test_events_go_from_the_collector_to_tables_raw_lines_and_the_error_prefix(deployed, tmp_path):
    lake, bucket = FileStore(tmp_path / "lake"), FileStore(tmp_path)
    names = ["poison" if each % 10 == 3 else f"video{each}" for each in range(300)]
    for name in names:
        assert post({**LAB_PLAY, "video_id": name}) == 200
    delivery = FirehoseDelivery(failing(transform_into(lake), b"poison"), bucket)
    delivery.take(taken := deployed.take())
    delivery.flush()

    assert delivery.invocations == [300]
    (raw,) = bucket.keys("raw/")
    assert raw.endswith(".gz")
    kept = [json.loads(line)["video_id"] for line in lines_under(bucket, raw)]
    assert kept == [name for name in names if name != "poison"]
    failed = failed_records(bucket)
    assert raw_data(failed) == [each.data for each in taken if b"poison" in each.data]
    assert {each["errorCode"] for each in failed} == {"Lambda.ProcessingFailedStatus"}
    assert {each["attemptsMade"] for each in failed} == {1}
    (play,) = lake.keys("video_play_events/dt=2018-08-29/part-")
    assert len(lake.get(play)) > 1_000


def test_batches_are_cut_by_size_and_one_object_holds_many(deployed, tmp_path):
    bucket = FileStore(tmp_path)
    delivery = FirehoseDelivery(keep, bucket)
    stream = open_stream(f"firehose://{NAME}")
    records = [b"%06d" % each + b"x" * 9_993 + b"\n" for each in range(250)]
    stream.put(records)
    delivery.take(deployed.take())
    assert delivery.invocations == [104, 104]  # each up to 1 MiB, 10,000 bytes a record
    assert list(bucket.keys()) == []
    delivery.flush()
    assert delivery.invocations == [104, 104, 42]
    assert len(list(bucket.keys())) == 1
    assert lines_under(bucket, "raw/") == records


def test_a_batch_is_transformed_when_its_first_record_is_old_enough(deployed, tmp_path):
    deployed_at = time.time_ns() // 1_000_000
    late = FirehoseDelivery(keep, FileStore(tmp_path), now_ms=lambda: deployed_at + 90_000)
    soon = replace(late, now_ms=lambda: deployed_at, invocations=[], _waiting=[])
    open_stream(f"firehose://{NAME}").put([b"1\n"])
    records = deployed.take()
    soon.take(records)
    late.take(records)
    assert (soon.invocations, late.invocations) == ([], [1])


@pytest.mark.parametrize(
    ("transform", "code"),
    [
        (raising(StreamUnavailable("the lake is closed")), "Lambda.FunctionError"),
        (answering(lambda results: results.pop()), "Lambda.MissingRecordId"),
    ],
)
def test_a_batch_that_fails_four_times_lies_under_the_error_prefix(
    deployed, tmp_path, transform, code
):
    bucket = FileStore(tmp_path)
    delivery = FirehoseDelivery(transform, bucket)
    open_stream(f"firehose://{NAME}").put([b"1\n", b"2\n"])
    delivery.take(deployed.take())
    delivery.flush()
    assert delivery.invocations == [2, 2, 2, 2]
    failed = failed_records(bucket)
    assert raw_data(failed) == [b"1\n", b"2\n"]
    assert {(each["attemptsMade"], each["errorCode"]) for each in failed} == {(4, code)}
    assert list(bucket.keys("raw/")) == []
