"""Events that break their type's rules, as rows of `rejected_events`."""

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from events.arrow import schema
from events.rejected import REJECTED_EVENTS
from events.validation import Misfit


@dataclass(frozen=True, slots=True)
class Reject:
    """An event that is none, with its reason. `event_id` is None where it has none of its own."""

    misfit: Misfit
    payload: bytes
    received_at: int
    event_type: str | None = None
    event_id: str | None = None


def identity(payload: bytes, occurrence: int = 0) -> str:
    """The id of an event that came without: the same payload has the same id on every delivery.

    `occurrence` counts equal payloads within a batch, so that each is kept.
    """
    return hashlib.sha256(b"%d:%b" % (occurrence, payload)).hexdigest()[:32]


def rejected_table(rejects: Sequence[Reject]) -> pa.Table:
    """The rows of `rejected_events`, in the order given."""
    seen: Counter[bytes] = Counter()
    rows = []
    for reject in rejects:
        rows.append(_row(reject, seen[reject.payload]))
        seen[reject.payload] += 1
    return pa.Table.from_pylist(rows, schema=schema(REJECTED_EVENTS))


def _row(reject: Reject, occurrence: int) -> dict[str, str | int | None]:
    payload, encoding = _as_text(reject.payload)
    return {
        "event_id": reject.event_id or identity(reject.payload, occurrence),
        "reason": reject.misfit.code,
        "message": reject.misfit.sentence,
        "field": reject.misfit.field,
        "event_type": reject.event_type,
        "received_at": reject.received_at,
        "payload": payload,
        "payload_encoding": encoding,
    }


def _as_text(payload: bytes) -> tuple[str, str]:
    try:
        return payload.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(payload).decode(), "base64"
