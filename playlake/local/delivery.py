"""The local Firehose: batches from the spool through the transform's Lambda handler to the archive.

It does as Firehose does, but for one thing. A batch that fails is tried three more times and then
put under `failed/`, and nothing behind it waits for ever. When infrastructure fails, the lake's
disk is full say, Firehose drops records after 24 hours; on one machine nobody else keeps a copy, so
here the batch is tried until the fault is mended: records wait in the spool, in order, and the log
says why. (`events.errors.Unavailable` is how a handler or a store tells the one from the other.)
"""

import logging
import random
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import uuid4

from events.errors import Unavailable
from ingest.drivers.spool import DEFAULT_BUFFERING, Batch, Buffering, Spool, SpooledRecord
from playlake.local.invocation import LAMBDA_ARN, Failure, Invoke, Transformed
from transform.archive import archive_key, packed
from transform.failed import FAILED, Failed, failed_line
from transform.store import Store

_logger = logging.getLogger("playlake.delivery")

_DIED = Failure("Lambda.FunctionError", "the process ended during every attempt")
# How long a stop may go unseen while nothing arrives.
_STOP_SECONDS = 0.25


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_id() -> str:
    return str(uuid4())


@dataclass(frozen=True, slots=True)
class Delivered:
    """A batch's fate. `ok`, `failed` and `dropped` add up to `records`; `bytes` are before base64.

    `failed` records lie under `failed/`, and `failure` says why (None when there are none).
    """

    batch: str
    records: int
    bytes: int
    ok: int
    failed: int
    dropped: int
    attempts: int
    seconds: float
    failure: Failure | None


def _ignore(_delivered: Delivered) -> None:
    pass


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """When batches are cut, how often and how patiently they are tried, and by which clock.

    Before a batch's n-th retry it waits a random time up to `retry_seconds` * 2^n; while
    infrastructure fails, up to `unavailable_seconds`. Firehose's own retries: three.

    A batch is given up after `max_attempts` that failed, or `max_begun` that were begun, by
    whichever processes: a machine that loses its power is not the batch's fault, a batch that
    takes down every process that touches it is.
    """

    buffering: Buffering = DEFAULT_BUFFERING
    max_attempts: int = 4
    max_begun: int = 20
    retry_seconds: float = 0.1
    unavailable_seconds: float = 10.0
    sleep: Callable[[float], object] = time.sleep
    now_ms: Callable[[], int] = _wall_clock_ms
    new_id: Callable[[], str] = _new_id


DEFAULTS = DeliverySettings()


