"""S3 where moto cannot be it: conflicts, overload, refusals and answers that are lost."""

import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Refuse:
    """Do nothing, and answer an error."""

    status: int
    code: str


@dataclass(frozen=True)
class LoseAnswer:
    """Do it, and hang up without a word."""


@dataclass(frozen=True)
class CutShort:
    """Promise the whole object, send half of it, and hang up."""


CONFLICT = Refuse(409, "ConditionalRequestConflict")
SLOW_DOWN = Refuse(503, "SlowDown")
DENIED = Refuse(403, "AccessDenied")

Fault = Refuse | LoseAnswer | CutShort


class S3Double:
    """Objects by path, at `url` while its `with` lasts; each request meets the next of `faults`.

    Every PUT must be conditional, and the object that was there first stays. `requests` counts.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: deque[Fault] = deque()
        self.requests = 0
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self) -> Fault | None:
        """What the request that comes now meets."""
        self.requests += 1
        return self.faults.popleft() if self.faults else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, double: S3Double) -> None:
        self.double = double
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_PUT(self) -> None:
        double = self.server.double
        data = self.rfile.read(int(self.headers["content-length"]))
        assert self.headers["if-none-match"] == "*"
        match double.fault():
            case Refuse() as refuse:
                self._refuse(refuse)
            case LoseAnswer():
                double.objects[self.path] = data
                self.close_connection = True
            case _ if self.path in double.objects:
                self._refuse(Refuse(412, "PreconditionFailed"))
            case _:
                double.objects[self.path] = data
                self._answer(200, b"")

    def do_GET(self) -> None:
        double = self.server.double
        match double.fault():
            case Refuse() as refuse:
                self._refuse(refuse)
            case CutShort():
                data = double.objects[self.path]
                self._answer(200, data[: len(data) // 2], len(data))
                self.close_connection = True
            case _:
                self._answer(200, double.objects[self.path])

    def do_DELETE(self) -> None:
        match self.server.double.fault():
            case Refuse() as refuse:
                self._refuse(refuse)
            case _:
                self.server.double.objects.pop(self.path, None)
                self._answer(204, b"")

    def _refuse(self, refuse: Refuse) -> None:
        body = f"<Error><Code>{refuse.code}</Code><Message>told to</Message></Error>"
        self._answer(refuse.status, body.encode())

    def _answer(self, status: int, body: bytes, promised: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
