"""The stream on Amazon Data Firehose, by direct put."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as ConnectionFault
from botocore.session import Session

from events.errors import SettingsError, StreamUnavailable

# The limits of PutRecordBatch. Source: Amazon Data Firehose API reference, "PutRecordBatch", and
# Developer Guide, "Quota": 500 records and 4 MiB a call, 1,000 KiB a record before base64.
MAX_RECORD_BYTES = 1_024_000
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Of the request's body, base64 and JSON included. The documentation does not say what it counts;
this is the strictest reading, and it costs a second call only to puts beyond 3 MiB."""

_ENVELOPE_BYTES = 128  # {"DeliveryStreamName": "...", "Records": []}, names have 64 at most
_AROUND_RECORD_BYTES = len('{"Data": ""}, ')

# One call may take connect_timeout + read_timeout. The retries are FirehoseStream's: botocore's
# see neither the records that failed inside a 200 nor a deadline, and would resend a whole batch
# for the one record of it. Its keep-alive connections die while Lambda is frozen between two
# requests; the first call after that fails and is tried again like any other.
CONFIG = Config(
    connect_timeout=1.0,
    read_timeout=2.0,
    retries={"mode": "standard", "total_max_attempts": 1},
    tcp_keepalive=True,
)

_TRANSIENT_CODES = frozenset(
    {
        "InternalFailure",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_CHECK_CREDENTIALS = "Check the credentials, the region and the clock of this machine."
_REMEDIES = {
    "AccessDeniedException": "Allow this role firehose:PutRecordBatch on it.",
    "ExpiredTokenException": _CHECK_CREDENTIALS,
    "IncompleteSignature": _CHECK_CREDENTIALS,
    "InvalidArgumentException": "Its source must be direct put; if it is, report a fault of"
    " playlake's.",
    "InvalidKMSResourceException": "Enable the key that encrypts it, and let Firehose use the key.",
    "InvalidSignatureException": _CHECK_CREDENTIALS,
    "InvalidSourceException": "Turn off its decompression of CloudWatch Logs.",
    "MissingAuthenticationTokenException": _CHECK_CREDENTIALS,
    "ResourceNotFoundException": "Deploy the stack, or correct PLAYLAKE_STREAM or the region.",
    "UnrecognizedClientException": _CHECK_CREDENTIALS,
}
_LOOK_IT_UP = "Look the code up in Firehose's API reference, under PutRecordBatch."


# Tenacity would be one more package in the collector's zip, for a loop whose argument changes
# from call to call.
@dataclass(frozen=True, slots=True)
class Patience:
    """How long a put is tried: exponential backoff with full jitter, up to a deadline.

    No call begins that could, by its client's timeouts, end later than `deadline_seconds` after
    the put began; the default leaves room in a Lambda timeout of 10 s. Before the n-th retry, n
    from 0, a put waits a random time up to `first_pause_seconds` * 2^n, `longest_pause_seconds` at
    most. `clock` counts seconds, `random` gives a number from 0 to 1.
    """

    deadline_seconds: float = 6.0
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    random: Callable[[], float] = random.random

    def pause(self, retries: int) -> float:
        """How long to wait, after so many retries, before the next one."""
        doubled = self.first_pause_seconds * 2.0 ** min(retries, 30)  # a float has an end
        return self.random() * min(doubled, self.longest_pause_seconds)


PATIENCE = Patience()


class _Sent(NamedTuple):
    """What a call left behind, in order, and why."""

    left: Sequence[bytes]
    cause: str


class FirehoseStream:
    """A delivery stream. Puts come from any threads.

    Firehose keeps the order of records only loosely; this driver sends them in the order given,
    and those that failed before those that were not sent yet.
    """

    max_record_bytes = MAX_RECORD_BYTES

    def __init__(self, name: str, client: Any = None, patience: Patience = PATIENCE) -> None:
        """The delivery stream `name`, in the region and account of the AWS environment.

        `client` is botocore's, made here when there is none: once a process, as it takes 50 ms.
        Another one should have no retries of its own and short timeouts, as CONFIG has: they
        count towards the deadline. Raises SettingsError when no client can be made.
        """
        self._name = name
        self._client = _open_client(name) if client is None else client
        self._patience = patience
        config = self._client.meta.config
        self._call_seconds = config.connect_timeout + config.read_timeout

    def put(self, records: Sequence[bytes]) -> None:
        """See `ingest.stream.Stream.put`. A record over the limit is the caller's: ValueError.

        What Firehose may yet take is tried again until the deadline; what it never will raises
        StreamUnavailable at once. An answer that was lost doubles records.
        """
        _check_sizes(records)
        waiting = list(records)
        last_start = self._patience.clock() + self._patience.deadline_seconds - self._call_seconds
        retries = 0
        while waiting:
            batch = waiting[: _first_batch(waiting)]
            sent = self._send(batch)
            waiting[: len(batch)] = sent.left
            pause = self._patience.pause(retries) if sent.left else 0.0
            if waiting and self._patience.clock() + pause > last_start:
                raise self._out_of_time(len(waiting), len(records), sent.cause)
            if sent.left:
                self._patience.sleep(pause)
                retries += 1

    def _send(self, batch: Sequence[bytes]) -> _Sent:
        records = [{"Data": record} for record in batch]
        try:
            answer = self._client.put_record_batch(DeliveryStreamName=self._name, Records=records)
        except ClientError as error:
            if not _is_transient(error):
                raise self._refused(error) from error
            return _Sent(batch, str(error))
        except (ConnectionFault, HTTPClientError) as error:  # it may have been taken all the same
            return _Sent(batch, str(error))
        except BotoCoreError as error:
            problem = f"cannot put on {self}: {_sentence(error)}"
            raise StreamUnavailable(f"{problem} {_CHECK_CREDENTIALS}") from error
        return _left_by(answer, batch)

    def _refused(self, error: ClientError) -> StreamUnavailable:
        remedy = _REMEDIES.get(error.response["Error"]["Code"], _LOOK_IT_UP)
        return StreamUnavailable(f"{self} refuses records: {_sentence(error)} {remedy}")

    def _out_of_time(self, left: int, given: int, cause: str) -> StreamUnavailable:
        return StreamUnavailable(
            f"{self} did not take {left} of {given} records within"
            f" {self._patience.deadline_seconds:g} s: {_sentence(cause or 'there are too many')}"
            " They can be put again; if it goes on, compare its ThrottledRecords with its quota."
        )

    def __str__(self) -> str:
        return f"the delivery stream {self._name} in {self._client.meta.region_name}"


def _open_client(name: str) -> Any:
    # Not by boto3, for a cold start: to import it and make the client took 509 ms, this 421 ms
    # (medians of 9, one core).
    try:
        return Session().create_client("firehose", config=CONFIG)
    except BotoCoreError as error:
        problem = f"firehose://{name} cannot be reached: {_sentence(error)}"
        raise SettingsError(f"{problem} Set AWS_DEFAULT_REGION, or AWS_PROFILE.") from error


def _sentence(cause: object) -> str:
    """AWS's messages end in a full stop or not."""
    return f"{str(cause).removesuffix('.')}."


def _check_sizes(records: Sequence[bytes]) -> None:
    for record in records:
        if len(record) > MAX_RECORD_BYTES:
            raise ValueError(f"a record of {len(record)} bytes exceeds {MAX_RECORD_BYTES} bytes")


def _first_batch(records: Sequence[bytes]) -> int:
    """How many of the records, from the first on, one call may carry: at least one."""
    size = _ENVELOPE_BYTES
    for count, record in enumerate(records[:MAX_BATCH_RECORDS]):
        size += _AROUND_RECORD_BYTES + (len(record) + 2) // 3 * 4  # base64's 4 for 3, padded
        if size > MAX_BATCH_BYTES:
            return count
    return min(len(records), MAX_BATCH_RECORDS)


def _left_by(answer: dict[str, Any], batch: Sequence[bytes]) -> _Sent:
    """The records that a 200 does not say were taken; one that was has a RecordId."""
    results = answer.get("RequestResponses", [])
    if len(results) != len(batch):
        return _Sent(batch, f"the answer has {len(results)} results for {len(batch)} records")
    failed = [
        (record, result)
        for record, result in zip(batch, results, strict=True)
        if "ErrorCode" in result or "RecordId" not in result
    ]
    causes = {f"{each.get('ErrorCode')}: {each.get('ErrorMessage')}" for _, each in failed}
    return _Sent([record for record, _ in failed], ", ".join(sorted(causes)))


def _is_transient(error: ClientError) -> bool:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or status == 429 or error.response["Error"]["Code"] in _TRANSIENT_CODES
