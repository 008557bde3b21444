"""The command `dev`: the whole pipeline on this machine, serving."""

from __future__ import annotations

import logging
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from events.errors import SettingsError
from playlake.cli.opening import find_stack
from playlake.cli.terminal import Terminal
from playlake.cli.where import Where, anywhere
from playlake.deployment import Deployed
from playlake.folder import DataFolder

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_PUTS_AT_ONCE = 8


@anywhere
def dev(
    where: Where,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8080,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    allow_origin: Annotated[
        str, typer.Option(help='Pages that may post, separated by commas; "*" is any.')
    ] = "*",
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not print each event's fate.")] = False,
) -> None:
    """Serve the player page and POST /events, and deliver into the data folder.

    Prints each event's fate as it arrives. Ctrl-C delivers what is left, then stops.
    Given an --identifier, events go to the delivery stream of that stack instead.
    """
    from ingest.settings import parse_origins

    console = Terminal(highlight=False)
    _log_to(console)
    origins = parse_origins(allow_origin)
    with _listen(host, port) as listening:
        if isinstance(where, Deployed):
            _serve_for(where, console, listening, origins)
        else:
            _serve(where, console, listening, origins, quiet=quiet)


def _serve(
    folder: DataFolder,
    console: Terminal,
    listening: socket.socket,
    origins: frozenset[str],
    *,
    quiet: bool,
) -> None:
    """The whole pipeline, on this machine."""
    from playlake.cli.fate import FatePrinter
    from playlake.pipeline import LocalPipeline, Observers, PipelineSettings
    from playlake.server import create_app

    printer = FatePrinter(console)
    observers = Observers(delivered=printer.delivered)
    if not quiet:
        observers = Observers(delivered=printer.delivered, written=printer.written)
    with LocalPipeline(folder, PipelineSettings(allowed_origins=origins), observers) as pipeline:
        _greet(console, listening, f"collects into {folder.root}")
        with pipeline.start():
            _run(create_app(pipeline.collector, pipeline.spool.submit), listening)
            console.print("Stopping: delivering what is left.")
        backlog = pipeline.spool.backlog()
    _take_leave(console, folder.root, backlog.records, printer.failed)


def _serve_for(
    where: Deployed, console: Terminal, listening: socket.socket, origins: frozenset[str]
) -> None:
    """The page and the collector on this machine, the rest of the way on AWS."""
    from ingest.collector import Collector
    from playlake.server import create_app

    found = find_stack(where)
    from playlake.drivers.deployed_stream import opened_stream

    stream = opened_stream(found.session, found.deployment)
    _greet(console, listening, f"collects into the delivery stream of {where}")
    with ThreadPoolExecutor(_PUTS_AT_ONCE) as pool:
        collector = Collector(stream.max_record_bytes, origins)
        _run(create_app(collector, lambda records: pool.submit(stream.put, records)), listening)
    console.print("Stopped. Everything that was accepted is on the stream.")


def _run(app: ASGIApp, listening: socket.socket) -> None:
    from playlake.server import server

    # uvicorn raises the signal again once it has stopped: whoever serves has more to do then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server(app, *listening.getsockname()[:2]).run(sockets=[listening])


def _take_leave(console: Console, data: Path, waiting: int, failed: int) -> None:
    if failed:
        console.print(f"{failed:,} records could not be processed; they are under {data}/failed.")
    if waiting:
        console.print(f"{waiting:,} records wait in {data} for the next start.")
    if not (failed or waiting):
        console.print("Delivered. Everything that was accepted is in the lake.")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048, reuse_port=False)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with --port."
        ) from error


def _greet(console: Console, listening: socket.socket, what: str) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://{host}:{port}"
    console.print(f"playlake serves [bold]{url}/[/] and {what}", soft_wrap=True)
    console.print(
        f'[dim]  curl {url}/events -d \'{{"action": "click", "buttonName": "hello"}}\''
        f" -H 'content-type: application/json'\n  Ctrl-C stops it.[/]",
        soft_wrap=True,
    )


def _log_to(console: Console) -> None:
    """Warnings and worse of playlake's own, each on a line of its own."""
    handler = RichHandler(console=console, show_path=False, show_level=True, markup=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
