"""The local server with an application of the test's."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from starlette.types import ASGIApp

from playlake.web.protocol import Take
from playlake.web.server import server

CLICK = {"action": "click", "userId": 404444, "buttonName": "helloWorld"}


@contextmanager
def serving(app: ASGIApp, take: Take | None = None) -> Iterator[str]:
    """The base URL of a server that runs this application."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on connections wait, so that no client has to
        running = server(app, "127.0.0.1", 0, take=take)
        thread = threading.Thread(target=running.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(10)
        assert not thread.is_alive()


@contextmanager
def client_of(app: ASGIApp, take: Take | None = None) -> Iterator[httpx.Client]:
    """A client of such a server."""
    with serving(app, take) as url, httpx.Client(base_url=url, timeout=5) as client:
        yield client
