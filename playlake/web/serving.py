"""The local server in a thread of its own, for whoever has other things to do meanwhile."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp

from playlake.local.pipeline import LocalPipeline
from playlake.web.protocol import Take
from playlake.web.server import create_app, server

_STARTUP_SECONDS = 10


@contextmanager
def serving(pipeline: LocalPipeline) -> Iterator[str]:
    """Serve and deliver; gives the URL. Leaving it delivers all that was accepted, then returns."""
    app = create_app(pipeline.collector, pipeline.spool.submit)
    with pipeline.start(), serving_app(app, take=app.events.take_together) as url:
        yield url


@contextmanager
def serving_app(app: ASGIApp, host: str = "127.0.0.1", take: Take | None = None) -> Iterator[str]:
    """Serve an application on a free port; gives the URL. Leaving it ends the open requests.

    `take`: see `playlake.web.server.server`.
    """
    with socket.create_server((host, 0)) as listening:
        web = server(app, host, 0, take=take)
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listening]}, name="server")
        thread.start()
        try:
            _wait_until_started(thread, lambda: web.started)
            yield f"http://{host}:{listening.getsockname()[1]}"
        finally:
            web.should_exit = True
            thread.join()


def _wait_until_started(thread: threading.Thread, started: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _STARTUP_SECONDS
    while not started():
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the local server did not start")
        time.sleep(0.01)
