"""The command `consume`: a Kinesis stream into the lake, each event once."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from events.errors import SettingsError
from playlake.cli.options import Format, OutputFormat
from playlake.cli.source import Named, Source, find_source
from playlake.cli.terminal import Terminal
from playlake.cli.where import AwsOptions, aws

if TYPE_CHECKING:
    from playlake.consuming.daemon import Program
    from playlake.consuming.settings import ConsumerSettings
    from playlake.consuming.supervisor import Ended, Observer
    from playlake.consuming.worker import Plan

_MEGABYTE = 2**20
_SOUND_KCL = (3, 5, 3)
_LONGEST_BATCH_SECONDS = 86_400.0
"""What was read and is not committed has to be in the stream still, which keeps it for a day."""
_BEFORE_A_PROFILE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
"""Where AWS's SDKs look before they look at AWS_PROFILE. A profile that an option names counts
before all of them, as it does to the AWS CLI."""


class Log(Enum):
    """How a run is told of."""

    TEXT = "text"
    JSON = "json"


@aws
def consume(
    where: AwsOptions,
    stream: Annotated[str | None, typer.Option(metavar="NAME", help="The Kinesis stream.")] = None,
    lake: Annotated[
        str | None, typer.Option(metavar="URI", help="s3://bucket/lake or file:///path/lake.")
    ] = None,
    catalog: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="glue://database or sqlite:///path/catalog.db. Default: beside a folder's lake.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A data folder, in the place of --lake and --catalog."),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(min=1, max=64, help="Daemons of KCL's that share the shards, here."),
    ] = 1,
    application: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The workers' common name. Default: the stream's."),
    ] = None,
    max_megabytes: Annotated[
        int, typer.Option(min=1, max=1024, help="Commit a shard's batch when it has this size…")
    ] = 128,
    max_seconds: Annotated[
        float,
        typer.Option(
            min=0.1,
            max=_LONGEST_BATCH_SECONDS,
            help="…or when its first record was read so long ago.",
        ),
    ] = 60.0,
    raw: Annotated[
        bool, typer.Option("--raw/--no-raw", help="Archive the events as they came, under raw/.")
    ] = True,
    log: Annotated[
        Log | None,
        typer.Option(
            help="Default: text on a terminal, else JSON with CloudWatch's metrics in it."
        ),
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Do not consume: show how far each shard is.")
    ] = False,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Consume a Kinesis stream into the lake: the same tables, each event once.

    Everyone who runs with the same --application shares the stream's shards. Ctrl-C and SIGTERM
    commit what was read, within 20 seconds.

    The Kinesis Client Library reads; it needs Java. PLAYLAKE_KCL_PROPERTIES sets any property of
    its daemon (name=value,...), PLAYLAKE_JAVA_OPTIONS any option of its Java.
    """
    source = find_source(Named(stream, lake, catalog, data), where)
    name = source.stream if application is None else application
    if status:
        _show_status(source, name, output)
        return
    from playlake.consuming.settings import ConsumerSettings

    settings = ConsumerSettings(
        stream=source.stream,
        lake=source.lake,
        catalog=source.catalog,
        application=name,
        max_bytes=max_megabytes * _MEGABYTE,
        max_seconds=max_seconds,
        keep_raw=raw,
        max_late_days=_max_late_days(source.lake, os.environ),
    )
    _run(_Run(settings, source, workers, where.profile, _log(log)))


@dataclass(frozen=True, slots=True)
class _Run:
    settings: ConsumerSettings
    source: Source
    workers: int
    profile: str | None
    log: Log

    def enter(self, environment: MutableMapping[str, str]) -> None:
        """Make it one in which AWS is found where the session finds it: of this process, so that
        what is tried here is what daemons and children then have."""
        region = self.source.session.region
        environment.update({"AWS_REGION": region, "AWS_DEFAULT_REGION": region})
        if self.profile is not None:
            environment["AWS_PROFILE"] = self.profile
            for name in _BEFORE_A_PROFILE:
                environment.pop(name, None)


