"""Days past their time, dropped: the catalog's partitions, their files, and the archive's."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from events.layout import parse_key
from playlake.auditing.absences import ARCHIVE, note_cutoff
from playlake.local.upkeep import GRACE_SECONDS
from playlake.mending.workshop import Workshop
from transform.store import Store

_ARCHIVED = re.compile(r"(?P<prefix>raw|failed)/(?:[^/]+/)*?dt=(?P<dt>\d{4}-\d\d-\d\d)/.+")


@dataclass(frozen=True, slots=True)
class Expired:
    """A day past its time, of a table or of the archive."""

    table: str
    """The table, or the archive's prefix: `raw`, `failed`."""
    dt: str
    keys: tuple[str, ...]
    """Of the files, relative to the lake or, for the archive, to where that lies."""
    bytes: int


@dataclass(frozen=True, slots=True)
class Retention:
    """Days before `first_kept`, a UTC day, are past their time: of some tables or of everything."""

    shop: Workshop
    first_kept: date
    tables: Collection[str]
    archive: bool
    """Whether `raw/` and `failed/` are past their time too: they are not of one table."""

    def expired(self) -> list[Expired]:
        """What is past its time now. Raises `events.errors.StoreUnavailable`."""
        days = [each for table in self.tables for each in self._of_table(table)]
        return [*days, *self._of_archive()] if self.archive else days

    def drop(self, expired: Collection[Expired], sleep: Callable[[float], object]) -> None:
        """Drop the days, so that no query that is asked from then on meets a file that is gone.

        First it is noted, for audits, then the catalog forgets the files; those that keep files do
        so in one transaction. After a moment in which queries that were planned before come to
        their end, the files go, then partitions without one. Killed anywhere and run again, it does
        what is left; what the catalog forgot it does not take up again. A catalog that keeps no
        files, Glue, forgets a partition only once it is empty: an empty one is read as no rows.
        Raises `events.errors.Unavailable`.
        """
        self._note()
        ours = [each for each in expired if each.table in self.tables]
        if ours:
            self.shop.replace([key for each in ours for key in each.keys], [])
            sleep(GRACE_SECONDS)
        for each in expired:
            store = self.shop.lake if each.table in self.tables else self.shop.archive
            for key in each.keys:
                store.delete(key)
        if ours:
            self.shop.sync()

    def _note(self) -> None:
        for what in (*self.tables, *([ARCHIVE] if self.archive else [])):
            note_cutoff(self.shop.archive, what, self.first_kept)

    def _of_table(self, table: str) -> Iterator[Expired]:
        def day_of(key: str) -> str | None:
            parsed = parse_key(key)
            return parsed[1] if parsed else None

        return self._days(table, self.shop.lake, f"{table}/", day_of)

    def _of_archive(self) -> Iterator[Expired]:
        def day_of(key: str) -> str | None:
            found = _ARCHIVED.fullmatch(key)
            return found["dt"] if found else None

        for prefix in ("raw", "failed"):
            yield from self._days(prefix, self.shop.archive, f"{prefix}/", day_of)

    def _days(
        self, name: str, store: Store, prefix: str, day_of: Callable[[str], str | None]
    ) -> Iterator[Expired]:
        files: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for each in store.entries(prefix):
            dt = day_of(each.key)
            if dt is not None and dt < self.first_kept.isoformat():
                files[dt][each.key] = each.bytes
        for dt, sizes in sorted(files.items()):
            yield Expired(name, dt, tuple(sizes), sum(sizes.values()))


def first_kept(today: date, days: int) -> date:
    """The oldest day that is kept, of `days` before today and today, UTC."""
    return today - timedelta(days=days)
