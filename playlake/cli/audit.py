"""The command `audit`: whether everything that was accepted is in the lake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from events.errors import QueryError
from playlake.cli.opening import find_stack, opened
from playlake.cli.options import Format, OutputFormat, Since, Until, today
from playlake.cli.progress import Waiting
from playlake.cli.rendering import render_listing
from playlake.cli.terminal import Plain
from playlake.cli.text import printable
from playlake.cli.where import Where, anywhere
from playlake.days import day_range
from playlake.deployed.deployment import Deployed

if TYPE_CHECKING:
    from playlake.auditing.audit import Audit, DayAudit
    from playlake.lake import Lake

_COUNTS = (
    *("accepted", "waiting", "archived", "in_lake", "rejected", "duplicates"),
    *("dropped", "doubled", "failed", "missing", "unaccounted"),
)


@anywhere
def audit(
    where: Where,
    since: Since = None,
    until: Until = None,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Account for every accepted event, by day of arrival; exits with 1 when one is missing.

    Compares the collector's own count, the archive and the lake, event by event. Then says what
    plays counted and never arrived, how much was late, which clocks are wrong, and how fresh the
    lake is. Changes nothing, and `playlake dev` may be at work meanwhile.
    """
    first, last = day_range(since, until, today(), "--")
    with _opened_audit(where, first, last) as found, Waiting("Reading the archive and the lake"):
        # Nothing arrives after tomorrow, which is today where a collector's clock is ahead.
        days = list(found.days(first, min(last, today() + timedelta(days=1))))
    begins = found.account.archived_since
    columns = {"day": "varchar", **dict.fromkeys(_COUNTS, "bigint")}
    rows = [(each.dt, *(getattr(each, name) for name in _COUNTS)) for each in days]
    render_listing(columns, rows, output, title="Accepted events by day of arrival (UTC)")
    console = Plain(stderr=output is not Format.TABLE)
    if first < begins:
        console.print(f"From {begins} on: of days before, the archive has expired.", soft_wrap=True)
    findings = [
        *_findings(days, found.account.stream),
        *(f"{key} cannot be read." for key in sorted(found.unreadable)),
    ]
    findings += _tell(console, where, first, last)
    for finding in findings:
        console.print(f"[red]missing[/] {escape(finding)}", soft_wrap=True)
    if not findings:
        console.print("Nothing that was accepted is missing.", soft_wrap=True)
    raise typer.Exit(1 if findings else 0)


def _tell(console: Console, where: Where, first: date, last: date) -> list[str]:
    """Say what the reports do; gives why they cannot, if they cannot: a file is gone, say."""
    try:
        with opened(where) as lake:
            for remark in _remarks(lake, first, last):
                console.print(remark, soft_wrap=True, markup=False)
    except QueryError as error:
        return [f"the reports are not answered: {error}"]
    return []


@contextmanager
def _opened_audit(where: Where, first: date, last: date) -> Iterator[Audit]:
    from playlake.auditing.audit import Audit

    if isinstance(where, Deployed):
        yield _stack_audit(where, first, last)
        return
    from ingest.drivers.spool import read_acceptance
    from playlake.auditing.accounts import folder_account
    from transform.drivers.file_store import FileStore

    where.must_exist()
    account = folder_account(read_acceptance(where.spool))
    yield Audit(FileStore(where.lake), FileStore(where.root), account)


def _stack_audit(where: Deployed, first: date, last: date) -> Audit:
    from playlake.auditing.arrivals import RAW
    from playlake.auditing.audit import Audit
    from playlake.drivers.acceptance import read_account
    from playlake.drivers.deployed_lake import LAKE_PREFIX
    from playlake.drivers.lifecycle import kept_since
    from transform.drivers.s3_store import S3Store

    found = find_stack(where)
    bucket, s3 = found.deployment.bucket, found.session.client("s3")
    days = [first + timedelta(days=each) for each in range((last - first).days + 1)]
    account = replace(
        read_account(found.session, where.name, days, datetime.now(UTC)),
        stream=found.deployment.stream,
        archived_since=kept_since(found.session, bucket, f"{RAW}/", today()),
    )
    return Audit(S3Store(bucket, LAKE_PREFIX, s3), S3Store(bucket, "", s3), account)


def _findings(days: Sequence[DayAudit], stream: str | None) -> Iterator[str]:
    """What is missing, a sentence each: how much, which, and what mends it."""
    for day in days:
        span = f"--since {day.dt} --until {day.dt}"
        if day.missing:
            names = "".join(
                f"\n  {printable(each.event_id)} of {each.object}" for each in day.named
            )
            yield (
                f"{day.dt}: the lake lacks {day.missing:,} archived events; `playlake replay"
                f" --table raw {span}` mends it.{names}"
            )
        if day.failed:
            yield (
                f"{day.dt}: {day.failed:,} events could not be processed; `playlake replay"
                f" --table failed {span}` tries them again."
            )
        if day.unaccounted:
            where = (
                f"nor in the lake: they are in the stream {stream} still, which `playlake consume"
                " --status` tells, or what delivers them lost them."
                if stream
                else "nor in the lake nor under way: what delivers them lost them."
            )
            yield (
                f"{day.dt}: of {day.accepted:,} accepted events {day.unaccounted:,} are neither"
                f" archived {where}"
            )


def _remarks(lake: Lake, first: date, last: date) -> Iterator[str]:
    late = _report(lake, "lateness", first, last)
    events = sum(row["events"] for row in late)
    if events:
        for name, words in (("late", "came over an hour late"), ("suspect", "have a wrong clock")):
            count = sum(row[name] for row in late)
            yield f"Of {events:,} events of these days {count:,} ({count / events:.2%}) {words}."
        newest = max(row["newest"] for row in late if row["newest"] is not None)
        yield f"The newest was received at {newest:%Y-%m-%d %H:%M:%S}, {_ago(newest)} ago."
    gaps = _report(lake, "sequence_gaps", first, last)
    for row in sorted(gaps, key=lambda row: -row["missing"])[:_WORST]:
        if row["missing"]:
            yield (
                f"{row['dt']} {printable(row['browser_name'] or 'unknown browser')}: plays counted"
                f" {row['events']:,} events, and {row['missing']:,} ({row['missing_share']:.2%})"
                " never arrived, or not yet."
            )


_WORST = 10
"""So many days and browsers are told of, those that lack most; `playlake report` has all."""


def _report(lake: Lake, name: str, first: date, last: date) -> list[dict[str, Any]]:
    from catalog.named import named_query

    named = named_query(name)
    arguments = named.arguments({"since": first, "until": last}, last)
    with lake.engine.query(named.sql, parameters=arguments, full_scan=True) as answer:
        names = [column.name for column in answer.columns]
        return [dict(zip(names, row, strict=True)) for row in answer]


def _ago(newest: datetime) -> str:
    seconds = (datetime.now(UTC).replace(tzinfo=None) - newest).total_seconds()
    return str(timedelta(seconds=max(0, round(seconds))))
