"""Firehose, as far as playlake meets it: PutRecordBatch over HTTP, and the delivery behind it.

moto answers `FailedPutCount` 0 whatever happens, and ministack transforms one record at a time;
these two fail, batch, gzip and use the error prefix as the service does.
"""

import gzip
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from events.errors import Unavailable
from ingest.drivers.spool_batch import MAX_BATCH_RECORDS, Batch, Buffering, SpooledRecord
from playlake.local.delivery import error_record
from playlake.local.invocation import Failure, Transform, Transformed, invoke
from tests.batch_double import BatchDouble, Refuse, constraint, data_of
from transform.store import Store

# PutRecordBatch's own limits, and its words when they are broken (seen in osquery issue 3568).
MAX_RECORDS = 500
MAX_BYTES = 4 * 1024 * 1024
MAX_RECORD_BYTES = 1_024_000


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class FirehoseDouble(BatchDouble):
    """One delivery stream's PutRecordBatch. `records` are those it has taken, in order."""

    operation = "Firehose_20150804.PutRecordBatch"

    def __init__(
        self, name: str = "playlake-demo-dev", now_ms: Callable[[], int] = _wall_clock_ms
    ) -> None:
        self.records: list[SpooledRecord] = []
        self._now_ms = now_ms
        self._last_sequence = 0
        super().__init__(name)

    @property
    def data(self) -> list[bytes]:
        """The records it has taken, as they were before base64."""
        return [record.data for record in self.records]

    def clear(self) -> None:
        """Forget everything, as if just begun."""
        super().clear()
        self.records = []

    def take(self) -> list[SpooledRecord]:
        """The records it has taken since it was last asked."""
        with self.lock:
            taken, self.records = self.records, []
        return taken

    def broken_limit(self, request: dict[str, Any], body: bytes) -> Refuse | None:
        """See `BatchDouble.broken_limit`."""
        name, data = request["DeliveryStreamName"], list(map(data_of, request["Records"]))
        if name != self.name:
            problem = f"Firehose {name} under account 123456789012 not found."
            return Refuse(400, "ResourceNotFoundException", problem)
        if not 0 < len(data) <= MAX_RECORDS:
            return constraint("records", f"less than or equal to {MAX_RECORDS}")
        for index, each in enumerate(data, 1):
            if len(each) > MAX_RECORD_BYTES:
                limit = f"less than or equal to {MAX_RECORD_BYTES}"
                return constraint(f"records.{index}.member.data", limit)
        if len(body) > MAX_BYTES:
            return Refuse(400, "InvalidArgumentException", "Records size exceeds 4 MB limit")
        return None

    def keep(self, _record: dict[str, Any], data: bytes) -> dict[str, str]:
        """See `BatchDouble.keep`."""
        self._last_sequence += 1
        self.records.append(SpooledRecord(self._last_sequence, self._now_ms(), data))
        return {"RecordId": uuid4().hex}

    def results(self, results: list[dict[str, str]], failures: int) -> dict[str, Any]:
        """See `BatchDouble.results`."""
        return {"FailedPutCount": failures, "Encrypted": True, "RequestResponses": results}


HINTS = Buffering(max_bytes=1024 * 1024, max_age_ms=60_000)


@dataclass
class FirehoseDelivery:
    """What becomes of the records: through the transform, to objects in `archive`.

    `archive` is rooted at the bucket. Records are transformed in batches by `transforming`, the
    processor's buffering hints; what the transform answers `Ok` is concatenated over batches into
    one gzipped object under `raw/dt=.../`, until it has `object_bytes` or `flush` is called (the
    destination's interval). A batch that fails is tried three times more, then it lies under
    `failed/processing-failed/dt=.../`, as does each record answered ProcessingFailed.
    """

    transform: Transform
    archive: Store
    transforming: Buffering = HINTS
    object_bytes: int = 5 * 1024 * 1024
    now_ms: Callable[[], int] = _wall_clock_ms
    name: str = "playlake-demo-dev"
    invocations: list[int] = field(default_factory=list)
    """How many records each invocation had."""
    _waiting: list[SpooledRecord] = field(default_factory=list)
    _ok: list[bytes] = field(default_factory=list)
    _ok_since_ms: int = 0

    def take(self, records: Iterable[SpooledRecord]) -> None:
        """Buffer these, and transform what is due by size or age."""
        self._waiting.extend(records)
        while (count := self._due()) is not None:
            self._process(count)

    def flush(self) -> None:
        """Both intervals have passed: transform and deliver everything."""
        while self._waiting:
            self._process(self._fitting() or len(self._waiting))
        self._put_raw()

    def _due(self) -> int | None:
        if count := self._fitting():
            return count
        if not self._waiting:
            return None
        age_ms = self.now_ms() - self._waiting[0].arrived_ms
        return len(self._waiting) if age_ms >= self.transforming.max_age_ms else None

    def _fitting(self) -> int | None:
        """How many records fill a batch; None while they do not."""
        size = 0
        for count, record in enumerate(self._waiting, 1):
            size += len(record.data)
            if size >= self.transforming.max_bytes or count == MAX_BATCH_RECORDS:
                # The one that goes over is of the next batch, unless it is the first.
                return count - 1 if size > self.transforming.max_bytes and count > 1 else count
        return None

    def _process(self, count: int) -> None:
        batch, self._waiting = Batch(tuple(self._waiting[:count])), self._waiting[count:]
        transformed, attempts = self._attempt(batch)
        if transformed.ok and not self._ok:
            self._ok_since_ms = batch.arrived_ms
        self._ok.extend(transformed.ok)
        if transformed.failed:
            self._put_failed(batch, transformed, attempts)
        if sum(map(len, self._ok)) >= self.object_bytes:
            self._put_raw()

    def _attempt(self, batch: Batch) -> tuple[Transformed, int]:
        failure = Failure("", "")
        for attempt in range(1, 5):
            self.invocations.append(len(batch.records))
            result = _invoke(self.transform, batch)
            if isinstance(result, Transformed):
                return result, attempt
            failure = result
        return Transformed((), batch.records, dropped=0, failure=failure), 4

    def _put_failed(self, batch: Batch, transformed: Transformed, attempts: int) -> None:
        lines = [
            error_record(record, transformed.failure, attempts, self.now_ms())
            for record in transformed.failed
        ]
        self._put("failed/processing-failed", batch.arrived_ms, lines)

    def _put_raw(self) -> None:
        if self._ok:
            self._put("raw", self._ok_since_ms, self._ok)
            self._ok = []

    def _put(self, prefix: str, arrived_ms: int, parts: Sequence[bytes]) -> None:
        """`Name-version-time-uuid`, of the oldest record's arrival, as Firehose names objects."""
        arrived = datetime.fromtimestamp(arrived_ms / 1_000, UTC)
        name = f"{self.name}-1-{arrived:%Y-%m-%d-%H-%M-%S}-{uuid4()}.gz"
        self.archive.put(f"{prefix}/dt={arrived:%Y-%m-%d}/{name}", gzip.compress(b"".join(parts)))


def _invoke(transform: Transform, batch: Batch) -> Transformed | Failure:
    """To Firehose an error is an error: it does not see that the lake was at fault."""
    try:
        return invoke(transform, batch, str(uuid4()))
    except Unavailable as error:
        return Failure("Lambda.FunctionError", f"{type(error).__name__}: {error}")


def objects(archive: Store, prefix: str) -> dict[str, Any]:
    """What lies under a prefix, unzipped, by key."""
    return {key: gzip.decompress(archive.get(key)) for key in archive.keys(prefix)}
