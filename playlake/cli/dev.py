"""The command `dev`: the whole pipeline on this machine, serving."""

import logging
import signal
import socket
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from events.errors import SettingsError
from playlake.cli.options import DEFAULT_DATA, Data
from playlake.cli.terminal import Terminal
from playlake.folder import DataFolder


def dev(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8080,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    data: Data = DEFAULT_DATA,
    allow_origin: Annotated[
        str, typer.Option(help='Pages that may post, separated by commas; "*" is any.')
    ] = "*",
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not print each event's fate.")] = False,
) -> None:
    """Serve the player page and POST /events, and deliver into the data folder.

    Prints each event's fate as it arrives. Ctrl-C delivers what is left, then stops.
    """
    from ingest.settings import parse_origins
    from playlake.cli.fate import FatePrinter
    from playlake.pipeline import LocalPipeline, Observers, PipelineSettings
    from playlake.server import create_app, server

    console = Terminal(highlight=False)
    _log_to(console)
    settings = PipelineSettings(allowed_origins=parse_origins(allow_origin))
    printer = FatePrinter(console)
    observers = Observers(delivered=printer.delivered)
    if not quiet:
        observers = Observers(delivered=printer.delivered, written=printer.written)
    with (
        _listen(host, port) as listening,
        LocalPipeline(DataFolder(data), settings, observers) as pipeline,
    ):
        _greet(console, listening, data)
        web = server(create_app(pipeline.collector, pipeline.spool.submit), host, port)
        # uvicorn raises the signal again once it has stopped; what is left to deliver comes first.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        with pipeline.start():
            web.run(sockets=[listening])
            console.print("Stopping: delivering what is left.")
        backlog = pipeline.spool.backlog()
    _take_leave(console, data, backlog.records, printer.failed)


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


def _greet(console: Console, listening: socket.socket, data: Path) -> None:
    host, port = listening.getsockname()[:2]
    url = f"http://{host}:{port}"
    console.print(f"playlake serves [bold]{url}/[/] and collects into {data}", soft_wrap=True)
    console.print(
        f'[dim]  curl {url}/events -d \'{{"action": "click", "buttonName": "hello"}}\''
        f" -H 'content-type: application/json'\n  Ctrl-C stops it.[/]",
        soft_wrap=True,
    )


def _log_to(console: Console) -> None:
    """Warnings and worse of playlake's own, each on a line of its own."""
    handler = RichHandler(console=console, show_path=False, show_level=True, markup=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
