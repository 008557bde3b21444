"""Listening and serving, for the commands that do."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from events.errors import SettingsError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from playlake.web.access import Key
    from playlake.web.protocol import Take

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")]
Host = Annotated[
    str,
    typer.Option(
        help="The address to listen on. Any but this machine's own asks for a token:"
        " PLAYLAKE_TOKEN, or one that is made and printed."
    ),
]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names by which only this machine is called."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; raises SettingsError when it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048, reuse_port=False)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port."
        ) from error


def serve(
    app: ASGIApp,
    listening: socket.socket,
    stopping: Callable[[], None] = lambda: None,
    take: Take | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then return: whoever serves has more to do then.

    `stopping` ends the requests that would never end, and `take` has what is posted to /events;
    see `playlake.web.server.server`.
    """
    from playlake.web.server import server

    # uvicorn raises the signal again once it has stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    host, port = listening.getsockname()[:2]
    with _less_garbage_collected():
        server(app, host, port, stopping, take).run(sockets=[listening])


@contextmanager
def _less_garbage_collected() -> Iterator[None]:
    """What is loaded by now stays to the end, and a request leaves no cycles: looking through all
    of it again and again was a third of the time, and 30 ms on end in which nobody was answered."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(20_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def url_of(listening: socket.socket) -> str:
    """Where a browser finds what is served there."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def key_of(host: str, listening: socket.socket) -> Key | None:
    """What a server there asks for; None for nothing, which only this machine is granted.

    A name in LOOPBACK may be made to mean another address, and on an address of 127.0.0.0/8 that
    is not in LOOPBACK any name in the Host header passes: either asks for a token.
    """
    from playlake.web.access import key_from

    address = ipaddress.ip_address(listening.getsockname()[0])
    return key_from(os.environ, exposed=host not in LOOPBACK or not address.is_loopback)


def dashboard_told(url: str, key: Key | None) -> str:
    """Where the dashboard is, in Rich's markup, and for a server with a key how it opens.

    A token that was made here is told this once; one that was given stays unsaid, as what a
    service prints is kept.
    """
    if key is None:
        return f"[bold]{url}/dashboard/[/] shows it"
    token = key.token if key.made else "$PLAYLAKE_TOKEN"
    return (
        f"[bold]{url}/dashboard/?token={token}[/] shows it to whoever has this address,\n"
        "  and a browser that opened it once is let in for a week"
    )


def names_of(host: str) -> frozenset[str] | None:
    """The names that a server on that address goes by; None is any, for one on a network."""
    return LOOPBACK if host in LOOPBACK else None