class Delivery:
    """The one consumer of a spool: call it from one thread at a time."""

    def __init__(
        self,
        spool: Spool,
        invoke: Invoke,
        archive: Store,
        *,
        settings: DeliverySettings = DEFAULTS,
        on_delivered: Callable[[Delivered], None] = _ignore,
    ) -> None:
        """`archive` is rooted at the data folder: `raw/` and `failed/` come to lie there.

        `on_delivered` hears of each batch once it is complete, and must not raise.
        """
        self._spool = spool
        self._invoke = invoke
        self._archive = archive
        self._settings = settings
        self._on_delivered = on_delivered

    def run(self, stop: threading.Event) -> None:
        """Deliver what is due until `stop` is set, then all the rest, and return.

        While infrastructure fails it tries again and again; a stop then leaves the rest where it
        is, durable, for the next run.
        """
        failures = 0
        while not stop.is_set():
            try:
                if not self.deliver_due():
                    self._spool.wait_due(self._settings.buffering, _STOP_SECONDS)
                failures = 0
            except Unavailable as error:
                failures += 1
                self._wait_for_recovery(error, failures, stop)
        try:
            self.drain()
        except Unavailable as error:
            # The error's sentence is for the user; a traceback would bury it.
            _logger.error("stopped; records wait in the spool for the next start: %s", error)  # noqa: TRY400

    def drain(self) -> list[Delivered]:
        """Deliver everything that is in the spool now, whatever its age.

        Raises `events.errors.Unavailable` when infrastructure fails; nothing is lost, call again.
        """
        everything = replace(self._settings.buffering, max_age_ms=0)
        delivered = []
        while batch := self._next(everything):
            delivered.append(self.deliver(batch))
        return delivered

    def deliver(self, batch: Batch) -> Delivered:
        """See the batch to its end: transformed, archived, and only then out of the spool.

        Raises `events.errors.Unavailable` when infrastructure fails; the batch stays as it was.
        """
        began = time.monotonic()
        try:
            transformed, batch_tried = self._transformed(batch)
            self._put_raw(batch_tried, transformed)
            self._put_failed(batch_tried, transformed)
            self._spool.complete(batch)
        except Unavailable:
            with suppress(Unavailable):
                self._spool.excused(batch)
            raise
        delivered = _fate(batch_tried, transformed, time.monotonic() - began)
        self._on_delivered(delivered)
        return delivered

    def deliver_due(self) -> bool:
        """Deliver one batch, if one is due by size or age; says whether one was.

        Raises `events.errors.Unavailable` when infrastructure fails; nothing is lost, call again.
        """
        batch = self._next(self._settings.buffering)
        if batch:
            self.deliver(batch)
        return batch is not None

    def _next(self, buffering: Buffering) -> Batch | None:
        """The oldest batch that was begun, else a new one."""
        if pending := self._spool.pending():
            return pending[0]
        return self._spool.cut(self._settings.now_ms(), buffering)

    def _transformed(self, batch: Batch) -> tuple[Transformed, Batch]:
        """What came of it, and the batch with the attempts that this took."""
        failure, failed = _DIED, 0
        while failed < self._settings.max_attempts and batch.attempts < self._settings.max_begun:
            if failed:
                self._settings.sleep(_up_to(self._settings.retry_seconds * 2**failed))
            batch = self._spool.attempted(batch)
            result = self._invoke(batch, self._settings.new_id())
            if isinstance(result, Transformed):
                return result, batch
            failure = result
            failed += 1
            _logger.warning(
                "attempt %d at the batch of records %d to %d: %s",
                *(batch.attempts, batch.first, batch.last, failure.message),
            )
        return Transformed((), batch.records, dropped=0, failure=failure), batch

    def _put_raw(self, batch: Batch, transformed: Transformed) -> None:
        if transformed.ok:
            self._put("raw", batch, b"".join(transformed.ok))

    def _put_failed(self, batch: Batch, transformed: Transformed) -> None:
        ended_ms = self._settings.now_ms()
        if transformed.failed:
            lines = [
                error_record(record, transformed.failure, batch.attempts, ended_ms)
                for record in transformed.failed
            ]
            self._put(FAILED, batch, b"".join(lines))

    def _put(self, prefix: str, batch: Batch, data: bytes) -> None:
        self._archive.put(archive_key(prefix, batch.arrived_ms, batch.name), packed(data))

    def _wait_for_recovery(self, error: Unavailable, failures: int, stop: threading.Event) -> None:
        doubled = self._settings.retry_seconds * 2 ** min(failures, 30)  # a float has an end
        seconds = min(self._settings.unavailable_seconds, doubled)
        _logger.error(
            "cannot deliver: %s. Records wait in the spool; trying again within %.1f s.",
            *(error, seconds),
        )
        stop.wait(_up_to(seconds))


def error_record(record: SpooledRecord, failure: Failure, attempts: int, ended_ms: int) -> bytes:
    """The record as Firehose files it: see `transform.failed.failed_line`."""
    return failed_line(
        b64encode(record.data).decode("ascii"),
        record.arrived_ms,
        Failed(failure.code, failure.message, attempts, ended_ms, LAMBDA_ARN),
    )


def _up_to(seconds: float) -> float:
    return random.uniform(0, seconds)  # noqa: S311 (jitter, no secret)


def _fate(batch: Batch, transformed: Transformed, seconds: float) -> Delivered:
    return Delivered(
        batch=batch.name,
        records=len(batch.records),
        bytes=batch.size,
        ok=len(transformed.ok),
        failed=len(transformed.failed),
        dropped=transformed.dropped,
        attempts=batch.attempts,
        seconds=seconds,
        failure=transformed.failure if transformed.failed else None,
    )
