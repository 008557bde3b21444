"""An invocation as Firehose makes it: the event it sends, and the answers it does not take."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.drivers.spool import Batch, Spool, SpooledRecord
from ingest.drivers.spool_batch import MAX_BATCH_BYTES, MAX_BATCH_RECORDS
from playlake.local.invocation import MAX_RESPONSE_BYTES, Transform, event_of
from tests.delivering import (
    NOON,
    ArchiveDouble,
    Recorder,
    answering,
    delivery,
    failed_records,
    lines_under,
    raising,
    raw_data,
    result,
)

RECORDED = json.loads((Path(__file__).parent / "events" / "firehose_put.json").read_text())


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool.sqlite", now_ms=lambda: NOON) as spool:
        yield spool


@pytest.fixture
def archive(tmp_path: Path) -> ArchiveDouble:
    return ArchiveDouble(tmp_path / "data")


# What the handler is given


def test_the_event_has_the_shape_of_a_recorded_one(spool: Spool, archive: ArchiveDouble):
    transform = Recorder()
    spool.put([b"1\n", b"2\n"])
    delivery(spool, transform, archive).drain()
    (event,) = transform.events
    assert event.keys() == RECORDED.keys()
    for record in event["records"]:
        assert {name: type(value) for name, value in record.items()} == {
            name: type(value) for name, value in RECORDED["records"][0].items()
        }
    assert [base64.b64decode(each["data"]) for each in event["records"]] == [b"1\n", b"2\n"]
    assert [each["approximateArrivalTimestamp"] for each in event["records"]] == [NOON, NOON]
    assert json.loads(json.dumps(event)) == event


def test_each_attempt_is_an_invocation_of_its_own_with_the_same_records(
    spool: Spool, archive: ArchiveDouble
):
    transform = Recorder(raising(RuntimeError("once")), raising(RuntimeError("twice")))
    spool.put([b"1\n", b"2\n"])
    delivery(spool, transform, archive).drain()
    assert len({event["invocationId"] for event in transform.events}) == 3
    first, *others = [event["records"] for event in transform.events]
    assert others == [first, first]


def test_the_largest_batch_is_within_what_lambda_takes_and_gives():
    sizes = [MAX_BATCH_BYTES // MAX_BATCH_RECORDS] * MAX_BATCH_RECORDS
    records = [SpooledRecord(10**18 + n, NOON, b"x" * size) for n, size in enumerate(sizes)]
    event = event_of(Batch(tuple(records)), "0" * 36)
    answer = {"records": [result(record, "ProcessingFailed") for record in event["records"]]}
    assert len(json.dumps(event)) < MAX_RESPONSE_BYTES
    assert len(json.dumps(answer)) < MAX_RESPONSE_BYTES


# What it does not take


def first_set(**fields: object) -> Transform:
    return answering(lambda results: results[0].update(fields))


VIOLATIONS = {
    "raises": (raising(ZeroDivisionError("by zero")), "Lambda.FunctionError", "by zero"),
    "misses a record": (answering(list.pop), "Lambda.MissingRecordId", "not returned"),
    "doubles a record": (
        answering(lambda results: results.append(results[0])),
        "Lambda.DuplicatedRecordId",
        "more than once",
    ),
    "invents a record": (
        answering(lambda results: results.append(result({"recordId": "x", "data": ""}))),
        "Lambda.MissingRecordId",
        "never given: x",
    ),
    "unknown result": (first_set(result="OK"), "Lambda.JsonProcessingException", "is 'OK'"),
    "no result": (first_set(result=None), "Lambda.JsonProcessingException", "is None"),
    "bad base64": (first_set(data="a-b_"), "Lambda.JsonProcessingException", "not base64"),
    "torn base64": (first_set(data="YWJ"), "Lambda.JsonProcessingException", "not base64"),
    "no data": (first_set(data=None), "Lambda.JsonProcessingException", "not base64"),
    "bytes for text": (first_set(data=b"YWJj"), "Lambda.FunctionError", "not JSON"),
    "too large": (
        first_set(data="A" * MAX_RESPONSE_BYTES),
        "Lambda.FunctionError",
        "over Lambda's 6291456",
    ),
    "no records": (lambda event, context: {}, "Lambda.JsonProcessingException", "is not {"),
    "nothing": (lambda event, context: None, "Lambda.JsonProcessingException", "is not {"),
    "no id": (first_set(recordId=7), "Lambda.JsonProcessingException", "is not {"),
}


@pytest.mark.parametrize(("transform", "code", "message"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_broken_answer_is_tried_three_times_more_and_then_archived_as_failed(
    spool: Spool, archive: ArchiveDouble, transform: Transform, code: str, message: str
):
    recorder, slept = Recorder(*[transform] * 4), []
    spool.put([b"1\n", b"2\n"])
    (delivered,) = delivery(spool, recorder, archive, slept).drain()
    failed = failed_records(archive)
    assert len(recorder.events) == delivered.attempts == 4
    assert len(slept) == 3
    assert raw_data(failed) == [b"1\n", b"2\n"]
    assert {(each["attemptsMade"], each["errorCode"]) for each in failed} == {(4, code)}
    assert all(message in each["errorMessage"] for each in failed)
    assert list(archive.keys("raw/")) == []
    assert spool.backlog().records == 0


@pytest.mark.parametrize(("transform", "code", "message"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_broken_answer_that_is_right_the_next_time_fails_nothing(
    spool: Spool, archive: ArchiveDouble, transform: Transform, code: str, message: str
):
    spool.put([b"1\n", b"2\n"])
    (delivered,) = delivery(spool, Recorder(transform), archive).drain()
    assert lines_under(archive, "raw/") == [b"1\n", b"2\n"]
    assert list(archive.keys("failed/")) == []
    assert delivered.attempts == 2
