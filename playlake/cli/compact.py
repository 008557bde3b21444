"""The command `compact`: small files become large ones, and each event one row."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from playlake.cli.opening import opened_compaction
from playlake.cli.options import Format, OutputFormat, tables_named
from playlake.cli.progress import progress
from playlake.cli.rendering import render_listing
from playlake.cli.terminal import Plain
from playlake.cli.text import bytes_text
from playlake.cli.where import Where, anywhere
from playlake.days import parse_day
from playlake.durations import seconds
from transform.mending.packing import DEFAULT_MEGABYTES, Memory

if TYPE_CHECKING:
    from transform.mending.compaction import Compacted
    from transform.mending.sweep import Growth, Scope, Sweep, Swept


@anywhere
def compact(
    where: Where,
    table: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="One table; else all of them.")
    ] = None,
    dt: Annotated[
        list[str] | None,
        typer.Option(metavar="YYYY-MM-DD", help="A day, as often as you like; else every day."),
    ] = None,
    all_older_than: Annotated[
        str | None,
        typer.Option(metavar="1h", help="Only files that were written so long ago: 15m, 1h, 7d."),
    ] = None,
    max_megabytes: Annotated[
        int, typer.Option(min=512, metavar="N", help="Memory that it may take.")
    ] = DEFAULT_MEGABYTES,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what there is to compact, and change nothing.")
    ] = False,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Make a day's small files large ones, about 256 MB, sorted, and each event one row.

    No query counts a row twice or misses one meanwhile. Safe to interrupt and to run again. Where
    `playlake dev` runs, and hourly on AWS, it happens by itself.
    """
    from transform.mending.sweep import Sweep

    scope = _scope(table, dt or [], all_older_than)
    with opened_compaction(where, looking=dry_run) as lake:
        if dry_run:
            _show_growth(list(Sweep(lake.store, lake.swap).grown(scope)), output)
            return
        swept = _swept(Sweep(lake.store, lake.swap, Memory.of(max_megabytes)), scope)
    _show(swept, output)
    raise typer.Exit(_complain(swept, max_megabytes))


def _scope(table: str | None, dts: Sequence[str], older_than: str | None) -> Scope:
    from transform.mending.sweep import Scope

    age = None if older_than is None else seconds("--all-older-than", older_than)
    days = [str(parse_day("--dt", each)) for each in dts]
    return Scope(tables_named(table), days, None if age is None else time.time() - age)


def _swept(sweep: Sweep, scope: Scope) -> Swept:
    total, done = sum(len(each.files) for each in sweep.grown(scope)), 0
    with progress("Compacting", total) as update:

        def tell(compacted: Compacted) -> None:
            nonlocal done
            done += len(compacted.replaced)
            update(done)

        return replace(sweep, tell=tell).run(scope)


def _show(swept: Swept, output: Format) -> None:
    days: defaultdict[tuple[str, str], list[Compacted]] = defaultdict(list)
    for each in swept.compacted:
        days[each.table, each.dt].append(each)
    if not days and output is Format.TABLE:
        Plain().print("There is nothing to compact.", soft_wrap=True)
        return
    columns = {"table": "varchar", "dt": "varchar", "files": "bigint", "became": "bigint"}
    columns |= {"rows": "bigint", "duplicates": "bigint", "bytes": "bigint"}
    render_listing(columns, list(_rows(days)), output, title="Compacted")


def _rows(days: dict[tuple[str, str], list[Compacted]]) -> Iterator[tuple[str | int, ...]]:
    for day, made in sorted(days.items()):
        yield (
            *day,
            sum(len(each.replaced) for each in made),
            sum(len(each.added) for each in made),
            sum(each.rows for each in made),
            sum(each.duplicates for each in made),
            sum(each.bytes for each in made),
        )


def _show_growth(grown: Sequence[Growth], output: Format) -> None:
    if not grown and output is Format.TABLE:
        Plain().print("No day has more than one file.", soft_wrap=True)
        return
    columns = {"table": "varchar", "dt": "varchar", "files": "bigint", "bytes": "bigint"}
    rows = [(each.table, each.dt, len(each.files), each.bytes) for each in grown]
    render_listing(columns, rows, output, title="Days of several files")


def _complain(swept: Swept, megabytes: int) -> int:
    console = Plain(stderr=True)
    for each in swept.unreadable:
        console.print(
            f"[red]playlake:[/] {each}: one cannot be read, so they stay as they are: the log says"
            " which. `playlake catalog sync` names it, too.",
            soft_wrap=True,
        )
    for each in swept.too_large:
        console.print(
            f"[red]playlake:[/] {each} of {bytes_text(each.bytes)} take more than {megabytes:,} MB"
            " as one: give more with --max-megabytes.",
            soft_wrap=True,
        )
    return 1 if swept.unreadable or swept.too_large else 0
