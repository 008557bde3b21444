"""The local web server: the collector at /events, pages and other routes beside it."""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import uvicorn
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from events.errors import StreamUnavailable
from ingest.body import MAX_BODY_BYTES
from ingest.collector import EVENTS_PATH, Collected, Collector, refuse_unstored
from ingest.request import Request, Response
from playlake.web.protocol import Answer, BoundedProtocol, Take, request_of
from playlake.web.site import site

_logger = logging.getLogger("playlake.server")

Submit = Callable[[Sequence[bytes]], Future[None]]
"""Begin to put records on a stream; the future is done when they are durable, or has failed with
StreamUnavailable."""

Answered = Callable[[Response], None]
"""Hears what each request to /events was answered with, in the event loop: it must be quick."""

_Waiting = tuple[Request, Response, Answer]

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
) -> "Site":
    """The whole site: `/events`, and all that `site` serves.

    `answered` is not told of a client that hung up before its request was whole.
    """
    return Site(Events(collector, submit, answered), site(routes, pages))


def server(
    app: ASGIApp,
    host: str,
    port: int,
    stopping: Callable[[], None] = lambda: None,
    take: Take | None = None,
) -> uvicorn.Server:
    """The server, not yet running; setting its `should_exit` ends `run()`. Port 0 is any free.

    `take` is given what is posted to /events, which `app` then never sees.

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
            http=partial(BoundedProtocol, take=take),  # type: ignore[arg-type]
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


@dataclass(slots=True)
class Events:
    """The collector as an ASGI application, and past ASGI: `playlake.web.protocol.Take`."""

    collector: Collector
    submit: Submit
    answered: Answered
    _records: list[bytes] = field(default_factory=list)
    _waiting: list[_Waiting] = field(default_factory=list)

    def take(self, request: Request, answer: Answer) -> None:
        """Collect, and `answer` once the stream has the records: at once when there are none."""
        response, records = self._collect(request, answer)
        if records:
            self._put(records, [(request, response, answer)])

    def take_together(self, request: Request, answer: Answer) -> None:
        """As `take`, but what is read in one turn of the loop is one put, at its end.

        For a stream to which that is the same, as it is not to Kinesis. A thread that has the first
        of it before that fights for the GIL with the reading of all the others, a switch for each,
        and has fewer to commit.
        """
        response, records = self._collect(request, answer)
        if records:
            self._records += records
            self._waiting.append((request, response, answer))
            if len(self._waiting) == 1:
                asyncio.get_running_loop().call_soon(self._submit)

    def _collect(self, request: Request, answer: Answer) -> Collected:
        collected = self.collector.collect(request)
        if not collected.records:
            self.answered(collected.response)
            answer(collected.response)
        return collected

    def _submit(self) -> None:
        records, waiting = self._records, self._waiting
        self._records, self._waiting = [], []
        self._put(records, waiting)

    def _put(self, records: Sequence[bytes], waiting: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        try:
            submitted = self.submit(records)
        except Exception as error:  # noqa: BLE001 (whatever it was, nobody is left waiting)
            submitted = Future()
            submitted.set_exception(error)

        def wake(_done: Future[None]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._settle, submitted, waiting)

        submitted.add_done_callback(wake)

    def _settle(self, submitted: Future[None], waiting: list[_Waiting]) -> None:
        failed = submitted.exception()
        if failed is not None and not isinstance(failed, StreamUnavailable):
            _logger.error("a put failed by an error of ours", exc_info=failed)
            failed = StreamUnavailable(f"{type(failed).__name__}: {failed}")
        for request, response, answer in waiting:
            told = response if failed is None else refuse_unstored(request, self.collector, failed)
            self.answered(told)
            answer(told)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await _request(scope, receive)
        if request is not None:
            answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

            def answer(response: Response) -> None:
                if not answered.done():  # cancelled, when the server ends
                    answered.set_result(response)

            self.take(request, answer)
            await _send(send, await answered)


@dataclass(frozen=True, slots=True)
class Site:
    """Requests to the collector past every framework: they are the many, and they are counted."""

    events: Events
    others: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_event = scope["type"] == "http" and scope["path"] == EVENTS_PATH
        await (self.events if is_event else self.others)(scope, receive, send)


async def _request(scope: Scope, receive: Receive) -> Request | None:
    """The request, its body read no further than shows that it is too large; None if hung up."""
    request = request_of(scope, b"")
    if request.declared_length > MAX_BODY_BYTES:
        return request
    body = await _body(receive)
    return None if body is None else replace(request, body=body)


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
