"""What `playlake consume --status` prints: each shard, who leases it, and how far it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from playlake.cli.options import Format
from playlake.cli.rendering import render_listing
from playlake.cli.terminal import Plain
from playlake.consuming.shards import furthest_behind, summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playlake.consuming.shards import ShardStatus
    from playlake.drivers.session import Session
    from playlake.drivers.shards import Consumers
    from transform.ledger import Place

_SHOWN_DIGITS = 8
"""Of a sequence number's 56, in a table: the last ones, in which those of one shard differ."""

_COLUMNS = {
    "shard": "varchar",
    "state": "varchar",
    "owner": "varchar",
    "checkpoint": "varchar",
    "in_lake_through": "varchar",
}
_TOTALS = {"batches": "bigint", "records": "bigint", "rows": "bigint", "objects": "bigint"}
_FOR_PEOPLE = {**_COLUMNS, "behind": "varchar", "committed": "varchar", **_TOTALS}
_FOR_PROGRAMS = {
    **_COLUMNS,
    "begun_through": "varchar",
    "behind_ms": "bigint",
    "committed_at": "timestamp",
    **_TOTALS,
}


def show_status(session: Session, of: Consumers, output: Format, now_ms: int) -> None:
    """Print how far the consumers are at `now_ms`. A shard that nobody reads is said, and no error.

    Raises as `playlake.drivers.shards.consumption` does.
    """
    from playlake.drivers.shards import consumption

    found = consumption(session, of, now_ms)
    # Where a program reads, what is for people goes beside.
    console = Plain(stderr=output is not Format.TABLE)
    if output is Format.TABLE:
        rows = [_for_people(each, now_ms) for each in found.statuses]
        render_listing(_FOR_PEOPLE, rows, output, f"{of.stream} → {of.lake_uri}")
    else:
        render_listing(_FOR_PROGRAMS, map(_for_programs, found.statuses), output)
    console.print(_last_line(found.statuses), soft_wrap=True, markup=False)
    if not found.leased:
        console.print(
            f"No consumer of the application {of.application!r} has run yet: there is no DynamoDB"
            f" table of that name in {session.region}.",
            soft_wrap=True,
            markup=False,
        )


def _for_people(status: ShardStatus, now_ms: int) -> tuple[Any, ...]:
    standing, behind = status.progress.standing, status.progress.behind_ms
    committed = standing.committed_ms
    return (
        status.shard,
        status.state.value,
        None if status.finished else status.owner or "nobody",
        None if status.lease is None else _short(status.lease.checkpoint),
        _short(_written(standing.through)),
        None if behind is None else duration_text(behind),
        f"{duration_text(now_ms - committed)} ago" if committed else None,
        *_totals(status),
    )


def _for_programs(status: ShardStatus) -> tuple[Any, ...]:
    standing = status.progress.standing
    return (
        status.shard,
        status.state.value,
        status.owner,
        None if status.lease is None else status.lease.checkpoint,
        _written(standing.through),
        _written(standing.begun),
        status.progress.behind_ms,
        _moment(standing.committed_ms),
        *_totals(status),
    )


def _totals(status: ShardStatus) -> tuple[int, int, int, int]:
    totals = status.progress.standing.totals
    return totals.batches, totals.records, totals.rows, totals.objects


def _written(place: Place | None) -> str | None:
    return None if place is None else str(place)


def _short(place: str | None) -> str | None:
    if place is None or not place[0].isdigit() or len(place) <= _SHOWN_DIGITS:
        return place
    return f"…{place[-_SHOWN_DIGITS:]}"


def _moment(epoch_ms: int) -> datetime | None:
    """As an answer holds it: UTC, without a zone."""
    if not epoch_ms:
        return None
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).replace(tzinfo=None)


def _last_line(statuses: Sequence[ShardStatus]) -> str:
    furthest = furthest_behind(statuses)
    words = list(summary(statuses))
    if furthest is not None:
        behind = duration_text(furthest.progress.behind_ms or 0)
        words.append(f"the furthest behind is {furthest.shard}, by {behind}")
    return ", ".join(words) + "."


def duration_text(milliseconds: int) -> str:
    """A span of time for people, in its two largest units: 2 h 5 min."""
    seconds = max(milliseconds, 0) // 1_000
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3_600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86_400:
        return f"{seconds // 3_600} h {seconds % 3_600 // 60} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3_600} h"
