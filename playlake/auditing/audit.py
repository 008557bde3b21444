"""Whether everything that was accepted is in the lake: the accounts of a day, laid side by side.

The collector's own count says how many events it acknowledged, the archive which ones they were,
and the lake has to have each of them once, as an event or as a rejected one. What is missing on
purpose is noted beside the archive: `playlake.auditing.absences`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice

import pyarrow as pa

from events.registry import REGISTRY
from playlake.auditing.absences import Cutoffs, cutoffs, dropped, withdrawn
from playlake.auditing.arrivals import RAW, Archive, Arrivals, Lines, filed_under
from playlake.auditing.lake_ids import LakeIds
from playlake.auditing.sought import Sought, partitions_for
from transform.failed import FAILED
from transform.store import Store

_FIRST, _LAST = date.min + timedelta(days=2), date.max - timedelta(days=2)
"""The days beside a day are looked at too, and no calendar goes on for ever."""

NAMED = 10
"""So many missing events are named; replaying the day mends them all."""


@dataclass(frozen=True, slots=True)
class Account:
    """The collector's own count, events by UTC day; a day that it did not count is in none."""

    accepted: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Of those, the ones that are still in the stream, where that can be looked into."""
    leeway: Mapping[str, int] = field(default_factory=dict)
    """Of those, the ones that may be another day's in the archive, or still be under way."""
    stream: str | None = None
    """The Kinesis stream that others may still have events in: how many, nobody looked."""
    archived_since: date = date.min
    """What arrived before has left the archive by itself, and nobody can tell any more which of it
    came twice."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An event that was accepted and that the lake lacks."""

    event_id: str
    object: str
    """Where its line lies in the archive."""


@dataclass(frozen=True, slots=True)
class DayAudit:
    """What became of the events that arrived on one UTC day."""

    dt: str
    accepted: int | None
    """By the collector's count; None where it did not count."""
    waiting: int
    """Acknowledged and not delivered yet."""
    archived: int
    """Lines under `raw/`."""
    in_lake: int
    """Distinct rows that were received that day, in the tables of events."""
    rejected: int
    """And in that of rejected ones."""
    duplicates: int
    """Lines of events that came before, and were kept once."""
    dropped: int
    """Events that came so late that their day was past its time, and went with it."""
    doubled: int
    """Rows that compaction has still to drop: until then they count twice."""
    failed: int
    """Events under `failed/` that the lake lacks."""
    missing: int
    """Archived events that the lake lacks."""
    unaccounted: int
    """Accepted events that are not archived nor failed nor waiting nor in the lake."""
    named: tuple[Missing, ...]
    """The first of those that are missing."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing that was accepted is missing."""
        return not (self.failed or self.missing or self.unaccounted)


@dataclass(slots=True)
class Audit:
    """An audit of a lake. It only reads, and others may write meanwhile.

    The account is to be read before this begins; this reads the archive before the lake. Events
    take the same way in the other direction, so that none is on its way between two of them unseen.
    """

    lake: Store
    archive: Store
    """Rooted where `raw/` and `failed/` lie."""
    account: Account
    unreadable: set[str] = field(default_factory=set)
    """Objects that could not be read: complete after the last day."""

    def days(self, first: date, last: date) -> Iterator[DayAudit]:
        """Each day of arrival from `first` to `last` on which anything came, but those that the
        archive has no longer.

        Three days of ids are in memory at most. Raises `events.errors.StoreUnavailable`.
        """
        kept = cutoffs(self.archive)
        archive, lake = Archive(self.archive), LakeIds(self.lake)
        first, last = (
            max(first, kept.archive, self.account.archived_since, self._oldest()),
            min(last, _LAST),
        )
        for day, arrivals in archive.days(first, last):
            audited = self._day(day, arrivals, lake, kept)
            self.unreadable |= {*archive.unreadable, *lake.unreadable}
            if audited is not None:
                yield audited

    def _oldest(self) -> date:
        """No event arrived before: what arrived lies under that day or one beside it, a row under
        the day after at the latest. So years without anything are not looked through."""
        tables = [f"{table.name}/" for table in REGISTRY.tables]
        firsts = [next(iter(self.lake.keys(prefix)), "") for prefix in tables]
        firsts += [next(iter(self.archive.keys(f"{prefix}/dt=")), "") for prefix in (RAW, FAILED)]
        found = [dt for key in firsts if (dt := filed_under(key))]
        try:
            oldest = date.fromisoformat(min([*found, *self.account.accepted], default=str(_FIRST)))
        except ValueError:  # a folder that is called dt=, of no day
            return _FIRST
        return max(oldest - timedelta(days=1), _FIRST)

    def _day(self, day: date, came: Arrivals, lake: LakeIds, kept: Cutoffs) -> DayAudit | None:
        dt = day.isoformat()
        # Its first events may have lain in an object of the day before, which was dropped.
        due = 0 if day == kept.archive else self._due(dt)
        sought = _look_for(day, came, lake, due)
        accepted = self.account.accepted.get(dt)
        if not (accepted or came.count or sought.rows):
            return None
        absent = sought.absent()
        lost, gone = self._lost(came.raw, absent, kept)
        failed = len(absent) - len(lost) - gone
        missing = len(lost) + max(0, came.unnamed - sought.extra)
        spent = sought.rows + missing + failed + gone
        return DayAudit(
            dt=dt,
            accepted=accepted,
            waiting=self.account.waiting.get(dt, 0),
            archived=len(came.raw),
            in_lake=sought.rows - sought.rejected,
            rejected=sought.rejected,
            duplicates=max(0, came.count - spent),
            dropped=gone,
            doubled=sought.doubled,
            failed=failed,
            missing=missing,
            unaccounted=max(0, due - _accounted(came, sought)),
            named=tuple(Missing(*each) for each in islice(lost.items(), NAMED)),
        )

    def _due(self, dt: str) -> int:
        """How many events of the day must be found: accepted, and delivered by now."""
        account = self.account
        excused = account.waiting.get(dt, 0) + account.leeway.get(dt, 0)
        return account.accepted.get(dt, 0) - excused - withdrawn(self.archive, dt)

    def _lost(self, raw: Lines, absent: pa.Array, kept: Cutoffs) -> tuple[dict[str, str], int]:
        """The archived events that the lake lacks, each with its object, and how many it lacks
        because their day was dropped."""
        lacking = raw.among(absent)
        if not (lacking and kept.tables):
            return lacking, 0
        objects = sorted(set(lacking.values()))
        gone = dropped(self.archive, objects, lacking.keys(), kept.tables)
        return {each: key for each, key in lacking.items() if each not in gone}, len(gone)


def _look_for(day: date, came: Arrivals, lake: LakeIds, due: int) -> Sought:
    sought = Sought(day, came.ids)
    near, far = partitions_for(lake, day)
    for place in near:
        sought.meet(lake.read(*place))
    for place in far:
        if _is_all_found(came, sought, due):
            break
        sought.meet(lake.read(*place))
    if not _is_all_found(came, sought, due):
        for place in lake.appeared():  # the archive was read after the lake's days were listed
            sought.meet(lake.read(*place))
    return sought


def _is_all_found(came: Arrivals, sought: Sought, due: int) -> bool:
    enough = sought.extra >= came.unnamed and _accounted(came, sought) >= due
    return enough and not len(sought.absent())


def _accounted(came: Arrivals, sought: Sought) -> int:
    """Events of the day that are somewhere: archived, failed, or in the lake without either."""
    return came.count + max(0, sought.extra - came.unnamed)
