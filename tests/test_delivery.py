"""The local Firehose: what is in the spool comes to the archive, once, whatever breaks."""

import base64
import logging
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from events.errors import StoreUnavailable
from ingest.drivers.spool import Buffering, Spool
from playlake.local.delivery import Delivered, Delivery, DeliverySettings
from playlake.local.invocation import LAMBDA_ARN, Transform, invoke
from tests.delivering import (
    DAY,
    NOON,
    ArchiveDouble,
    Event,
    Recorder,
    answering,
    delivery,
    failed_records,
    keep,
    lines_under,
    raising,
    raw_data,
)
from transform.store import Store


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool.sqlite", now_ms=lambda: NOON) as spool:
        yield spool


@pytest.fixture
def archive(tmp_path: Path) -> ArchiveDouble:
    return ArchiveDouble(tmp_path / "data")


# What comes of its answer


def test_ok_records_are_archived_as_returned_and_leave_the_spool(
    spool: Spool, archive: ArchiveDouble
):
    def upper(results: list[Event]) -> None:
        for each in results:
            data = base64.b64decode(each["data"]).upper()
            each["data"] = base64.b64encode(data).decode()

    spool.put([b"a\n", b"b\n"])
    (delivered,) = delivery(spool, answering(upper), archive).drain()
    assert lines_under(archive, f"raw/{DAY}/") == [b"A\n", b"B\n"]
    assert (delivered.records, delivered.ok, delivered.bytes, delivered.attempts) == (2, 2, 4, 1)
    assert delivered.failure is None
    assert spool.backlog().records == 0
    assert spool.pending() == []


def test_results_may_come_in_any_order_and_are_archived_in_the_spools(
    spool: Spool, archive: ArchiveDouble
):
    spool.put([b"1\n", b"2\n", b"3\n"])
    delivery(spool, answering(list.reverse), archive).drain()
    assert lines_under(archive, "raw/") == [b"1\n", b"2\n", b"3\n"]


def test_a_record_that_fails_is_archived_with_its_data_and_its_neighbours_delivered(
    spool: Spool, archive: ArchiveDouble
):
    def fail_second(results: list[Event]) -> None:
        results[1] = {"recordId": results[1]["recordId"], "result": "ProcessingFailed"}

    spool.put([b"1\n", b"\xff\x00", b"3\n"])
    (delivered,) = delivery(spool, answering(fail_second), archive).drain()
    assert lines_under(archive, "raw/") == [b"1\n", b"3\n"]
    assert failed_records(archive) == [
        {
            "attemptsMade": 1,
            "arrivalTimestamp": NOON,
            "errorCode": "Lambda.ProcessingFailedStatus",
            "errorMessage": "ProcessingFailed status set for record",
            "attemptEndingTimestamp": NOON + 9,
            "rawData": base64.b64encode(b"\xff\x00").decode(),
            "lambdaArn": LAMBDA_ARN,
        }
    ]
    assert (delivered.ok, delivered.failed, delivered.dropped) == (2, 1, 0)


def test_dropped_records_are_counted_and_archived_nowhere(spool: Spool, archive: ArchiveDouble):
    def drop_all(results: list[Event]) -> None:
        results[:] = [{"recordId": each["recordId"], "result": "Dropped"} for each in results]

    spool.put([b"1\n", b"2\n"])
    (delivered,) = delivery(spool, answering(drop_all), archive).drain()
    assert (delivered.ok, delivered.failed, delivered.dropped) == (0, 0, 2)
    assert list(archive.keys()) == []
    assert spool.backlog().records == 0


def test_a_failed_batch_does_not_keep_the_next_one_back(spool: Spool, archive: ArchiveDouble):
    spool.put([b"poison\n"])
    spool.cut(NOON, Buffering(max_age_ms=0))
    spool.put([b"good\n"])
    delivery(spool, Recorder(*[raising(ValueError())] * 4), archive).drain()
    assert raw_data(failed_records(archive)) == [b"poison\n"]
    assert lines_under(archive, "raw/") == [b"good\n"]


# Names


def test_the_same_batch_is_the_same_object_however_often_it_is_delivered(
    spool: Spool, archive: ArchiveDouble
):
    spool.put([b"1\n", b"2\n"])
    archive.answers_lost = 1
    with pytest.raises(StoreUnavailable):
        delivery(spool, keep, archive).drain()
    (key,) = archive.keys()
    before = archive.get(key)
    delivery(spool, Recorder(*[raising(ValueError())] * 2), archive).drain()
    assert list(archive.keys()) == [key]
    assert archive.get(key) == before


def test_other_records_are_other_objects_also_in_a_spool_begun_anew(
    tmp_path: Path, archive: ArchiveDouble
):
    for number in range(3):
        with Spool(tmp_path / f"spool-{number}", now_ms=lambda: NOON) as spool:
            spool.put([b"%d\n" % number])
            delivery(spool, keep, archive).drain()
    assert sorted(lines_under(archive, "raw/")) == [b"0\n", b"1\n", b"2\n"]


