"""What stands in for a service over HTTP: a server on loopback while a `with` lasts."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class HttpDouble:
    """Serves at `url`, botocore's `endpoint_url`; its handler finds it as `self.double`."""

    def __init__(self, handler: type["Handler"]) -> None:
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.double = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        # It is polled for its end: 0.5 s by default, at the end of every test.
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    double: HttpDouble


class Handler(BaseHTTPRequestHandler):
    """One request at a time of a connection that is kept, and nothing logged."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    @property
    def double(self) -> Any:
        """Whom the request is for."""
        return self.server.double

    def serve(self) -> None:
        """Answer the request, whose method is `self.command`."""
        raise NotImplementedError

    def do_POST(self) -> None:
        self.serve()

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_PUT = do_POST  # noqa: N815  (http.server's names)

    def body(self) -> bytes:
        """What was sent."""
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Send an answer, its length said unless `content_length` says another."""
        self.send_response(status)
        for name, value in ({"content_length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
