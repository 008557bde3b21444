"""From a parsed event to its line of the raw record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from ingest.parsing import Event

MAX_HEADER_CHARACTERS = 1024
"""What is kept of a User-Agent or a Referer; the longest real agent known has 492."""

_NEWLINES_TO_SPACES = bytes.maketrans(b"\r\n", b"  ")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the collector knows of a request and its events may not; headers as JSON text."""

    received_at: bytes
    user_agent: bytes | None
    referer: bytes | None
    new_id: Callable[[], str]

    @classmethod
    def of(cls, headers: Mapping[str, str], now_ms: int, new_id: Callable[[], str]) -> Self:
        """The arrival, at `now_ms` (epoch milliseconds), of a request with these headers."""
        return cls(
            received_at=b'"received_at":%d}\n' % now_ms,
            user_agent=_header_text(headers.get("user-agent", "")),
            referer=_header_text(headers.get("referer", "")),
            new_id=new_id,
        )


def record_line(event: Event, arrival: Arrival) -> bytes:
    """The event's line: the client's bytes, then what was added, then "}" and a newline.

    The client's bytes stay as they are, but that a line break between tokens becomes a space.
    `received_at` comes last: of two keys the last one counts, so a client cannot set it.
    """
    text, fields = event
    if b"\n" in text or b"\r" in text:
        text = text.translate(_NEWLINES_TO_SPACES)
    members = [*_added(fields, arrival), arrival.received_at]
    separator = b"," if fields else b""
    return text[:-1] + separator + b",".join(members)


def _added(fields: Mapping[str, Any], arrival: Arrival) -> list[bytes]:
    """The members that the client did not send, or sent as null."""
    members = []
    if fields.get("event_id") is None:
        members.append(b'"event_id":' + msgspec.json.encode(arrival.new_id()))
    if arrival.user_agent is not None and fields.get("user_agent") is None:
        members.append(b'"user_agent":' + arrival.user_agent)
    if arrival.referer is not None and fields.get("referer") is None:
        members.append(b'"referer":' + arrival.referer)
    return members


def _header_text(value: str) -> bytes | None:
    """A header as JSON text, None when it is empty.

    Whatever is not printable (a header may carry any byte, an emulated one even half a surrogate
    pair) becomes U+FFFD, so that every reader after this one meets valid text.
    """
    text = value.strip()[:MAX_HEADER_CHARACTERS]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else "\ufffd" for char in text)
    return msgspec.json.encode(text) if text else None
