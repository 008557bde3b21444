"""Firehose, as far as playlake meets it: PutRecordBatch over HTTP, and the delivery behind it.

moto answers `FailedPutCount` 0 whatever happens, and ministack transforms one record at a time;
these two fail, batch, gzip and use the error prefix as the service does.
"""

import base64
import gzip
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

from events.errors import Unavailable
from ingest.drivers.spool_batch import MAX_BATCH_RECORDS, Batch, Buffering, SpooledRecord
from playlake.delivery import error_record
from playlake.invocation import Failure, Transform, Transformed, invoke
from tests.http_double import Handler, HttpDouble
from transform.store import Store

# PutRecordBatch's own limits, and its words when they are broken (seen in osquery issue 3568).
MAX_RECORDS = 500
MAX_BYTES = 4 * 1024 * 1024
MAX_RECORD_BYTES = 1_024_000


@dataclass(frozen=True)
class FailRecords:
    """A 200 that did not take the records at these indexes (which may be more than there are)."""

    indexes: frozenset[int]
    code: str = "ServiceUnavailableException"
    message: str = "Slow down."


@dataclass(frozen=True)
class Refuse:
    """Take nothing, and answer an error."""

    status: int
    code: str
    message: str = "told to"


@dataclass(frozen=True)
class Hang:
    """Take nothing and answer nothing for so long; then hang up."""

    seconds: float


@dataclass(frozen=True)
class LoseAnswer:
    """Take every record, and hang up without a word."""


@dataclass(frozen=True)
class Garble:
    """Take every record, and answer a 200 with this body."""

    body: bytes = b"<html>a proxy's page</html>"


Prompt = FailRecords | Refuse | LoseAnswer | Garble
Fault = Prompt | Hang

NO_FAULT = FailRecords(frozenset())
THROTTLED = Refuse(400, "ThrottlingException", "Rate exceeded")
UNAVAILABLE = Refuse(503, "ServiceUnavailableException", "Slow down.")
BROKEN = Refuse(500, "InternalFailure")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; None in its stead is a connection that ends."""

    status: int
    body: bytes
    error: str = ""

    @classmethod
    def of_error(cls, refuse: Refuse) -> Self:
        """The JSON 1.1 protocol's shape of an error."""
        body = {"__type": refuse.code, "message": refuse.message}
        return cls(refuse.status, json.dumps(body).encode(), refuse.code)


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class FirehoseDouble(HttpDouble):
    """One delivery stream's PutRecordBatch, at `url` while its `with` lasts.

    Each call meets the next of `faults`, and is served when there are none. `records` are those
    it has taken, in order; `calls` what each call brought that was within the limits.
    """

    def __init__(
        self, name: str = "playlake-demo-dev", now_ms: Callable[[], int] = _wall_clock_ms
    ) -> None:
        self.name = name
        self.records: list[SpooledRecord] = []
        self.calls: list[list[bytes]] = []
        self.faults: deque[Fault] = deque()
        self._now_ms = now_ms
        self._last_sequence = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        super().__init__(_Handler)

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        super().__exit__()

    @property
    def data(self) -> list[bytes]:
        """The records it has taken, as they were before base64."""
        return [record.data for record in self.records]

    def clear(self) -> None:
        """Forget everything, as if just begun."""
        self.records, self.calls, self.faults = [], [], deque()

    def take(self) -> list[SpooledRecord]:
        """The records it has taken since it was last asked."""
        with self._lock:
            taken, self.records = self.records, []
        return taken

    def answer(self, target: str, body: bytes) -> Answer | None:
        """What a request is answered."""
        if target != "Firehose_20150804.PutRecordBatch":
            return Answer.of_error(Refuse(400, "UnknownOperationException", target))
        request = json.loads(body)
        data = [base64.b64decode(each["Data"], validate=True) for each in request["Records"]]
        if fault := self._broken_limit(request["DeliveryStreamName"], body, data):
            return Answer.of_error(fault)
        with self._lock:
            self.calls.append(data)
            fault = self.faults.popleft() if self.faults else NO_FAULT
        if isinstance(fault, Hang):
            self._stopping.wait(fault.seconds)
            return None
        with self._lock:
            return self._meet(fault, data)

    def _broken_limit(self, name: str, body: bytes, data: list[bytes]) -> Refuse | None:
        if name != self.name:
            problem = f"Firehose {name} under account 123456789012 not found."
            return Refuse(400, "ResourceNotFoundException", problem)
        if not 0 < len(data) <= MAX_RECORDS:
            return _constraint("records", f"less than or equal to {MAX_RECORDS}")
        for index, each in enumerate(data, 1):
            if len(each) > MAX_RECORD_BYTES:
                constraint = f"less than or equal to {MAX_RECORD_BYTES}"
                return _constraint(f"records.{index}.member.data", constraint)
        if len(body) > MAX_BYTES:
            return Refuse(400, "InvalidArgumentException", "Records size exceeds 4 MB limit")
        return None

    def _meet(self, fault: Prompt, data: list[bytes]) -> Answer | None:
        match fault:
            case Refuse():
                return Answer.of_error(fault)
            case LoseAnswer():
                self._keep(data, frozenset())
                return None
            case Garble(body):
                self._keep(data, frozenset())
                return Answer(200, body)
            case FailRecords(indexes, code, message):
                failed = indexes & set(range(len(data)))
                self._keep(data, failed)
                error = {"ErrorCode": code, "ErrorMessage": message}
                return _results([None if i not in failed else error for i in range(len(data))])

    def _keep(self, data: list[bytes], but: frozenset[int]) -> None:
        for index, each in enumerate(data):
            if index not in but:
                self._last_sequence += 1
                self.records.append(SpooledRecord(self._last_sequence, self._now_ms(), each))


def _results(errors: list[dict[str, str] | None]) -> Answer:
    body = {
        "FailedPutCount": sum(error is not None for error in errors),
        "Encrypted": True,
        "RequestResponses": [error or {"RecordId": uuid4().hex} for error in errors],
    }
    return Answer(200, json.dumps(body).encode())


def _constraint(where: str, what: str) -> Refuse:
    problem = f"1 validation error detected: Value at '{where}' failed to satisfy constraint:"
    return Refuse(400, "ValidationException", f"{problem} Member must have length {what}")


class _Handler(Handler):
    def serve(self) -> None:
        answer = self.double.answer(self.headers["x-amz-target"], self.body())
        if answer is None:
            self.close_connection = True
            return
        kind = {"content_type": "application/x-amz-json-1.1", "x_amzn_requestid": str(uuid4())}
        error = {"x_amzn_errortype": answer.error} if answer.error else {}
        self.answer(answer.status, answer.body, **kind, **error)


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
