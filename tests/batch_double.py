"""What stands in for a service that takes records in batches, over AWS's JSON protocol."""

import base64
import json
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from tests.http_double import Handler, HttpDouble


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


class BatchDouble(HttpDouble):
    """One stream's batch call, at `url` while its `with` lasts.

    Each call meets the next of `faults`, and is served when there are none. `calls` are the
    records' data of each call that was within the limits.
    """

    operation: str
    """The call's `X-Amz-Target`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[list[bytes]] = []
        self.faults: deque[Fault] = deque()
        self.lock = threading.Lock()
        self._stopping = threading.Event()
        super().__init__(_Handler)

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        super().__exit__()

    def broken_limit(self, request: dict[str, Any], body: bytes) -> Refuse | None:
        """Which of the service's limits the call breaks, if it breaks one."""
        raise NotImplementedError

    def keep(self, record: dict[str, Any], data: bytes) -> dict[str, str]:
        """Take a record; gives its result."""
        raise NotImplementedError

    def results(self, results: list[dict[str, str]], failures: int) -> dict[str, Any]:
        """A whole answer."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forget everything, as if just begun."""
        self.calls, self.faults = [], deque()

    def respond(self, target: str, body: bytes) -> Answer | None:
        """What a request is answered; None is a connection that ends."""
        if target != self.operation:
            return Answer.of_error(Refuse(400, "UnknownOperationException", target))
        request = json.loads(body)
        if broken := self.broken_limit(request, body):
            return Answer.of_error(broken)
        records: list[dict[str, Any]] = request["Records"]
        with self.lock:
            self.calls.append([data_of(each) for each in records])
            fault = self.faults.popleft() if self.faults else NO_FAULT
        if isinstance(fault, Hang):
            self._stopping.wait(fault.seconds)
            return None
        with self.lock:
            return self._meet(fault, records)

    def _meet(self, fault: Prompt, records: list[dict[str, Any]]) -> Answer | None:
        match fault:
            case Refuse():
                return Answer.of_error(fault)
            case LoseAnswer():
                self._take(records, NO_FAULT)
                return None
            case Garble(body):
                self._take(records, NO_FAULT)
                return Answer(200, body)
            case FailRecords():
                return self._take(records, fault)

    def _take(self, records: list[dict[str, Any]], fault: FailRecords) -> Answer:
        error = {"ErrorCode": fault.code, "ErrorMessage": fault.message}
        results = [
            error if index in fault.indexes else self.keep(each, data_of(each))
            for index, each in enumerate(records)
        ]
        return Answer(200, json.dumps(self.results(results, results.count(error))).encode())


def data_of(record: dict[str, Any]) -> bytes:
    """A record's data, as it was before base64."""
    return base64.b64decode(record["Data"], validate=True)


def constraint(where: str, what: str) -> Refuse:
    """What a field that is too long or too large is answered."""
    problem = f"1 validation error detected: Value at '{where}' failed to satisfy constraint:"
    return Refuse(400, "ValidationException", f"{problem} Member must have length {what}")


class _Handler(Handler):
    def serve(self) -> None:
        answer = self.double.respond(self.headers["x-amz-target"], self.body())
        if answer is None:
            self.close_connection = True
            return
        kind = {"content_type": "application/x-amz-json-1.1", "x_amzn_requestid": str(uuid4())}
        error = {"x_amzn_errortype": answer.error} if answer.error else {}
        self.answer(answer.status, answer.body, **kind, **error)
