"""The collector: a pure function from a request to a response and raw records."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import uuid_utils

from events.errors import StreamUnavailable
from ingest.body import read_body
from ingest.cors import cors_headers, preflight_headers
from ingest.packing import pack
from ingest.parsing import parse, place
from ingest.recording import Arrival, record_line
from ingest.refusals import Refused
from ingest.request import Request, Response
from ingest.stream import Stream

EVENTS_PATH = "/events"
METHODS = "POST, OPTIONS"
RETRY_AFTER_SECONDS = 5

_JSON = {"content-type": "application/json", "x-content-type-options": "nosniff"}

_logger = logging.getLogger("playlake.ingest")


class Collected(NamedTuple):
    """A response that is true once `records`, if there are any, are on the stream."""

    response: Response
    records: list[bytes]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _new_id() -> str:
    return str(uuid_utils.uuid7())


@dataclass(frozen=True, slots=True)
class Collector:
    """How requests are collected: who may read answers, the record limit, the clock and the ids.

    `max_record_bytes` is the stream's; `now_ms` tells epoch milliseconds; `new_id` makes the
    `event_id` of an event that came without one (UUIDv7: they sort by time).
    """

    max_record_bytes: int
    allowed_origins: frozenset[str] = frozenset({"*"})
    now_ms: Callable[[], int] = _now_ms
    new_id: Callable[[], str] = _new_id

    def collect(self, request: Request) -> Collected:
        """What to put on the stream and, once that is done, to answer. Never raises for a request.

        All or nothing: a request is accepted with every event in it, or refused without any.
        """
        try:
            _check_route(request)
            if request.method == "OPTIONS":
                headers = preflight_headers(request.headers.get("origin", ""), self.allowed_origins)
                return Collected(Response(204, headers, b""), [])
            lines = self._lines(request)
        except Refused as refused:
            return Collected(self._refusal(request, refused), [])
        return Collected(self._accepted(request, len(lines)), pack(lines, self.max_record_bytes))

    def unavailable(self, request: Request) -> Response:
        """The answer when the stream did not acknowledge the records."""
        message = "the events could not be stored just now: send them again, as they are"
        return self._refusal(request, Refused("stream_unavailable", message))

    def _headers(self, request: Request) -> Mapping[str, str]:
        return _headers(request.headers.get("origin", ""), self.allowed_origins)

    def _lines(self, request: Request) -> list[bytes]:
        events = parse(read_body(request))
        arrival = Arrival.of(request.headers, self.now_ms(), self.new_id)
        lines = [record_line(event, arrival) for event in events]
        for index, line in enumerate(lines):
            if len(line) > self.max_record_bytes:
                problem = "is larger than the stream takes: send a smaller one"
                raise Refused("event_too_large", problem).at(place(index, len(lines)))
        return lines

    def _accepted(self, request: Request, count: int) -> Response:
        body = b'{"data":{"success":true,"accepted":%d}}' % count
        return Response(200, self._headers(request), body, count)

    def _refusal(self, request: Request, refused: Refused) -> Response:
        headers = dict(self._headers(request))
        if refused.status == 405:
            headers["allow"] = METHODS
        if refused.status == 503:
            headers["retry-after"] = str(RETRY_AFTER_SECONDS)
            headers["access-control-expose-headers"] = "retry-after"  # for trackers to read
        error = {"code": refused.code, "message": refused.message}
        return Response(refused.status, headers, msgspec.json.encode({"error": error}))


@lru_cache(maxsize=64)  # few pages send many requests
def _headers(origin: str, allowed: frozenset[str]) -> Mapping[str, str]:
    return MappingProxyType(_JSON | cors_headers(origin, allowed))


def serve(request: Request, collector: Collector, stream: Stream) -> Response:
    """Collect, put on the stream, and only then answer."""
    response, records = collector.collect(request)
    try:
        if records:
            stream.put(records)
    except StreamUnavailable as unavailable:
        return refuse_unstored(request, collector, unavailable)
    return response


def refuse_unstored(request: Request, collector: Collector, cause: StreamUnavailable) -> Response:
    """The 503, its cause logged: the client is told only to try again, the operator why."""
    _logger.error("answered 503, the stream did not acknowledge: %s", cause)
    return collector.unavailable(request)


def _check_route(request: Request) -> None:
    if request.path != EVENTS_PATH:
        raise Refused("not_found", f"there is nothing here: send events to {EVENTS_PATH}")
    if request.method not in ("POST", "OPTIONS"):
        raise Refused("method_not_allowed", f"send events to {EVENTS_PATH} by POST")
