"""Tricks with HTTP itself, by raw sockets: what can be read two ways is refused, nobody waits."""

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import repeat

import httpx
import pytest

from ingest.collector import Collector
from playlake.testing.stream import MemoryStream
from playlake.web.protocol import BoundedProtocol
from playlake.web.server import create_app
from playlake.web.serving import serving_app
from tests.conftest import Dev, running_dev
from tests.test_hostile import CLICK, answers, peak_megabytes

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with running_dev(tmp_path_factory.mktemp("tricks"), "--quiet") as running:
        yield running


def exchange(url: str, sent: bytes) -> bytes:
    """What the server answers to these bytes until it closes; the client shuts its own side."""
    received = bytearray()
    with connect(url) as client:
        client.sendall(sent)
        client.settimeout(5)
        try:
            while data := client.recv(65_536):
                received += data
        except ConnectionResetError:
            pass
    return bytes(received)


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def request(*headers: bytes, line: bytes = b"POST /events HTTP/1.1", body: bytes = CLICK) -> bytes:
    head = b"".join(header + b"\r\n" for header in (b"Host: a", b"Connection: close", *headers))
    return line + b"\r\n" + head + b"\r\n" + body


LENGTH = b"Content-Length: %d" % len(CLICK)
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CLICK), CLICK)
SMUGGLED = b"0\r\n\r\n" + request(LENGTH, b"User-Agent: smuggled")

TRICKS = {
    "Content-Length twice": (request(LENGTH, b"Content-Length: 5"), 400),
    "Content-Length and chunks": (
        request(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=SMUGGLED),
        400,
    ),
    "a Transfer-Encoding misspelt": (request(b"Transfer-Encoding: xchunked", body=CHUNKS), 400),
    "a Content-Length with a sign": (request(b"Content-Length: +18"), 400),
    "a negative Content-Length": (request(b"Content-Length: -1"), 400),
    "a Content-Length of 30 digits": (request(b"Content-Length: " + b"9" * 30), 400),
    "a chunk of 2**72 bytes": (request(b"Transfer-Encoding: chunked", body=b"f" * 18), 400),
    "bytes over 127": (request(LENGTH, b"User-Agent: \xff\xfe\x80"), 200),
    "a NUL in a header": (request(LENGTH, b"User-Agent: a\x00b"), 400),
    "a line feed in a header": (request(LENGTH, b"User-Agent: a\nX-Injected: 1"), 400),
    "a carriage return in a header": (request(LENGTH, b"User-Agent: a\rX-Injected: 1"), 400),
    "a folded header": (request(LENGTH, b"User-Agent: a\r\n b"), 400),
    "a space before the colon": (request(LENGTH, b"Content-Encoding : gzip"), 400),
    "5,000 headers": (request(LENGTH, *[b"X-%d: 1" % n for n in range(5000)]), 200),
    "an unknown method": (request(LENGTH, line=b"BREW /events HTTP/1.1"), 400),
    "a path of bytes": (request(LENGTH, line=b"POST /events\xff HTTP/1.1"), 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "every byte": (bytes(range(256)) * 4, 400),
}


@pytest.mark.parametrize("name", TRICKS)
def test_a_request_that_can_be_read_two_ways_is_refused(dev: Dev, name: str) -> None:
    sent, status = TRICKS[name]
    answer = exchange(dev.url, sent)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert answer.count(b"HTTP/1.1") == 1, "a second request was smuggled in"
    answers(dev)


def test_a_client_that_waits_for_leave_gets_it(dev: Dev) -> None:
    answer = exchange(dev.url, request(LENGTH, b"Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /events HTTP/1.1\r\nX: ",
        b"POST /",
        request(b"Transfer-Encoding: chunked", body=b"0\r\nX: "),
        request(b"Transfer-Encoding: chunked", body=b"1;"),
        b"\r\n",
    ],
    ids=["header", "path", "trailer", "chunk's extension", "blank lines"],
)
def test_a_head_that_never_ends_is_cut_off_and_costs_no_memory(dev: Dev, begun: bytes) -> None:
    before = peak_megabytes(dev)
    piece = (b"\r\n" if begun == b"\r\n" else b"aa") * (MEGABYTE // 2)
    with connect(dev.url) as client, pytest.raises(OSError, match=r"reset|[Bb]roken"):
        _send_all(client, [begun, *repeat(piece, 64)])
    assert peak_megabytes(dev) - before < 32
    answers(dev)


def _send_all(client: socket.socket, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        client.sendall(piece)


def test_clients_that_send_a_byte_a_second_stop_nobody(dev: Dev) -> None:
    with ExitStack() as open_ones:
        slow = [open_ones.enter_context(connect(dev.url)) for _ in range(400)]
        for byte in (request(LENGTH)[at : at + 1] for at in range(3)):
            for client in slow:
                client.sendall(byte)
            answers(dev)
            time.sleep(0.3)


def test_a_request_that_is_never_whole_loses_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BoundedProtocol, "request_seconds", 0.5)
    stream = MemoryStream()
    app = create_app(Collector(stream.max_record_bytes), stream.submit)
    with serving_app(app) as url:
        for begun in (b"", b"POST /ev", request(LENGTH, body=CLICK[:3])):
            began = time.monotonic()
            assert exchange(url, begun) == b""
            assert 0.4 < time.monotonic() - began < 3
        with connect(url) as after:  # so does who sends something that is no request
            after.sendall(request(LENGTH, body=CLICK))
            assert b"200 OK" in after.recv(65_536)
            after.sendall(b"\r\n")
            with suppress(ConnectionResetError):
                assert after.recv(65_536) == b""
        with httpx.Client(base_url=url) as client:  # one that is whole keeps it
            for _ in range(3):
                assert client.post("/events", content=CLICK).status_code == 200
                time.sleep(0.3)
    assert len(stream.records) == 4


def test_a_thousand_connections_that_say_nothing_stop_nobody(dev: Dev) -> None:
    with ExitStack() as open_ones:
        for _ in range(900):  # a process may have 1,024 files, in many places
            open_ones.enter_context(connect(dev.url))
        answers(dev)
