"""Compacting a whole lake by the clock, where nobody watches its partitions grow."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from events.layout import parse_key
from events.registry import REGISTRY
from transform.compaction import Compacted, compact
from transform.store import Store

_logger = logging.getLogger("playlake.transform")

MOST_BYTES = 32 * 2**20
"""What of a partition is compacted at once: as Arrow it takes about thirty times as much memory."""


@dataclass(frozen=True, slots=True)
class Growth:
    """A partition of more than one file: its keys, and their bytes together."""

    table: str
    dt: str
    keys: tuple[str, ...]
    bytes: int


@dataclass(slots=True)
class Swept:
    """What a sweep did, and what it left alone."""

    compacted: list[Compacted] = field(default_factory=list)
    too_large: list[Growth] = field(default_factory=list)
    unreadable: list[Growth] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Counts, and each partition that was left alone by name: fit for a line of a log."""
        return {
            "partitions": len(self.compacted),
            "files": sum(len(each.replaced) for each in self.compacted),
            "duplicates": sum(each.duplicates for each in self.compacted),
            "too_large": [_named(each) for each in self.too_large],
            "unreadable": [_named(each) for each in self.unreadable],
        }


def sweep(store: Store, most_bytes: int = MOST_BYTES) -> Swept:
    """Make each partition's files one, its duplicates dropped, and delete what that replaced.

    Safe to interrupt and to run again: a file that outlives what replaced it holds the same events,
    and they are dropped as duplicates the next time. A partition over `most_bytes`, and one with a
    file that cannot be read, is left as it is and named. Raises `events.errors.StoreUnavailable`.
    """
    swept = Swept()
    for growth in _grown(store):
        if growth.bytes > most_bytes:
            _logger.warning("%s has %d bytes: too large", _named(growth), growth.bytes)
            swept.too_large.append(growth)
            continue
        try:
            swept.compacted.append(_compact(store, growth))
        except ValueError as error:
            # pyarrow's errors are ValueErrors: a file is torn, or no Parquet. Nothing is deleted.
            _logger.error("%s cannot be compacted: %s", _named(growth), error)  # noqa: TRY400
            swept.unreadable.append(growth)
        except KeyError:
            # Another sweep took a file of it meanwhile: the partition is its, or the next one's.
            continue
    return swept


def _compact(store: Store, growth: Growth) -> Compacted:
    done = compact(store, REGISTRY.table(growth.table), growth.dt, growth.keys)
    for key in done.replaced:
        store.delete(key)
    return done


def _grown(store: Store) -> Iterator[Growth]:
    for table in REGISTRY.tables:
        sizes = store.sizes(f"{table.name}/")
        ours = ((parsed[1], key, size) for key, size in sizes if (parsed := parse_key(key)))
        for dt, group in groupby(ours, key=lambda each: each[0]):
            files = list(group)
            if len(files) > 1:
                keys = tuple(key for _, key, _ in files)
                yield Growth(table.name, dt, keys, sum(size for *_, size in files))


def _named(growth: Growth) -> str:
    return f"{growth.table} dt={growth.dt}, {len(growth.keys)} files"
