"""HTTP as the collector sees it, whoever carried it here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. `headers` has lower-case names; `body` is as sent, compressed or not."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def declared_length(self) -> int:
        """The Content-Length in bytes, 0 when there is none or it is no number."""
        declared = self.headers.get("content-length", "")
        # Twenty digits are far beyond any limit; int() refuses more than 4,300 with an exception.
        return int(declared[:20]) if declared.isascii() and declared.isdigit() else 0


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    accepted: int = 0
    """How many events it acknowledges."""


def headers_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers keyed by lower-case name; a repeated one is joined by commas (RFC 9110, 5.3)."""
    pairs = list(pairs)
    headers = {name.lower(): value for name, value in pairs}
    if len(headers) == len(pairs):  # as nearly always, and several times as fast
        return headers
    headers = {}
    for name, value in pairs:
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
