"""The command `dev`: the whole pipeline on this machine, serving."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from playlake.cli.listening import (
    Host,
    Port,
    dashboard_told,
    key_of,
    listen,
    names_of,
    serve,
    url_of,
)
from playlake.cli.opening import find_stack
from playlake.cli.terminal import Terminal
from playlake.cli.where import Where, anywhere
from playlake.deployed.deployment import Deployed
from playlake.local.folder import DataFolder

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from playlake.local.pipeline import Background, LocalPipeline
    from playlake.web.access import Key
    from playlake.web.exposition import Family
    from playlake.web.measures import Measures

_PUTS_AT_ONCE = 8


@anywhere
def dev(
    where: Where,
    port: Port = 8080,
    host: Host = "127.0.0.1",
    allow_origin: Annotated[
        str, typer.Option(help='Pages that may post, separated by commas; "*" is any.')
    ] = "*",
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not print each event's fate.")] = False,
) -> None:
    """Serve the pages and POST /events, and deliver into the data folder.

    Prints each event's fate as it arrives. Ctrl-C delivers what is left, then stops.
    Given an --identifier, events go to the delivery stream of that stack instead.
    """
    from ingest.settings import parse_origins

    console = Terminal()
    _log_to(console)
    origins = parse_origins(allow_origin)
    with listen(host, port) as listening:
        serving = _Serving(console, listening, host, origins, key_of(host, listening))
        if isinstance(where, Deployed):
            _serve_for(where, serving)
        else:
            _serve(where, serving, quiet=quiet)


@dataclass(frozen=True, slots=True)
class _Serving:
    """What the collector is served with, wherever its events go."""

    console: Terminal
    listening: socket.socket
    host: str
    origins: frozenset[str]
    key: Key | None


def _serve(folder: DataFolder, serving: _Serving, *, quiet: bool) -> None:
    """The whole pipeline, on this machine."""
    from playlake.cli.desk import desk_of_folder
    from playlake.cli.fate import FatePrinter
    from playlake.local.delivery import Delivered
    from playlake.local.pipeline import LocalPipeline, Observers, PipelineSettings
    from playlake.web.access import guarded
    from playlake.web.dashboard.live import LiveFeed
    from playlake.web.dashboard.routes import dashboard_routes
    from playlake.web.measures import Measures
    from playlake.web.server import create_app

    console, feed, place = serving.console, LiveFeed(), str(folder.root)
    printer, measures = FatePrinter(console), Measures()

    def delivered(batch: Delivered) -> None:
        measures.delivered(batch)
        printer.delivered(batch)

    def written(key: str, data: bytes) -> None:
        measures.written(key, data)
        feed.written(key, data)
        if not quiet:
            printer.written(key, data)

    observers = Observers(delivered=delivered, written=written)
    settings = PipelineSettings(allowed_origins=serving.origins, apart=True)
    with LocalPipeline(folder, settings, observers) as pipeline:
        _greet(serving, f"collects into {place}")
        with pipeline.start() as background:
            with desk_of_folder(pipeline.catalog, place, serving.host, feed) as desk:
                routes = [
                    *dashboard_routes(desk),
                    *_watched(pipeline, background, measures, serving.host),
                ]
                app = create_app(
                    pipeline.collector,
                    pipeline.spool.submit,
                    routes=routes,
                    answered=measures.answered,
                )
                site = guarded(app, serving.key)
                serve(site, serving.listening, feed.close, app.events.take_together)
            console.print("Stopping: delivering what is left.")
        backlog = pipeline.spool.backlog()
    _take_leave(console, folder.root, backlog.records, printer.failed)


def _watched(
    pipeline: LocalPipeline, background: Background, measures: Measures, host: str
) -> list[BaseRoute]:
    """How the pipeline is, for whoever watches it: /healthz and /metrics."""
    from ingest.drivers.spool import read_backlog
    from playlake.web.health import FolderProbe, Health, health_route
    from playlake.web.measures import compacted, metrics_route, waiting

    def families() -> Iterator[Family]:
        yield from measures.families()
        yield compacted(pipeline.upkeep.compactions)
        yield from waiting(read_backlog(pipeline.spool.path), _now_ms())

    probe = FolderProbe(
        pipeline.folder.root,
        pipeline.spool,
        lambda: background.delivering,
        lambda: background.keeping_up,
    )
    return [health_route(Health(probe, _now_ms)), metrics_route(families, names_of(host))]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _serve_for(where: Deployed, serving: _Serving) -> None:
    """The pages and the collector on this machine, the rest of the way on AWS."""
    from ingest.collector import Collector
    from playlake.cli.desk import desk_of_stack
    from playlake.web.access import guarded
    from playlake.web.dashboard.routes import dashboard_routes
    from playlake.web.server import create_app

    found = find_stack(where)
    from playlake.drivers.deployed_stream import opened_stream

    stream = opened_stream(found.session, found.deployment)
    collector = Collector(stream.max_record_bytes, serving.origins)
    _greet(serving, f"collects into the delivery stream of {where}")
    with (
        ThreadPoolExecutor(_PUTS_AT_ONCE) as pool,
        desk_of_stack(found, str(where), serving.host) as desk,
    ):
        routes = dashboard_routes(desk)
        app = create_app(collector, lambda each: pool.submit(stream.put, each), routes=routes)
        serve(guarded(app, serving.key), serving.listening, take=app.events.take)
    serving.console.print("Stopped. Everything that was accepted is on the stream.")


def _take_leave(console: Console, data: Path, waiting: int, failed: int) -> None:
    where = escape(str(data))
    if failed:
        console.print(f"{failed:,} records could not be processed; they are under {where}/failed.")
    if waiting:
        console.print(f"{waiting:,} records wait in {where} for the next start.")
    if not (failed or waiting):
        console.print("Delivered. Everything that was accepted is in the lake.")


def _greet(serving: _Serving, what: str) -> None:
    console, url = serving.console, url_of(serving.listening)
    console.print(f"playlake serves [bold]{url}/[/] and {what}", soft_wrap=True)
    console.print(f"  {dashboard_told(url, serving.key)}", soft_wrap=True)
    console.print(
        f'[dim]  curl {url}/events -d \'{{"action": "click", "buttonName": "hello"}}\''
        f" -H 'content-type: application/json'\n  Ctrl-C stops it.[/]",
        soft_wrap=True,
    )


def _log_to(console: Console) -> None:
    """Warnings and worse of playlake's own, each on a line of its own."""
    handler = RichHandler(console=console, show_path=False, show_level=True, markup=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
