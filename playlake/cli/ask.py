"""The commands that ask: query, report, export.

Engines and parsers are loaded by the command that uses them, so that no other command waits.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from events.errors import SettingsError, Unavailable
from playlake.cli.opening import opened
from playlake.cli.options import Format, OutputFormat, Since, Until, UserId, VideoId, today
from playlake.cli.rendering import render, render_listing, scanned_text, write_csv
from playlake.cli.terminal import Plain
from playlake.cli.where import Where, anywhere
from playlake.days import day_range

if TYPE_CHECKING:
    from catalog.answer import Answer
    from catalog.named import NamedQuery
    from catalog.port import Engine, Value


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)

# The parameters that a report is about one of, and what each of them is.
_ABOUT = {"user_id": "viewer", "video_id": "video"}


@anywhere
def query(
    where: Where,
    sql: Annotated[str, typer.Argument(help="One SELECT, in Athena's dialect.")],
    full_scan: Annotated[
        bool, typer.Option("--full-scan", help="Allow reading every partition.")
    ] = False,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Answer SQL from the days it asks for, and say what that read."""
    with opened(where) as lake, lake.engine.query(sql, full_scan=full_scan) as answer:
        render(answer, output)


@anywhere
def report(
    where: Where,
    name: Annotated[
        str | None, typer.Argument(help="A named query; without one, they are listed.")
    ] = None,
    since: Since = None,
    until: Until = None,
    user_id: UserId = None,
    video_id: VideoId = None,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Answer a named query, or list the ones there are."""
    if name is None:
        _list_reports(output)
        return
    named = _find(name)
    arguments = _arguments(named, since, until, {"user_id": user_id, "video_id": video_id})
    with opened(where) as lake, _asked(lake.engine, named, arguments) as answer:
        render(answer, output, title=f"{named.title}\n[dim not bold]{named.description}[/]")


@anywhere
def export(
    where: Where,
    name: Annotated[str, typer.Argument(help="A named query.")],
    csv: Annotated[Path, typer.Option("--csv", metavar="FILE", help="The file to write.")],
    since: Since = None,
    until: Until = None,
    user_id: UserId = None,
    video_id: VideoId = None,
) -> None:
    """Write a report to a CSV file, every row of it."""
    named = _find(name)
    arguments = _arguments(named, since, until, {"user_id": user_id, "video_id": video_id})
    with opened(where) as lake, _asked(lake.engine, named, arguments) as answer:
        rows = _write_file(answer, csv)
        console = Plain()
        console.print(f"Wrote {rows:,} rows to {escape(str(csv))}.", soft_wrap=True)
        console.print(f"[dim]{scanned_text(answer.scanned)}[/]", soft_wrap=True)


def _asked(engine: Engine, named: NamedQuery, arguments: Mapping[str, Value]) -> Answer:
    # A report always has its days; where they are all there could be, they were asked for.
    return engine.query(named.sql, parameters=arguments, full_scan=True)


def _find(name: str) -> NamedQuery:
    from catalog.named import named_query

    return named_query(name.replace("-", "_"))


def _list_reports(output: Format) -> None:
    from catalog.named import named_queries

    columns = {"report": "varchar", "what it says": "varchar", "options": "varchar"}
    rows = [
        (each.name, each.description, ", ".join(_option(one.name) for one in each.parameters))
        for each in named_queries()
    ]
    render_listing(columns, rows, output)


def _option(parameter: str) -> str:
    return "--" + parameter.replace("_", "-")


def _arguments(
    named: NamedQuery, since: str | None, until: str | None, about: Mapping[str, Value]
) -> Mapping[str, Value]:
    """The query's parameters: the days, and of `about` what was given."""
    taken = {parameter.name for parameter in named.parameters}
    for name, noun in _ABOUT.items():
        given, option = about[name] is not None, _option(name)
        if name in taken and not given:
            raise SettingsError(f"{named.name} is about one {noun}; name one with {option}.")
        if given and name not in taken:
            raise SettingsError(f"{named.name} is about all {noun}s; leave {option} out.")
    now = today()
    first, last = day_range(since, until, now, "--")
    chosen = {name: value for name, value in about.items() if name in taken}
    return named.arguments({"since": first, "until": last, **chosen}, now)


def _write_file(answer: Answer, path: Path) -> int:
    """Every row, or what was there before. A pipe or a device takes them as they come."""
    apart = path.is_file() or not path.exists()
    target = path.resolve() if apart else path  # what a link leads to; /dev/stdout to no path
    written = target.with_name(f".{target.name}.{os.getpid()}") if apart else target
    try:
        with written.open("w", encoding="utf-8", newline="") as file:
            rows = write_csv(answer, file)
        if apart:
            written.replace(target)
    except OSError as error:
        kind = Unavailable if error.errno in _DISK else SettingsError
        raise kind(f"{path} cannot be written: {error.strerror}") from error
    finally:
        if apart:
            written.unlink(missing_ok=True)
    return rows