def _run(run: _Run) -> None:
    import msgspec

    from playlake.consuming.daemon import find_program
    from playlake.consuming.news import Inbox
    from playlake.consuming.opening import check
    from playlake.consuming.supervisor import Supervisor, Surroundings
    from playlake.consuming.worker import Worker
    from playlake.drivers.leadership import resign
    from playlake.drivers.stream_exists import find_stream

    program = find_program(os.environ)
    run.enter(os.environ)
    check(run.settings)
    stream = find_stream(run.source.session, run.settings.stream)
    _refuse_leases_of_another_stream(run)
    run = replace(run, settings=msgspec.structs.replace(run.settings, arn=stream.arn))
    console = Terminal(highlight=False, stderr=run.log is Log.JSON)
    _greet(console, run, stream.shards, program.version)
    with _folder() as folder, Inbox(folder / "news") as inbox:
        plans = _plans(run, program, folder)
        session, application = run.source.session, run.settings.application
        around = Surroundings(
            inbox,
            _observer(run, console),
            bury=lambda worker: resign(session, application, worker),
        )
        workers = [Worker(name, plan) for name, plan in plans.items()]
        ended = Supervisor(workers, around).run()
    _take_leave(console, ended)


def _refuse_leases_of_another_stream(run: _Run) -> None:
    from playlake.drivers.shards import of_another_stream

    application = run.settings.application
    strange = of_another_stream(run.source.session, run.settings.stream, application)
    if strange:
        raise SettingsError(
            f"The leases of {', '.join(strange)} are of a stream {run.settings.stream} that was"
            f" deleted: KCL would never read this one. Stop the consumers of {application!r} and"
            f" delete the items of the DynamoDB table {application}, or name another --application;"
            " the lake goes on where it stands (docs/kinesis.md)."
        )


def _plans(run: _Run, program: Program, folder: Path) -> dict[str, Plan]:
    """How each worker's daemon is started, by the worker's name."""
    import msgspec

    from playlake.consuming.properties import Aws
    from playlake.consuming.worker import plan

    reached = Aws.from_environment(run.source.session.region, os.environ)
    mine = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    plans = {}
    for number in range(1, run.workers + 1):
        name = f"{mine}-{number}"
        settings = msgspec.structs.replace(run.settings, worker=name, news=str(folder / "news"))
        plans[name] = plan(program, settings, reached, folder, os.environ)
    return plans


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="playlake-") as folder:
        if " " in folder:
            raise SettingsError(f"{folder} has a space in it, at which KCL splits: set TMPDIR.")
        with _kept(folder):
            yield Path(folder)


@contextmanager
def _kept(folder: str) -> Iterator[None]:
    """Inside, systemd does not clear the folder's files away for their age, as distributions let it
    after ten days; no daemon starts without them. Source: tmpfiles.d(5), "Age"."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a filesystem without locks is nobody's /tmp
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _observer(run: _Run, console: Terminal) -> Observer:
    from playlake.cli.commits import JsonLines, Lines

    if run.log is Log.TEXT:
        return Lines(console)
    return JsonLines(run.settings.stream, lambda: time.time_ns() // 1_000_000)


def _log(wanted: Log | None) -> Log:
    if wanted is not None:
        return wanted
    return Log.TEXT if sys.stdout.isatty() else Log.JSON


def _max_late_days(lake: str, environment: Mapping[str, str]) -> int | None:
    from transform.settings import TransformSettings

    return TransformSettings.from_environment(
        {**environment, "PLAYLAKE_LAKE_URI": lake}
    ).max_late_days


def _show_status(source: Source, application: str, output: Format) -> None:
    from playlake.cli.shard_status import show_status
    from playlake.drivers.shards import Consumers

    consumers = Consumers(source.stream, source.lake, application)
    show_status(source.session, consumers, output, time.time_ns() // 1_000_000)


def _greet(console: Terminal, run: _Run, shards: int, kcl: tuple[int, ...]) -> None:
    settings = run.settings
    version = ".".join(map(str, kcl))
    console.print(
        f"playlake consumes {settings.stream} ({shards} shards) in {run.source.session.region}"
        f" into {settings.lake}, {run.workers} worker{'' if run.workers == 1 else 's'} of"
        f" {settings.application}, KCL {version}. Ctrl-C stops it.",
        soft_wrap=True,
        markup=False,
    )
    if kcl < _SOUND_KCL:
        console.print(
            f"KCL {version} is older than 3.5.3 and may keep leases of dead workers: pip install"
            " --upgrade amazon_kclpy.",
            soft_wrap=True,
            markup=False,
        )


def _take_leave(console: Terminal, ended: Ended) -> None:
    totals = ended.totals
    console.print(
        f"Stopped in {ended.seconds:.1f} s. Committed {totals.rows:,} rows of {totals.records:,}"
        f" records in {totals.objects:,} files, {totals.batches:,} batches.",
        soft_wrap=True,
        markup=False,
    )
    if ended.killed:
        console.print(
            f"{ended.killed} worker{' was' if ended.killed == 1 else 's were'} killed before the"
            " end; what was read and not committed is read again.",
            soft_wrap=True,
            markup=False,
        )
