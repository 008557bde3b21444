"""A stream on a service that takes records in batches and may take some of a batch."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as ConnectionFault
from botocore.session import Session

from events.errors import SettingsError, StreamUnavailable
from ingest.drivers.batch_call import CHECK_CREDENTIALS, BatchCall, Entry
from ingest.drivers.patience import PATIENCE, Patience

# One call may take connect_timeout + read_timeout. The retries are BatchStream's: botocore's
# see neither the records that failed inside a 200 nor a deadline, and would resend a whole batch
# for the one record of it. Its keep-alive connections die while Lambda is frozen between two
# requests; the first call after that fails and is tried again like any other.
CONFIG = Config(
    connect_timeout=1.0,
    read_timeout=2.0,
    retries={"mode": "standard", "total_max_attempts": 1},
    tcp_keepalive=True,
)


class _Sent(NamedTuple):
    """What a call left behind, in order, and why."""

    left: Sequence[Entry]
    cause: str


class BatchStream:
    """A stream by its service's batch call. Puts come from any threads.

    Entries are sent in the order given, and those that failed before those that were not sent yet.
    A driver says what its `call` is and makes the `_entries`.
    """

    call: ClassVar[BatchCall]
    max_record_bytes: int

    def __init__(self, name: str, client: Any = None, patience: Patience = PATIENCE) -> None:
        """The stream `name`, in the region and account of the AWS environment.

        `client` is botocore's, made here when there is none: once a process, as it takes 50 ms.
        Another one should have no retries of its own and short timeouts, as CONFIG has: they
        count towards the deadline. Raises SettingsError when no client can be made.
        """
        self._name = name
        self._client = _open_client(self.call.service, name) if client is None else client
        self._patience = patience
        config = self._client.meta.config
        self._call_seconds = config.connect_timeout + config.read_timeout

    def put(self, records: Sequence[bytes]) -> None:
        """See `ingest.stream.Stream.put`. A record over the limit is the caller's: ValueError.

        What the service may yet take is tried again until the deadline; what it never will raises
        StreamUnavailable at once. An answer that was lost doubles records.
        """
        self._check_sizes(records)
        waiting = self._entries(records)
        last_start = self._patience.clock() + self._patience.deadline_seconds - self._call_seconds
        retries = 0
        while waiting:
            batch = waiting[: self._first_batch(waiting)]
            sent = self._send(batch)
            waiting[: len(batch)] = sent.left
            pause = self._patience.pause(retries) if sent.left else 0.0
            if waiting and self._patience.clock() + pause > last_start:
                raise self._out_of_time(len(waiting), len(records), sent.cause)
            if sent.left:
                self._patience.sleep(pause)
                retries += 1

    def _entries(self, records: Sequence[bytes]) -> list[Entry]:
        """The records of one put as the API writes them, in their order."""
        raise NotImplementedError

    def _check_sizes(self, records: Sequence[bytes]) -> None:
        limit = self.max_record_bytes
        for record in records:
            if len(record) > limit:
                raise ValueError(f"a record of {len(record)} bytes exceeds {limit} bytes")

    def _first_batch(self, entries: Sequence[Entry]) -> int:
        """How many of the entries, from the first on, one call may carry: at least one."""
        size = 0
        for count, entry in enumerate(entries[: self.call.max_entries]):
            size += self.call.entry_bytes(entry)
            if size > self.call.max_bytes:
                return count
        return min(len(entries), self.call.max_entries)

    def _send(self, batch: Sequence[Entry]) -> _Sent:
        try:
            answer = self.call.send(self._client, self._name, batch)
        except ClientError as error:
            if not self.call.is_transient(error):
                problem = f"{self} refuses records: {_sentence(error)}"
                raise StreamUnavailable(f"{problem} {self.call.remedy(error)}") from error
            return _Sent(batch, str(error))
        except (ConnectionFault, HTTPClientError) as error:  # it may have been taken all the same
            return _Sent(batch, str(error))
        except BotoCoreError as error:
            problem = f"cannot put on {self}: {_sentence(error)}"
            raise StreamUnavailable(f"{problem} {CHECK_CREDENTIALS}") from error
        return self._left_by(answer, batch)

    def _left_by(self, answer: Mapping[str, Any], batch: Sequence[Entry]) -> _Sent:
        """The entries that a 200 does not say were taken."""
        results = answer.get(self.call.results, [])
        if len(results) != len(batch):
            return _Sent(batch, f"the answer has {len(results)} results for {len(batch)} records")
        failed = [
            (entry, result)
            for entry, result in zip(batch, results, strict=True)
            if "ErrorCode" in result or self.call.receipt not in result
        ]
        causes = {f"{each.get('ErrorCode')}: {each.get('ErrorMessage')}" for _, each in failed}
        return _Sent([entry for entry, _ in failed], ", ".join(sorted(causes)))

    def _out_of_time(self, left: int, given: int, cause: str) -> StreamUnavailable:
        return StreamUnavailable(
            f"{self} did not take {left} of {given} records within"
            f" {self._patience.deadline_seconds:g} s: {_sentence(cause or 'there are too many')}"
            f" They can be put again; if it goes on, {self.call.when_throttled}"
        )

    def __str__(self) -> str:
        return f"the {self.call.stream_noun} {self._name} in {self._client.meta.region_name}"


def _open_client(service: str, name: str) -> Any:
    # Not by boto3, for a cold start: to import it and make the client took 509 ms, this 421 ms
    # (Firehose's, medians of 9, one core).
    try:
        # botocore reads AWS_DEFAULT_REGION only; every other SDK of AWS's this first.
        region = os.environ.get("AWS_REGION")
        return Session().create_client(service, region_name=region, config=CONFIG)
    except BotoCoreError as error:
        problem = f"{service}://{name} cannot be reached: {_sentence(error)}"
        raise SettingsError(f"{problem} Set AWS_REGION, or AWS_PROFILE.") from error


def _sentence(cause: object) -> str:
    """AWS's messages end in a full stop or not."""
    return f"{str(cause).removesuffix('.')}."
