"""Listening and serving, for the commands that do."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from events.errors import SettingsError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names by which only this machine is called."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; raises SettingsError when it cannot."""
    try:
        return socket.create_server((host, port), backlog=2048, reuse_port=False)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port."
        ) from error


def serve(
    app: ASGIApp, listening: socket.socket, stopping: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGINT or SIGTERM, then return: whoever serves has more to do then.

    `stopping` ends the requests that would never end; see `playlake.server.server`.
    """
    from playlake.server import server

    # uvicorn raises the signal again once it has stopped.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    host, port = listening.getsockname()[:2]
    server(app, host, port, stopping).run(sockets=[listening])


def url_of(listening: socket.socket) -> str:
    """Where a browser finds what is served there."""
    host, port = listening.getsockname()[:2]
    return f"http://{host}:{port}"


def names_of(host: str) -> frozenset[str] | None:
    """The names that a server on that address goes by; None is any, for one on a network."""
    return LOOPBACK if host in LOOPBACK else None