def test_the_day_of_an_object_is_that_of_its_first_record_in_utc(
    tmp_path: Path, archive: ArchiveDouble
):
    midnight = 1_790_035_200_000
    times = iter([midnight - 1, midnight])
    with Spool(tmp_path / "spool", now_ms=lambda: next(times)) as spool:
        spool.put([b"1\n"])
        spool.put([b"2\n"])
        Delivery(spool, partial(invoke, keep), archive).drain()
    (key,) = archive.keys("raw/")
    assert key.startswith("raw/dt=2026-09-21/")


# Faults of the infrastructure


def test_a_store_that_does_not_answer_keeps_records_in_the_spool_and_in_order(
    spool: Spool, archive: ArchiveDouble
):
    spool.put([b"1\n"])
    deliver = delivery(spool, keep, archive)
    archive.failures = 1
    with pytest.raises(StoreUnavailable):
        deliver.drain()
    spool.put([b"2\n"])
    assert spool.backlog().records == 2
    deliver.drain()
    assert lines_under(archive, "raw/") == [b"1\n", b"2\n"]


def test_a_lake_that_does_not_answer_never_makes_a_batch_fail(spool: Spool, archive: ArchiveDouble):
    transform = Recorder(*[raising(StoreUnavailable("the disk is full"))] * 20)
    deliver = delivery(spool, transform, archive)
    spool.put([b"1\n"])
    for _ in range(20):
        with pytest.raises(StoreUnavailable):
            deliver.drain()
    (delivered,) = deliver.drain()
    assert delivered.attempts == 1
    assert lines_under(archive, "raw/") == [b"1\n"]
    assert list(archive.keys("failed/")) == []


# The loop


class Running:
    """A delivery in its own thread, as `playlake dev` has it."""

    def __init__(self, spool: Spool, transform: Transform, archive: Store, **settings: Any) -> None:
        self.delivered: list[Delivered] = []
        self.heard = threading.Event()
        self._stop = threading.Event()
        self._delivery = Delivery(
            spool,
            partial(invoke, transform),
            archive,
            settings=DeliverySettings(**settings),
            on_delivered=self._hear,
        )
        self._thread = threading.Thread(target=self._delivery.run, args=(self._stop,))

    def _hear(self, delivered: Delivered) -> None:
        self.delivered.append(delivered)
        self.heard.set()

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


def test_what_arrives_is_delivered_while_it_runs(tmp_path: Path, archive: ArchiveDouble):
    buffering = Buffering(max_age_ms=20)
    with (
        Spool(tmp_path / "spool") as spool,
        Running(spool, keep, archive, buffering=buffering) as running,
    ):
        for number in range(3):
            running.heard.clear()
            spool.put([b"%d\n" % number])
            assert running.heard.wait(5)
        assert spool.backlog().records == 0
    assert lines_under(archive, "raw/") == [b"0\n", b"1\n", b"2\n"]


def test_a_stop_delivers_the_rest_whatever_its_age(tmp_path: Path, archive: ArchiveDouble):
    hour = Buffering(max_age_ms=3_600_000)
    with Spool(tmp_path / "spool") as spool:
        with Running(spool, keep, archive, buffering=hour) as running:
            spool.put([b"1\n"])
        assert [each.records for each in running.delivered] == [1]
        assert spool.backlog().records == 0


def test_batches_begun_before_a_restart_come_first(tmp_path: Path, archive: ArchiveDouble):
    transform = Recorder()
    with Spool(tmp_path / "spool") as spool:
        spool.put([b"1\n"])
        spool.cut(NOON * 2)
    with Spool(tmp_path / "spool") as spool:
        spool.put([b"2\n"])
        with Running(spool, transform, archive):
            pass
    sent = [base64.b64decode(each["records"][0]["data"]) for each in transform.events]
    assert sent == [b"1\n", b"2\n"]


def test_it_goes_on_by_itself_once_the_archive_answers_again(
    tmp_path: Path, archive: ArchiveDouble, caplog: pytest.LogCaptureFixture
):
    archive.failures = 1_100  # long enough for a wait that doubles to leave the floats
    settings = {"buffering": Buffering(max_age_ms=0), "unavailable_seconds": 0.0}
    with Spool(tmp_path / "spool") as spool, Running(spool, keep, archive, **settings) as running:
        spool.put([b"1\n"])
        assert running.heard.wait(30)
    assert lines_under(archive, "raw/") == [b"1\n"]
    assert "No space left on device. Records wait in the spool" in caplog.text


def test_a_stop_while_the_archive_fails_leaves_the_records_for_the_next_start(
    tmp_path: Path, archive: ArchiveDouble, caplog: pytest.LogCaptureFixture
):
    archive.failures = 1_000_000
    with caplog.at_level(logging.ERROR), Spool(tmp_path / "spool") as spool:
        with Running(spool, keep, archive):
            spool.put([b"1\n"])
        assert spool.backlog().records == 1
    assert "for the next start" in caplog.text
    archive.failures = 0
    with Spool(tmp_path / "spool") as spool:
        delivery(spool, keep, archive).drain()
    assert lines_under(archive, "raw/") == [b"1\n"]
