"""The commands that ask: query, report, export."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from catalog.answer import Answer
from catalog.drivers.duckdb_engine import Engine
from catalog.drivers.local import LocalCatalog
from catalog.named import NamedQuery, named_queries, named_query
from catalog.statement import Value
from events.errors import SettingsError
from playlake.cli.options import (
    DEFAULT_DATA,
    Data,
    Format,
    OutputFormat,
    Since,
    Until,
    UserId,
    day_range,
    today,
)
from playlake.cli.rendering import render, scanned_text, write_csv
from playlake.folder import DataFolder


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(
        epilog='playlake query "SELECT video_id, sum(duration) FROM video_play_events'
        " WHERE dt = '2026-11-24' GROUP BY 1\""
    )(query)
    names = ", ".join(each.name for each in named_queries())
    app.command(
        help=f"Answer a named query: {names}.",
        epilog="playlake report play_time_by_video --since 2026-11-01 --until 2026-11-30",
    )(report)
    app.command(epilog="playlake export daily_plays --csv daily.csv --since 2026-11-01")(export)


@dataclass(frozen=True, slots=True)
class Lake:
    """A data folder that can be asked."""

    catalog: LocalCatalog
    engine: Engine


@contextmanager
def opened(data: Path) -> Iterator[Lake]:
    """The lake in a data folder; raises SettingsError when nothing is in it."""
    folder = DataFolder(data).must_exist()
    with LocalCatalog(folder.lake, folder.catalog) as catalog, Engine(catalog) as engine:
        yield Lake(catalog, engine)


def query(
    sql: Annotated[str, typer.Argument(help="One SELECT, in Athena's dialect.")],
    full_scan: Annotated[
        bool, typer.Option("--full-scan", help="Allow reading every partition.")
    ] = False,
    data: Data = DEFAULT_DATA,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Answer SQL from the days it asks for, and say what that read."""
    with opened(data) as lake, lake.engine.query(sql, full_scan=full_scan) as answer:
        render(answer, output)


def report(
    name: Annotated[str, typer.Argument(help="The report's name.")],
    since: Since = None,
    until: Until = None,
    user_id: UserId = None,
    data: Data = DEFAULT_DATA,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Answer a named query."""
    named = named_query(name.replace("-", "_"))
    arguments = _arguments(named, since, until, user_id)
    with opened(data) as lake, lake.engine.query(named.sql, parameters=arguments) as answer:
        render(answer, output, title=f"{named.title}\n[dim not bold]{named.description}[/]")


def export(
    name: Annotated[str, typer.Argument(help="The report's name.")],
    csv: Annotated[Path, typer.Option("--csv", metavar="FILE", help="The file to write.")],
    since: Since = None,
    until: Until = None,
    user_id: UserId = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write a report to a CSV file, every row of it."""
    named = named_query(name.replace("-", "_"))
    arguments = _arguments(named, since, until, user_id)
    with opened(data) as lake, lake.engine.query(named.sql, parameters=arguments) as answer:
        rows = _write_file(answer, csv)
        console = Console(highlight=False)
        console.print(f"Wrote {rows:,} rows to {csv}.", soft_wrap=True)
        console.print(f"[dim]{scanned_text(answer.scanned)}[/]", soft_wrap=True)


def _arguments(
    named: NamedQuery, since: str | None, until: str | None, user_id: int | None
) -> Mapping[str, Value]:
    first, last = day_range(since, until)
    given: dict[str, Value | date] = {"since": first, "until": last}
    if user_id is not None:
        given["user_id"] = user_id
    return named.arguments(given, today())


def _write_file(answer: Answer, path: Path) -> int:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            return write_csv(answer, file)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
