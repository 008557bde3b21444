"""The local web server: the collector at /events, pages and other routes beside it."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from events.errors import StreamUnavailable
from ingest.body import MAX_BODY_BYTES
from ingest.collector import EVENTS_PATH, Collector, refuse_unstored
from ingest.request import Request, Response, headers_of
from playlake.site import site

Submit = Callable[[Sequence[bytes]], Future[None]]
"""Begin to put records on a stream; the future is done when they are durable, or has failed with
StreamUnavailable."""

Answered = Callable[[Response], None]
"""Hears what each request to /events was answered with, in the event loop: it must be quick."""

SHUTDOWN_SECONDS = 10
"""How long open requests may take to end once the server was told to stop."""


def _ignore(_response: Response) -> None:
    pass


def create_app(
    collector: Collector,
    submit: Submit,
    *,
    routes: Sequence[BaseRoute] = (),
    pages: Path | None = None,
    answered: Answered = _ignore,
) -> ASGIApp:
    """The whole site: `/events`, and all that `site` serves.

    `answered` is not told of a client that hung up before its request was whole.
    """
    return _Site(_Events(collector, submit, answered), site(routes, pages))


def server(
    app: ASGIApp, host: str, port: int, stopping: Callable[[], None] = lambda: None
) -> uvicorn.Server:
    """The server, not yet running; setting its `should_exit` ends `run()`. Port 0 is any free.

    `stopping` is called in the event loop when it begins to end, before it waits for the open
    requests: one that would never end by itself is ended there.

    SIGINT and SIGTERM end `run()` too, the open requests first; the signal is then raised again,
    for the handler that the caller had installed.
    """
    return _Server(
        stopping,
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nobody here asks for the client's address
            ws="none",
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ),
    )


class _Server(uvicorn.Server):
    """A server that says that it is ending."""

    def __init__(self, stopping: Callable[[], None], config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server.shutdown`: closes, then waits for the open requests."""
        self._stopping()
        await super().shutdown(sockets)


@dataclass(frozen=True, slots=True)
class _Site:
    """Requests to the collector past every framework: they are the many, and they are counted."""

    events: ASGIApp
    others: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_event = scope["type"] == "http" and scope["path"] == EVENTS_PATH
        await (self.events if is_event else self.others)(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Events:
    """The collector as an ASGI application."""

    collector: Collector
    submit: Submit
    answered: Answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await _request(scope, receive)
        if request is not None:
            response = await self._answer(request)
            self.answered(response)
            await _send(send, response)

    async def _answer(self, request: Request) -> Response:
        """As `ingest.collector.serve`, without a thread waiting for the stream."""
        response, records = self.collector.collect(request)
        try:
            if records:
                await asyncio.wrap_future(self.submit(records))
        except StreamUnavailable as unavailable:
            return refuse_unstored(request, self.collector, unavailable)
        return response


async def _request(scope: Scope, receive: Receive) -> Request | None:
    """The request, its body read no further than shows that it is too large; None if hung up."""
    headers = headers_of(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )
    request = Request(scope["method"], scope["path"], headers, b"")
    if request.declared_length > MAX_BODY_BYTES:
        return request
    body = await _body(receive)
    return None if body is None else Request(request.method, request.path, headers, body)


async def _body(receive: Receive) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while size <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


async def _send(send: Send, response: Response) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": _encoded(response.headers, len(response.body)),
        }
    )
    await send({"type": "http.response.body", "body": response.body})


def _encoded(headers: Mapping[str, str], length: int) -> list[tuple[bytes, bytes]]:
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if length:  # 204 must not have one (RFC 9110, 8.6)
        encoded.append((b"content-length", b"%d" % length))
    return encoded
