"""The stream on Amazon Data Firehose, by direct put."""

from collections.abc import Mapping, Sequence
from typing import Any

from ingest.drivers.batch_call import BatchCall, Entry
from ingest.drivers.batch_stream import CONFIG, BatchStream

__all__ = ["CONFIG", "MAX_BATCH_BYTES", "FirehoseStream"]

# The limits of PutRecordBatch. Source: Amazon Data Firehose API reference, "PutRecordBatch", and
# Developer Guide, "Quota": 500 records and 4 MiB a call, 1,000 KiB a record before base64.
MAX_RECORD_BYTES = 1_024_000
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Of the request's body, base64 and JSON included. The documentation does not say what it counts;
this is the strictest reading, and it costs a second call only to puts beyond 3 MiB."""

_ENVELOPE_BYTES = 128  # {"DeliveryStreamName": "...", "Records": []}, names have 64 at most
_AROUND_RECORD_BYTES = len('{"Data": ""}, ')


def _send(client: Any, name: str, entries: Sequence[Entry]) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = client.put_record_batch(DeliveryStreamName=name, Records=entries)
    return answer


def _entry_bytes(entry: Entry) -> int:
    return _AROUND_RECORD_BYTES + (len(entry["Data"]) + 2) // 3 * 4  # base64's 4 for 3, padded


_PUT_RECORD_BATCH = BatchCall(
    service="firehose",
    action="PutRecordBatch",
    stream_noun="delivery stream",
    send=_send,
    results="RequestResponses",
    receipt="RecordId",
    max_entries=MAX_BATCH_RECORDS,
    max_bytes=MAX_BATCH_BYTES - _ENVELOPE_BYTES,
    entry_bytes=_entry_bytes,
    remedies={
        "AccessDeniedException": "Allow this role firehose:PutRecordBatch on it.",
        "InvalidArgumentException": "Its source must be direct put; if it is, report a fault of"
        " playlake's.",
        "InvalidKMSResourceException": "Enable the key that encrypts it, and let Firehose use the"
        " key.",
        "InvalidSourceException": "Turn off its decompression of CloudWatch Logs.",
    },
    when_throttled="compare its ThrottledRecords with its quota.",
)


class FirehoseStream(BatchStream):
    """A delivery stream. Firehose keeps the order of records only loosely."""

    call = _PUT_RECORD_BATCH
    max_record_bytes = MAX_RECORD_BYTES

    def _entries(self, records: Sequence[bytes]) -> list[Entry]:
        return [{"Data": record} for record in records]
