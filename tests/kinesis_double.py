"""Kinesis, as far as the producer meets it: PutRecords over HTTP, with its limits and faults.

moto takes every record of a call or none; this one takes some, and holds calls to the limits.
"""

import base64
import json
import threading
from collections import deque
from hashlib import md5
from typing import NamedTuple
from uuid import uuid4

from tests.firehose_double import (
    NO_FAULT,
    Answer,
    FailRecords,
    Fault,
    Garble,
    Hang,
    LoseAnswer,
    Prompt,
    Refuse,
)
from tests.http_double import Handler, HttpDouble

# PutRecords' own limits, data before base64 and keys together.
MAX_RECORDS = 500
MAX_BYTES = 5 * 1024 * 1024
MAX_RECORD_BYTES = 1024 * 1024
MAX_KEY_CHARACTERS = 256
SHARDS = 4

SLOW_DOWN = "Rate exceeded for shard shardId-000000000000 in stream playlake-demo-dev"
THROTTLED = Refuse(400, "ProvisionedThroughputExceededException", SLOW_DOWN)


def throttle(*indexes: int) -> FailRecords:
    """A 200 whose shard had no room for the records at these indexes."""
    return FailRecords(frozenset(indexes), THROTTLED.code, SLOW_DOWN)


class Entry(NamedTuple):
    """A record as it was put."""

    key: str
    data: bytes

    @property
    def size(self) -> int:
        """What counts towards the limits."""
        return len(self.key.encode()) + len(self.data)

    @property
    def shard(self) -> int:
        """Equal ranges of the key's MD5, as a new stream has them."""
        return (
            int.from_bytes(md5(self.key.encode(), usedforsecurity=False).digest()) * SHARDS >> 128
        )


class KinesisDouble(HttpDouble):
    """One stream's PutRecords, at `url` while its `with` lasts.

    Each call meets the next of `faults`, and is served when there are none. `entries` are those
    it has taken, in order; `calls` what each call brought that was within the limits.
    """

    def __init__(self, name: str = "playlake-demo-dev") -> None:
        self.name = name
        self.entries: list[Entry] = []
        self.calls: list[list[bytes]] = []
        self.faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        super().__init__(_Handler)

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        super().__exit__()

    @property
    def data(self) -> list[bytes]:
        """The records it has taken, as they were before base64."""
        return [entry.data for entry in self.entries]

    def clear(self) -> None:
        """Forget everything, as if just begun."""
        self.entries, self.calls, self.faults = [], [], deque()

    def answer(self, target: str, body: bytes) -> Answer | None:
        """What a request is answered; None is a connection that ends."""
        if target != "Kinesis_20131202.PutRecords":
            return Answer.of_error(Refuse(400, "UnknownOperationException", target))
        request = json.loads(body)
        entries = [
            Entry(each["PartitionKey"], base64.b64decode(each["Data"], validate=True))
            for each in request["Records"]
        ]
        if broken := self._broken_limit(request["StreamName"], entries):
            return Answer.of_error(broken)
        with self._lock:
            self.calls.append([entry.data for entry in entries])
            fault = self.faults.popleft() if self.faults else NO_FAULT
        if isinstance(fault, Hang):
            self._stopping.wait(fault.seconds)
            return None
        with self._lock:
            return self._meet(fault, entries)

    def _broken_limit(self, name: str, entries: list[Entry]) -> Refuse | None:
        if name != self.name:
            problem = f"Stream {name} under account 123456789012 not found."
            return Refuse(400, "ResourceNotFoundException", problem)
        if not 0 < len(entries) <= MAX_RECORDS:
            return _constraint("records", f"less than or equal to {MAX_RECORDS}")
        for index, entry in enumerate(entries, 1):
            if not 0 < len(entry.key) <= MAX_KEY_CHARACTERS:
                where = f"records.{index}.member.partitionKey"
                return _constraint(where, f"from 1 to {MAX_KEY_CHARACTERS}")
            if entry.size > MAX_RECORD_BYTES:
                constraint = f"less than or equal to {MAX_RECORD_BYTES}"
                return _constraint(f"records.{index}.member.data", constraint)
        if sum(entry.size for entry in entries) > MAX_BYTES:
            return Refuse(400, "InvalidArgumentException", "Records size exceeds 5 MB limit")
        return None

    def _meet(self, fault: Prompt, entries: list[Entry]) -> Answer | None:
        match fault:
            case Refuse():
                return Answer.of_error(fault)
            case LoseAnswer():
                self.entries.extend(entries)
                return None
            case Garble(body):
                self.entries.extend(entries)
                return Answer(200, body)
            case FailRecords():
                return self._take(entries, fault)

    def _take(self, entries: list[Entry], fault: FailRecords) -> Answer:
        failure = {"ErrorCode": fault.code, "ErrorMessage": fault.message}
        results = []
        for index, entry in enumerate(entries):
            failed = index in fault.indexes
            results.append(failure if failed else self._taken(entry))
        failures = results.count(failure)
        return Answer(200, json.dumps({"FailedRecordCount": failures, "Records": results}).encode())

    def _taken(self, entry: Entry) -> dict[str, str]:
        self.entries.append(entry)
        number = 49_546_986_683_135_544_286_507_457_936_321_625_675_700_192_471_156_785_154
        return {
            "ShardId": f"shardId-{entry.shard:012}",
            "SequenceNumber": str(number + len(self.entries)),
        }


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
