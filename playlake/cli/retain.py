"""The command `retain`: drops the days that are past their time."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from events.errors import SettingsError
from playlake.cli.opening import opened, opened_workshop
from playlake.cli.options import Format, tables_named, today
from playlake.cli.progress import Waiting
from playlake.cli.rendering import render_listing
from playlake.cli.terminal import Plain
from playlake.cli.text import bytes_text
from playlake.cli.where import Where, anywhere
from playlake.local.folder import DataFolder

if TYPE_CHECKING:
    from playlake.mending.retention import Expired

_MOST_DAYS = 36_500


@anywhere
def retain(
    where: Where,
    days: Annotated[
        int,
        typer.Option(min=0, max=_MOST_DAYS, metavar="N", help="Keep today and N days before it."),
    ],
    table: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="One table; else all of them, raw/ and failed/ too."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be dropped, and drop nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
) -> None:
    """Drop days past their time, catalog and files together: dt before today - N, UTC.

    Of the archive it is the day of arrival that counts. What cannot be undone is asked about, or
    takes --yes. Safe to interrupt and to run again.
    """
    from playlake.mending.retention import Retention, first_kept

    names = tables_named(table)
    kept = first_kept(today(), days)
    rows = _rows(where, names, kept)
    with opened_workshop(where, looking=dry_run) as shop:
        retention = Retention(shop, kept, names, archive=table is None)
        expired = retention.expired()
        _show(expired, rows, kept, dry_run=dry_run)
        if dry_run or not expired:
            return
        if not yes:
            _ask(where, kept)
        with Waiting("Dropping"):
            retention.drop(expired, time.sleep)
    Plain().print(f"Freed {_total(expired, rows)}.", soft_wrap=True)


def _rows(where: Where, tables: Sequence[str], kept: date) -> dict[tuple[str, str], int | None]:
    """The rows of each day past its time, None where the catalog does not count them."""
    with opened(where) as lake:
        found = [day for table in tables for day in lake.days(table) if day.dt < str(kept)]
    return {(day.table, day.dt): day.rows for day in found}


def _show(
    expired: Sequence[Expired],
    rows: dict[tuple[str, str], int | None],
    kept: date,
    *,
    dry_run: bool,
) -> None:
    if not expired:
        Plain().print(f"Nothing is from before {kept}.", soft_wrap=True)
        return
    columns = {"table": "varchar", "dt": "varchar", "files": "bigint", "rows": "bigint"}
    listed = [
        (each.table, each.dt, len(each.keys), rows.get((each.table, each.dt)), each.bytes)
        for each in expired
    ]
    verb = "would be dropped" if dry_run else "is to be dropped"
    title = f"What is from before {kept} {verb}"
    render_listing(columns | {"bytes": "bigint"}, listed, Format.TABLE, title=title)


def _ask(where: Where, kept: date) -> None:
    if not sys.stdin.isatty():
        raise SettingsError(
            f"Days before {kept} are dropped for good: look with --dry-run, then give --yes."
        )
    place = where.root if isinstance(where, DataFolder) else where.name
    typer.confirm(f"Drop the days before {kept} from {place} for good?", abort=True)


def _total(expired: Sequence[Expired], rows: dict[tuple[str, str], int | None]) -> str:
    files = sum(len(each.keys) for each in expired)
    counted = [rows.get((each.table, each.dt)) for each in expired]
    known = sum(count for count in counted if count is not None)
    text = f"{bytes_text(sum(each.bytes for each in expired))} in {files:,} files"
    return f"{text}, {known:,} rows" if any(count is not None for count in counted) else text
