"""What the local server's protocol adds to uvicorn's: one packet an answer, events past ASGI."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ingest.collector import Collector
from playlake.testing.stream import MemoryStream
from playlake.web.protocol import Take
from playlake.web.server import Events, create_app
from tests.conftest import eventually
from tests.serving_apps import CLICK, client_of, serving

BODY = json.dumps(CLICK).encode()
EVENT = b"POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
ACCEPTED = b'{"data":{"success":true,"accepted":1}}'


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    """A bare connection to a server."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        yield client


@pytest.fixture(params=["past ASGI", "together", "through ASGI"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A site, its events taken in each of the ways."""

    async def hello(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    routes = [Route("/hello", hello, methods=["GET", "HEAD"])]
    app = create_app(Collector(1_000_000), MemoryStream().submit, routes=routes)
    ways = {"past ASGI": app.events.take, "together": app.events.take_together}
    with serving(app, ways.get(request.param)) as url:
        yield url


def test_an_answer_is_one_packet(url: str) -> None:
    with connected(url) as client:
        for _ in range(20):
            client.sendall(EVENT)
            assert client.recv(65_536).endswith(ACCEPTED)


def test_requests_that_do_not_wait_for_answers_get_theirs_in_order(url: str) -> None:
    head = b"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with connected(url) as client:
        client.sendall(EVENT + head + EVENT + last)
        answered = b"".join(iter(lambda: client.recv(65_536), b""))
    accepted, empty, again, hello = answered.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert accepted.endswith(ACCEPTED)
    assert again.endswith(ACCEPTED)
    assert empty.endswith(b"\r\n\r\n")
    assert b"content-length: 5" in empty
    assert hello.endswith(b"\r\n\r\nhello")


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
LAST = EVENT.replace(b"Host: a", b"Host: a\r\nConnection: close")
OFFERING = EVENT.replace(b"Host: a\r\n", b"Host: a\r\n" + OFFER)
CHUNKED = b"POST /events HTTP/1.1\r\nHost: a\r\n%bTransfer-Encoding: chunked\r\n\r\n" % OFFER
CHUNKED += b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize("size", [1, 40, 100_000])
@pytest.mark.parametrize("offering", [OFFERING, CHUNKED], ids=["length", "chunked"])
def test_an_offer_of_http_2_is_ignored_and_its_request_is_answered(
    url: str, offering: bytes, size: int
) -> None:
    """curl --http2 and Java's HttpClient make one (RFC 9110, 7.8)."""
    sent = offering + offering + LAST
    with connected(url) as client:
        for start in range(0, len(sent), size):
            client.sendall(sent[start : start + size])
        answered = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answered.count(b"HTTP/1.1 200 OK\r\n") == answered.count(ACCEPTED) == 3


def test_the_body_behind_an_offer_is_no_request_of_its_own(url: str) -> None:
    with connected(url) as client:
        length = b"Content-Length: %d" % len(EVENT)
        client.sendall(b"POST /hello HTTP/1.1\r\nHost: a\r\n%b%b\r\n\r\n" % (OFFER, length))
        time.sleep(0.1)
        client.sendall(EVENT + LAST)
        answered = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answered.count(b"HTTP/1.1") == 2
    assert answered.count(b"HTTP/1.1 200 OK") == 1


def test_a_thousand_requests_in_a_row_that_are_refused_at_once_keep_nobody_waiting(
    url: str,
) -> None:
    refused = b"POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    with connected(url) as many, connected(url) as other:
        many.sendall(EVENT + refused * 1_000 + LAST)
        other.sendall(EVENT)
        assert ACCEPTED in other.recv(65_536)
        answered = b"".join(iter(lambda: many.recv(65_536), b""))
    assert answered.count(b"HTTP/1.1 200 OK") == 2
    assert answered.count(b"HTTP/1.1 400 Bad Request") == 1_000


def test_what_is_sent_piece_by_piece_begins_before_its_first_piece_is_there() -> None:
    begun = threading.Event()

    async def pieces() -> AsyncIterator[bytes]:
        while not begun.is_set():
            await asyncio.sleep(0.01)
        yield b"piece"

    async def answer(_request: Request) -> StreamingResponse:
        return StreamingResponse(pieces())

    with (
        client_of(Starlette(routes=[Route("/", answer)])) as client,
        client.stream("GET", "/") as heard,
    ):
        assert heard.status_code == 200
        begun.set()
        assert heard.read() == b"piece"


def test_an_application_that_fails_in_the_middle_of_its_answer_closes_it() -> None:
    async def fail(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        raise ValueError("in the middle")

    with (
        client_of(fail) as client,
        pytest.raises(httpx.RemoteProtocolError, match="complete message body"),
    ):
        client.get("/")


@pytest.mark.parametrize("way", [Events.take_together, Events.take])
def test_a_put_that_cannot_begin_is_refused_and_the_next_is_taken(way: Callable[..., None]) -> None:
    stream, faults = MemoryStream(), [RuntimeError("no thread is left")]

    def submit(records: Sequence[bytes]) -> Future[None]:
        if faults:
            raise faults.pop()
        return stream.submit(records)

    app = create_app(Collector(1_000_000), submit)
    with client_of(app, way.__get__(app.events)) as client:
        assert [client.post("/events", json=CLICK).status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    ("way", "puts"), [(Events.take_together, 2), (Events.take, 4)], ids=["together", "each"]
)
def test_what_several_requests_bring_is_one_put_only_if_that_is_asked(
    way: Callable[..., None], puts: int
) -> None:
    put: list[int] = []
    stream, held = MemoryStream(), threading.Event()

    def submit(records: Sequence[bytes]) -> Future[None]:
        put.append(len(records))
        return stream.submit(records)

    def hold(_response: object) -> None:
        held.wait(5)

    app = create_app(Collector(1_000_000), submit, answered=hold)
    take: Take = way.__get__(app.events)
    with serving(app, take) as url, connected(url) as first:
        with connected(url) as second, connected(url) as third:
            first.sendall(EVENT)
            eventually(lambda: _assert_some(put))
            for client in (first, second, third):  # while the loop stands still
                client.sendall(EVENT)
            time.sleep(0.2)
            held.set()
            for client in (first, second, third):
                assert b"200 OK" in client.recv(65_536)
        eventually(lambda: _assert_some(stream.records, 4))
    assert len(put) == puts


def _assert_some(found: Sequence[object], least: int = 1) -> None:
    assert len(found) >= least
