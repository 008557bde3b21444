"""The command that sends events through the transform again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playlake.cli.opening import opened_workshop
from playlake.cli.options import Format, OutputFormat
from playlake.cli.progress import progress
from playlake.cli.rendering import render_listing
from playlake.cli.terminal import Plain
from playlake.cli.where import Where, anywhere
from playlake.days import parse_day
from playlake.replaying.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playlake.mending.workshop import Workshop
    from transform.mending.tally import Tally
    from transform.process import Settings

_COLUMNS = {
    "source": "varchar",
    "table": "varchar",
    "fate": "varchar",
    "reason": "varchar",
    "events": "bigint",
    "example": "varchar",
}
_Table = Annotated[
    Source | None,
    typer.Option(
        "--table", help="What is replayed: what failed and then what was rejected, by default."
    ),
]
_Since = Annotated[
    str | None, typer.Option(metavar="YYYY-MM-DD", help="First UTC day. Default: the first.")
]
_Until = Annotated[
    str | None,
    typer.Option(metavar="YYYY-MM-DD", help="Last UTC day, inclusive. Default: the last."),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be, and change nothing.")]
_MaxLate = Annotated[
    int | None,
    typer.Option(
        "--max-late-days",
        min=0,
        help="How late an event may be, as deployed. Without it no event is too late; those that"
        " were rejected for it stay so.",
    ),
]


@anywhere
def replay(
    where: Where,
    table: _Table = None,
    since: _Since = None,
    until: _Until = None,
    dry_run: _DryRun = False,
    max_late_days: _MaxLate = None,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Send rejected or failed events, or the raw archive, through the transform again.

    What comes good is written to its table, what is there already is not, and what stays bad stays
    where it is. Run a second time, it changes nothing.
    """
    span = Span(
        None if since is None else parse_day("--since", since),
        None if until is None else parse_day("--until", until),
    )
    from transform.process import Settings

    sources = [Source.FAILED, Source.REJECTED] if table is None else [table]
    with opened_workshop(where, looking=dry_run) as shop, _rehearsing(shop, dry_run) as at_work:
        tallies = [
            (source, _replay(at_work, source, span, Settings(max_late_days))) for source in sources
        ]
    rows = (row for source, tally in tallies for row in _rows(source, tally))
    render_listing(_COLUMNS, rows, output)
    # Where a program reads, what is for people goes beside.
    console = Plain(stderr=output is not Format.TABLE)
    console.print(_last_line([tally for _, tally in tallies], dry_run), soft_wrap=True)


@contextmanager
def _rehearsing(shop: Workshop, dry_run: bool) -> Iterator[Workshop]:
    if not dry_run:
        yield shop
        return
    from playlake.replaying.rehearsal import rehearsed
    from transform.drivers.file_store import FileStore

    with tempfile.TemporaryDirectory(prefix="playlake-") as name:
        aside = Path(name)
        yield rehearsed(shop, FileStore(aside / "lake"), FileStore(aside / "archive"))


def _replay(shop: Workshop, source: Source, span: Span, settings: Settings) -> Tally:
    from playlake.replaying.replay import replay as replay_source

    with progress(f"Replaying {source.value}", 1.0) as update:
        return replay_source(
            shop, source, span, settings, lambda done, total: update(done / total if total else 1.0)
        )


def _rows(source: Source, tally: Tally) -> Iterator[tuple[object, ...]]:
    yield source.value, None, "read", None, tally.read, None
    for each in tally:
        yield (
            *(source.value, each.table, each.fate.value),
            *(each.reason, each.events, each.example or None),
        )


def _last_line(tallies: Sequence[Tally], dry_run: bool) -> str:
    from transform.mending.tally import Fate

    def total(*fates: Fate) -> str:
        return f"{sum(tally.total(*fates) for tally in tallies):,}"

    said = (
        f"Of {sum(tally.read for tally in tallies):,} events {total(Fate.GOOD)} came good,"
        f" {total(Fate.THERE)} were there already, {total(Fate.REJECTED, Fate.BAD)} are bad."
    )
    return f"{said} Nothing was changed: this was a dry run." if dry_run else said
