"""uvicorn's HTTP protocol, with two bounds that it lacks: how large a head may be, and how slow a
request.

Without the first a header that never ends grows in memory until there is none, and each piece of it
is copied anew. Without the second a client that sends a byte a second keeps its connection for
ever, and a thousand of those are every connection that a process may have.

And with a shorter way for the many: what is posted to /events goes past ASGI, whose tasks and
messages take as long as collecting does, and an answer is one packet, not two.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from ingest.body import MAX_BODY_BYTES
from ingest.collector import EVENTS_PATH
from ingest.request import Request, Response, headers_of

Answer = Callable[[Response], None]
Take = Callable[[Request, Answer], None]
"""Is given a request that is whole, or too large, and calls `answer` once, in the event loop."""

MAX_HEAD_BYTES = 64 * 1024
"""A request line with its headers; those of real browsers have one or two kilobytes. What arrives
in one piece is read before it is measured, so that a quarter of a megabyte may still pass."""
MAX_FRAMING_BYTES = 1024 * 1024
"""A head, the sizes of chunks and what may follow the last of them: as much again as a body."""
REQUEST_SECONDS = 120.0
"""From its first byte, or from the connection, until a request is whole: a megabyte at 9 kB/s."""

_DIGITS_OF_TOO_LARGE = len(str(MAX_BODY_BYTES))

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain\r\ncontent-length: 36\r\nconnection: close\r\n\r\n"
    b"The head of the request is too long."
)


class _Joined:
    """A transport that sends an answer's head with the first piece of its body.

    uvicorn writes them one after the other, which are two system calls here and two packets there.
    What has no length yet is sent piece by piece: its first may be long in coming. The answer to a
    HEAD has no piece at all.
    """

    __slots__ = ("_begun", "_head", "_protocol", "_transport")

    def __init__(self, transport: asyncio.Transport, protocol: "BoundedProtocol") -> None:
        self._transport = transport
        self._protocol = protocol
        self._begun: object = None
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """See `asyncio.WriteTransport`."""
        cycle = self._protocol.cycle
        if cycle is not None and cycle is not self._begun and cycle.response_started:
            self._begun = cycle
            if cycle.chunked_encoding is False and cycle.scope["method"] != "HEAD":
                self._head = data
                return
        if self._head:
            data, self._head = self._head + data, b""
        self._transport.write(data)

    def close(self) -> None:
        """See `asyncio.BaseTransport`: what was written before is sent."""
        if self._head:
            self.write(b"")
        self._transport.close()


class _Parser(httptools.HttpRequestParser):
    """A parser that reads on where a client offers another protocol, as curl and Java offer h2c.

    An offer may be ignored (RFC 9110, 7.8), the request that makes it may not; llhttp takes what
    follows such a head for the other protocol. So another parser reads that, after a head that says
    of the body what this one said.
    """

    def __init__(self, protocol: "BoundedProtocol", callbacks: object) -> None:
        super().__init__(callbacks)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._protocol = protocol

    def feed_data(self, data: Any) -> None:
        """See `httptools.HttpRequestParser.feed_data`."""
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as offered:
            self._protocol.read_on(bytes(data[offered.args[0] :]))


class _AfterAnOffer:
    """What a parser calls that is given a head in another's stead: nothing for that head."""

    def __init__(self, protocol: "BoundedProtocol") -> None:
        self._protocol = protocol
        self._is_over = False
        self.on_body = protocol.on_body
        self.on_message_complete = protocol.on_message_complete

    def on_message_begin(self) -> None:
        if self._is_over:
            self._protocol.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._is_over:
            self._protocol.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_over:
            self._protocol.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_over:
            self._protocol.on_headers_complete()
        self._is_over = True


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, take: Take | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.parser = _Parser(self, self)
        self._take = take
        self._taking: RequestResponseCycle | None = None

    _in_head = True
    _is_open = False
    """Whether a request has begun and is not whole."""
    _overhead = 0
    """What has come of a request, but its body."""
    _deadline: asyncio.TimerHandle | None = None
    _offered = b""
    """Of a request that offers another protocol the header that says how long its body is."""
    request_seconds = REQUEST_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(_Joined(transport, self))  # type: ignore[arg-type]
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._overhead += len(data)
        super().data_received(data)
        # Whatever came has ended uvicorn's wait for a next request, though none may have begun.
        waits_for_nothing = self.timeout_keep_alive_task is None and (
            self.cycle is None or self.cycle.response_complete
        )
        if self._deadline is None and (self._is_open or waits_for_nothing):
            self._expect()
        most = MAX_HEAD_BYTES if self._in_head else MAX_FRAMING_BYTES
        if self._overhead > most and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def read_on(self, data: bytes) -> None:
        """Read what follows a head that offered another protocol: its body, if it has one."""
        framing, self._offered = self._offered, b""
        if framing:
            self.parser = _Parser(self, _AfterAnOffer(self))
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
        if data:
            self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        """The parser met the first byte of a request."""
        self._in_head, self._is_open, self._overhead = True, True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The parser met the end of a head."""
        self._in_head = False
        if self.parser.should_upgrade():
            self._offered = _framing(self.headers)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The parser met a piece of a body, which the application bounds."""
        self._overhead -= len(body)
        super().on_body(body)
        if self.cycle is self._taking:
            self.flow.resume_reading()
            if len(self.cycle.body) > MAX_BODY_BYTES:
                self._take_now(self.cycle)

    def on_message_complete(self) -> None:
        """The parser met the end of a request; how long its answer takes is the server's matter."""
        if self._offered:
            return
        self._is_open, self._overhead = False, 0
        self._forget()
        super().on_message_complete()
        if self.cycle is self._taking:
            self._take_now(self.cycle)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """A request's turn has come: its head is there, and those before it are answered."""
        scope = cycle.scope
        is_event = scope["path"] == EVENTS_PATH and scope["method"] == "POST"
        if self._take is None or not is_event or self.flow.write_paused:
            super()._start_asgi_task(cycle, app)
            return
        self._taking = cycle
        if not cycle.more_body or _is_refused_unread(scope):
            self._take_now(cycle)
        elif cycle.waiting_for_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_response_complete(self) -> None:
        """The next in line may be answered at once, and the one behind it: each in a turn of its
        own, not within one another's calls. Until then nothing is read."""
        if self.pipeline:
            self.loop.call_soon(super().on_response_complete)
        else:
            super().on_response_complete()

    def _take_now(self, cycle: RequestResponseCycle) -> None:
        assert self._take is not None
        self._taking = None
        self._take(request_of(cycle.scope, bytes(cycle.body)), partial(self._answer, cycle))

    def _answer(self, cycle: RequestResponseCycle, response: Response) -> None:
        if cycle.disconnected or self.transport.is_closing():
            return
        self.transport.write(_written(response, cycle.default_headers, cycle.keep_alive))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _expect(self) -> None:
        self._deadline = self.loop.call_later(self.request_seconds, self._give_up)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def _framing(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The header that says how long the body is; empty where there is none."""
    found = dict(headers)
    if b"transfer-encoding" in found:
        return b"Transfer-Encoding: chunked"
    length = found.get(b"content-length", b"0")
    return b"Content-Length: " + length if int(length) else b""


def _is_refused_unread(scope: Mapping[str, Any]) -> bool:
    """Whether the head says that the body is too large."""
    declared = [value for name, value in scope["headers"] if name == b"content-length"]
    may_be = any(len(value) >= _DIGITS_OF_TOO_LARGE for value in declared)
    return may_be and request_of(scope, b"").declared_length > MAX_BODY_BYTES


def request_of(scope: Mapping[str, Any], body: bytes) -> Request:
    """The request, as the collector sees it."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return Request(scope["method"], scope["path"], headers_of(pairs), body)


def _written(
    response: Response, default_headers: Sequence[tuple[bytes, bytes]], keep_alive: bool
) -> bytes:
    """The whole answer, in HTTP/1.1."""
    lines = [STATUS_LINE[response.status]]
    lines += [b"%b: %b\r\n" % header for header in default_headers]
    lines += [f"{name}: {value}\r\n".encode("latin-1") for name, value in response.headers.items()]
    if not keep_alive:
        lines.append(b"connection: close\r\n")
    lines.append(b"content-length: %d\r\n\r\n" % len(response.body))
    lines.append(response.body)
    return b"".join(lines)
