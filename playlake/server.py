"""The local web server: the collector at /events, pages and other routes beside it."""

import asyncio
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request as PageRequest
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from events.errors import StreamUnavailable
from ingest.body import MAX_BODY_BYTES
from ingest.collector import EVENTS_PATH, Collector, refuse_unstored
from ingest.request import Request, Response, headers_of

Submit = Callable[[Sequence[bytes]], Future[None]]
"""Begin to put records on a stream; the future is done when they are durable, or has failed with
StreamUnavailable."""

SHUTDOWN_SECONDS = 10
"""How long open requests may take to end once the server was told to stop."""

_PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; media-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
}


def create_app(
    collector: Collector,
    submit: Submit,
    *,
    routes: Sequence[BaseRoute] = (),
    pages: Path | None = None,
) -> ASGIApp:
    """The whole site: `/events`, `/healthz`, `routes`, and the files in `pages` for all the rest.

    `pages` is the webapp that playlake ships unless another folder is given.
    """
    folder = _webapp() if pages is None else pages
    site = Starlette(
        routes=[
            Route("/healthz", _healthz),
            *routes,
            Mount("/", StaticFiles(directory=folder, html=True)),
        ]
    )
    return _Site(_Events(collector, submit), _Guarded(site))


def server(app: ASGIApp, host: str, port: int) -> uvicorn.Server:
    """The server, not yet running; setting its `should_exit` ends `run()`. Port 0 is any free.

    SIGINT and SIGTERM end `run()` too, the open requests first; the signal is then raised again,
    for the handler that the caller had installed.
    """
    return uvicorn.Server(
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
        )
    )


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await _request(scope, receive)
        if request is not None:
            await _send(send, await self._answer(request))

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


@dataclass(frozen=True, slots=True)
class _Guarded:
    """An application whose every response says what its pages may load, and from where."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _PAGE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_guarded)


async def _healthz(_request: PageRequest) -> JSONResponse:
    return JSONResponse({"data": {"status": "ok"}})


def _webapp() -> Path:
    """The folder of the webapp, wherever playlake is installed."""
    spec = importlib.util.find_spec("webapp")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("playlake is installed without its webapp: install it again")
    return Path(spec.submodule_search_locations[0])
