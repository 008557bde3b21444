"""Events that break their type's rules, as rows of `rejected_events`."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from events.arrow import schema
from events.rejected import REJECTED_EVENTS
from events.validation import Misfit
from transform.identity import identities


@dataclass(frozen=True, slots=True)
class Reject:
    """An event that is none, with its reason. `event_id` is None where it has none of its own."""

    misfit: Misfit
    payload: bytes
    received_at: int
    event_type: str | None = None
    event_id: str | None = None


def rejected_table(rejects: Sequence[Reject]) -> pa.Table:
    """The rows of `rejected_events`, in the order given."""
    ids = identities(
        [reject.event_id for reject in rejects],
        [reject.payload for reject in rejects],
        [reject.received_at for reject in rejects],
    )
    rows = [_row(reject, own) for reject, own in zip(rejects, ids, strict=True)]
    return pa.Table.from_pylist(rows, schema=schema(REJECTED_EVENTS))


def _row(reject: Reject, event_id: str) -> dict[str, str | int | None]:
    payload, encoding = _as_text(reject.payload)
    return {
        "event_id": event_id,
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
