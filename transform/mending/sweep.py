"""Compacting a whole lake by the clock, where nobody watches its partitions grow."""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Protocol

from events.layout import is_of_others, parse_key
from events.registry import REGISTRY
from events.table import Table
from transform.mending.compaction import Built, Compacted, Compactor, superseded
from transform.mending.merging import TooMuch
from transform.mending.packing import (
    DEFAULT_MEGABYTES,
    FILE_BYTES,
    Memory,
    Packed,
    Sized,
    halves,
    packed,
)
from transform.reading import DataRows, StoredFile
from transform.store import Entry, Store

_logger = logging.getLogger("playlake.transform")


class Swap(Protocol):
    """How a compaction's object comes to count in place of the files that it replaces."""

    def swap(self, built: Built) -> bool:
        """Write the object and let what it replaces go, some time before `finish` ends; False when
        one of those was gone already, and then nothing has changed."""

    def finish(self) -> None:
        """See every swap to its end."""


@dataclass(frozen=True, slots=True)
class PlainSwap:
    """Puts, then deletes. A file is deleted only after another that holds its events is there; who
    reads in between, and does not know which file replaces which, counts rows twice."""

    store: Store

    def swap(self, built: Built) -> bool:
        """See `Swap.swap`."""
        built.put(self.store)
        for key in built.done.replaced:
            self.store.delete(key)
        return True

    def finish(self) -> None:
        """See `Swap.finish`: each has ended."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Files of one partition, more than one: each its key and its bytes."""

    table: str
    dt: str
    files: tuple[Sized, ...]

    def __str__(self) -> str:
        return f"{self.table} dt={self.dt}, {len(self.files)} files"

    @property
    def bytes(self) -> int:
        """Of all the files together."""
        return sum(size for _, size in self.files)


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a lake is looked at; all of it by default."""

    tables: Collection[str] = ()
    dts: Collection[str] = ()
    written_before: float | None = None
    """Epoch seconds: only files from before then become others."""

    def holds(self, table: str, dt: str) -> bool:
        """Whether a partition is within it."""
        return (not self.tables or table in self.tables) and (not self.dts or dt in self.dts)

    def is_old(self, entry: Entry) -> bool:
        """Whether a file has been there for long enough."""
        return self.written_before is None or entry.modified < self.written_before


@dataclass(slots=True)
class Swept:
    """What a sweep did, and what it could not do."""

    compacted: list[Compacted] = field(default_factory=list)
    too_large: list[Growth] = field(default_factory=list)
    """Files that take more memory, as one, than there may be: they stay as they are."""
    unreadable: list[Growth] = field(default_factory=list)
    not_reached: list[Growth] = field(default_factory=list)
    """When the time was over."""

    def to_dict(self) -> dict[str, Any]:
        """Counts, and by name what is not as it is to be: fit for a line of a log."""
        return {
            "partitions": len({(each.table, each.dt) for each in self.compacted}),
            "files": sum(len(each.replaced) for each in self.compacted),
            "duplicates": sum(each.duplicates for each in self.compacted),
            "too_large": [str(each) for each in self.too_large],
            "unreadable": [str(each) for each in self.unreadable],
            "not_reached": [str(each) for each in self.not_reached],
        }


@dataclass(frozen=True, slots=True)
class Sweep:
    """Makes each partition's small files large ones, its duplicates dropped.

    A group that takes more than `memory` is halved, and named when it is two files or one. A group
    with a file that cannot be read stays as it is, and is named.

    Safe to interrupt and to run again: a file goes only after another that holds its events is
    there. Two at once lose nothing; what one of them outlived is dropped as duplicates the next
    time. The names of compacted files say which events they hold, so this never comes round to a
    file that is gone.
    """

    store: Store
    swap: Swap
    memory: Memory = Memory.of(DEFAULT_MEGABYTES)  # noqa: RUF009 (frozen)
    file_bytes: int = FILE_BYTES
    has_time: Callable[[], bool] = lambda: True
    """Asked before each group: whether there is time for one more."""
    tell: Callable[[Compacted], None] = lambda _done: None

    def run(self, scope: Scope = Scope()) -> Swept:
        """Compact what is within `scope`. Raises `events.errors.Unavailable`."""
        swept = Swept()
        for growth in self.grown(scope):
            self._sweep(growth, swept)
        self.swap.finish()
        return swept

    def grown(self, scope: Scope = Scope()) -> Iterator[Growth]:
        """The partitions within `scope` that are of several files, the newest day first: where time
        is short, what waits is old, on however many days somebody's clock put events."""
        yield from sorted(self._grown(scope), key=lambda each: each.dt, reverse=True)

    def _grown(self, scope: Scope) -> Iterator[Growth]:
        for table in REGISTRY.tables:
            ours = (
                (parsed[1], each)
                for each in self.store.entries(f"{table.name}/")
                if (parsed := parse_key(each.key)) and scope.holds(*parsed) and scope.is_old(each)
            )
            for dt, entries in groupby(ours, key=lambda each: each[0]):
                files = tuple((each.key, each.bytes) for _, each in entries)
                if len(files) > 1:
                    yield Growth(table.name, dt, files)

    def _sweep(self, growth: Growth, swept: Swept) -> None:
        found = packed(growth.files, self.file_bytes)
        if len(found.groups) > 1:
            found = self._without_outlived(growth, found, swept)
        self._compact_parts(growth, found.groups, list(found.full), swept)

    def _compact(self, group: Growth, beside: list[str], swept: Swept) -> list[str]:
        """Gives the files that were made: what comes after must not repeat their events.

        Two sweeps never each drop an event because of the other's file: of two files, one that is
        not full is looked into only by the sweep that made it, before it could be in the other's
        list.
        """
        if not self.has_time():
            swept.not_reached.append(group)
            return []
        compactor = Compactor(self.store, self.memory)
        table, keys = REGISTRY.table(group.table), [key for key, _ in group.files]
        try:
            built = compactor.build(table, group.dt, keys, beside)
        except TooMuch as error:
            if not (parts := list(halves(group.files))):
                _logger.warning("%s: %s: too large", group, error)
                swept.too_large.append(group)
        except ValueError as error:
            # pyarrow's errors are ValueErrors: a file is torn, or no Parquet. Nothing is deleted.
            _logger.error("%s cannot be compacted: %s", group, error)  # noqa: TRY400
            swept.unreadable.append(group)
            return []
        except KeyError:
            # Another sweep took a file of it meanwhile: they are its, or the next one's.
            return []
        else:
            return self._swapped(built, swept)
        # Out here: inside, the error would keep alive what was read.
        return self._compact_parts(group, parts, beside, swept)

    def _compact_parts(
        self, group: Growth, parts: Sequence[Sequence[Sized]], beside: list[str], swept: Swept
    ) -> list[str]:
        made = list[str]()
        for files in parts:
            if made:  # what was made of this day is to be read
                self.swap.finish()
            made += self._compact(replace(group, files=tuple(files)), beside + made, swept)
        return made

    def _swapped(self, built: Built, swept: Swept) -> list[str]:
        if not self.swap.swap(built):
            return []
        swept.compacted.append(built.done)
        self.tell(built.done)
        return list(built.done.added)

    def _without_outlived(self, growth: Growth, found: Packed, swept: Swept) -> Packed:
        """Files whose successors are there, too, go first: those may be in other groups."""
        table, replaces = REGISTRY.table(growth.table), dict[str, Collection[str]]()
        for key, _ in growth.files:
            replaces[key] = self._replaces(key, table) if is_of_others(key) else ()
        gone = superseded(replaces)
        if not gone:
            return found
        done = Compacted(growth.table, growth.dt, None, tuple(sorted(gone)), 0, 0)
        self._swapped(Built(done, b""), swept)
        self.swap.finish()
        return packed([each for each in growth.files if each[0] not in gone], self.file_bytes)

    def _replaces(self, key: str, table: Table) -> Collection[str]:
        try:
            return DataRows(StoredFile(self.store, key), table).replaces
        except (KeyError, ValueError):  # gone, or named when its group's turn comes
            return ()
