"""Compacting a whole lake by the clock, where nobody watches its partitions grow."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from events.layout import parse_key
from events.registry import REGISTRY
from transform.compaction import Compacted, TooMuch, compact
from transform.store import Store

_logger = logging.getLogger("playlake.transform")

MOST_BYTES = 32 * 2**20
"""What of a partition is compacted at once: as Arrow it takes about thirty times as much memory."""
MOST_ARROW_BYTES = 384 * 2**20
"""What of it is held at once, where events repeat themselves and a small file is large in memory.
All in all a compaction takes four times as much, of the 2 GB that the function has."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Files of one partition, more than one: each its key and its bytes."""

    table: str
    dt: str
    files: tuple[tuple[str, int], ...]

    @property
    def bytes(self) -> int:
        """Of all the files together."""
        return sum(size for _, size in self.files)


@dataclass(slots=True)
class Swept:
    """What a sweep did, and what it could not do."""

    compacted: list[Compacted] = field(default_factory=list)
    too_large: list[Growth] = field(default_factory=list)
    """Partitions that stay several files: an event that is in two of them stays twice."""
    unreadable: list[Growth] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Counts, and by name each partition that is not one file now: fit for a line of a log."""
        return {
            "partitions": len({parse_key(each.key) for each in self.compacted}),
            "files": sum(len(each.replaced) for each in self.compacted),
            "duplicates": sum(each.duplicates for each in self.compacted),
            "too_large": [_named(each) for each in self.too_large],
            "unreadable": [_named(each) for each in self.unreadable],
        }


def sweep(
    store: Store, most_bytes: int = MOST_BYTES, most_arrow_bytes: int = MOST_ARROW_BYTES
) -> Swept:
    """Make each partition's files one, its duplicates dropped, and delete what that replaced.

    A partition over `most_bytes`, or over `most_arrow_bytes` once it is read, is named, and
    compacted by groups of its files. One with a file that cannot be read keeps that file, and those
    of its group, and is named too.

    Safe to interrupt, to run again and to run twice at once. A file is deleted only after another
    that holds its events was there; that one, only after one that holds more; and the names of
    compacted files say which events they hold, so this never comes round to a file that is gone.
    What outlives what replaced it is dropped as duplicates the next time. Raises
    `events.errors.StoreUnavailable`.
    """
    swept = Swept()
    for growth in _grown(store):
        if growth.bytes > most_bytes:
            _logger.warning("%s has %d bytes: too large", _named(growth), growth.bytes)
            swept.too_large.append(growth)
        for group in _groups(growth, most_bytes):
            _compact(store, group, most_arrow_bytes, swept)
    return swept


def _compact(store: Store, group: Growth, most_arrow_bytes: int, swept: Swept) -> None:
    keys, rest = [key for key, _ in group.files], list[Growth]()
    try:
        done = compact(store, REGISTRY.table(group.table), group.dt, keys, most_arrow_bytes)
    except TooMuch as error:
        _logger.warning("%s: %s: too large", _named(group), error)
        swept.too_large.append(group)
        rest = _halves(group)
    except ValueError as error:
        # pyarrow's errors are ValueErrors: a file is torn, or no Parquet. Nothing is deleted.
        _logger.error("%s cannot be compacted: %s", _named(group), error)  # noqa: TRY400
        swept.unreadable.append(group)
    except KeyError:
        # Another sweep took a file of it meanwhile: they are its, or the next one's.
        return
    else:
        for key in done.replaced:
            store.delete(key)
        swept.compacted.append(done)
    for half in rest:  # out here: inside, the error would keep alive what was read
        _compact(store, half, most_arrow_bytes, swept)


def _groups(growth: Growth, most_bytes: int) -> Iterator[Growth]:
    """What becomes one file: all of the partition or, where that is too much, groups of its files.

    A file over half of `most_bytes` is as good as compacted. Of the others two always fit, so no
    group but the last can be a single file.
    """
    if growth.bytes <= most_bytes:
        yield growth
        return
    group: list[tuple[str, int]] = []
    for key, size in growth.files:
        if size > most_bytes // 2:
            continue
        if sum(each for _, each in group) + size > most_bytes:
            yield replace(growth, files=tuple(group))
            group = []
        group.append((key, size))
    if len(group) > 1:
        yield replace(growth, files=tuple(group))


def _halves(group: Growth) -> list[Growth]:
    """The group in two, without a half of one file: there is nothing to compact it with."""
    middle = len(group.files) // 2
    halves = (group.files[:middle], group.files[middle:])
    return [replace(group, files=files) for files in halves if len(files) > 1]


def _grown(store: Store) -> Iterator[Growth]:
    for table in REGISTRY.tables:
        sizes = store.sizes(f"{table.name}/")
        ours = ((parsed[1], key, size) for key, size in sizes if (parsed := parse_key(key)))
        for dt, group in groupby(ours, key=lambda each: each[0]):
            files = tuple((key, size) for _, key, size in group)
            if len(files) > 1:
                yield Growth(table.name, dt, files)


def _named(growth: Growth) -> str:
    return f"{growth.table} dt={growth.dt}, {len(growth.files)} files"
