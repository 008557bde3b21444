"""moto's server, on loopback, with nothing in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from moto.server import ThreadedMotoServer


@contextmanager
def moto() -> Iterator[str]:
    """Start it; gives its URL. What it holds is the process's, so that the one before has left
    everything behind."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    try:
        empty(url)
        yield url
    finally:
        server.stop()


def empty(url: str) -> None:
    """Forget everything."""
    httpx.post(f"{url}/moto-api/reset", timeout=10).raise_for_status()
