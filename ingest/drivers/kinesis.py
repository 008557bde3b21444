"""The stream on Amazon Kinesis Data Streams."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from ingest.drivers.batch_call import BatchCall, Entry
from ingest.drivers.batch_stream import CONFIG, BatchStream
from ingest.drivers.partition_key import KEY_BYTES, partition_key
from ingest.drivers.patience import PATIENCE, Patience

__all__ = ["CONFIG", "MAX_BATCH_BYTES", "KinesisStream"]

# The limits of PutRecords, of data before base64 and partition keys together. Source: Amazon
# Kinesis Data Streams API reference, "PutRecords" and "PutRecordsRequestEntry", and Developer
# Guide, "Quotas and limits" and "Handle large records".
MAX_ENTRY_BYTES = 1024 * 1024
"""What every stream takes. One can be told to take up to 10 MiB, which no shard takes often."""
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 5 * 1024 * 1024
"""The limit was 5 MiB, and is 10 MiB since streams take large records. Emulators hold to the old
one, and the collector's puts are larger only when hundreds of events get long headers each."""


def _send(client: Any, name: str, entries: Sequence[Entry]) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = client.put_records(StreamName=name, Records=entries)
    return answer


def _entry_bytes(entry: Entry) -> int:
    return len(entry["Data"]) + len(entry["PartitionKey"])  # the keys are ASCII


_USE_KEY = "of its encryption, and let this role use it: kms:GenerateDataKey."
_PUT_RECORDS = BatchCall(
    service="kinesis",
    action="PutRecords",
    stream_noun="Kinesis stream",
    send=_send,
    results="Records",
    receipt="SequenceNumber",
    max_entries=MAX_BATCH_RECORDS,
    max_bytes=MAX_BATCH_BYTES,
    entry_bytes=_entry_bytes,
    transient_codes=frozenset({"KMSThrottlingException", "ProvisionedThroughputExceededException"}),
    remedies={
        "AccessDeniedException": "Allow this role kinesis:PutRecords on it.",
        "InvalidArgumentException": "Report a fault of playlake's.",
        "KMSAccessDeniedException": f"Check the key {_USE_KEY}",
        "KMSDisabledException": f"Enable the key {_USE_KEY}",
        "KMSInvalidStateException": f"Check the state of the key {_USE_KEY}",
        "KMSNotFoundException": f"Restore the key {_USE_KEY}",
        "KMSOptInRequired": "Subscribe this account to KMS.",
        "ValidationException": "Report a fault of playlake's.",
    },
    when_throttled="look at its WriteProvisionedThroughputExceeded: an on-demand stream grows by"
    " itself within minutes, a provisioned one needs more shards.",
)


def _random_key() -> str:
    return uuid4().hex


class KinesisStream(BatchStream):
    """A stream of shards, each ordered. Puts come from any threads.

    The records of one put, which are one request's, share a partition key and so a shard: that of
    the play, else of the viewer (`ingest.drivers.partition_key`), else one from `new_key`, so that
    events without either spread over the shards.

    One play is in order on its shard as far as the service keeps it: PutRecords goes on after a
    record that failed (API reference, "PutRecords"), and that one, sent again, comes behind those
    of its own batch that were taken. PutRecord would keep the order, at a call for each record; but
    a put is seldom more than one record, a browser's requests overtake one another anyway, and a
    play's events carry `seq`, by which a query orders them.
    """

    call = _PUT_RECORDS
    max_record_bytes = MAX_ENTRY_BYTES - KEY_BYTES

    def __init__(
        self,
        name: str,
        client: Any = None,
        patience: Patience = PATIENCE,
        new_key: Callable[[], str] = _random_key,
    ) -> None:
        """See BatchStream. `new_key` gives keys of 32 ASCII characters, a new one each time."""
        super().__init__(name, client, patience)
        self._new_key = new_key

    def _entries(self, records: Sequence[bytes]) -> list[Entry]:
        key = partition_key(records) or self._new_key()
        return [{"Data": record, "PartitionKey": key} for record in records]
