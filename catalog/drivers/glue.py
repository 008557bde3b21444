"""The catalog of a lake in S3: the Glue Data Catalog, which Athena reads."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from catalog.data_file import Partition, Reason, Registered, Skipped
from catalog.drivers.aws import client
from catalog.drivers.bucket import Bucket
from catalog.drivers.glue_table import GlueTable
from catalog.drivers.keys import FOREIGN, partition_of, sort_keys
from events.registry import REGISTRY

REMEMBERED_SECONDS = 900.0
"""How long a partition counts as known without asking Glue: it may be dropped by somebody else."""


@dataclass(frozen=True, slots=True)
class SyncedPartitions:
    """See `catalog.port.Synced`; Glue knows partitions, not what lies in them."""

    gained: tuple[Partition, ...] = ()
    lost: tuple[Partition, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    refreshed: tuple[Partition, ...] = ()
    """Made when the table had other columns: read by its present ones from now on."""


@dataclass(slots=True)
class GlueCatalog:
    """See `catalog.port.Catalog`. Threads may share it.

    A partition is registered by its object's name alone: what the object holds is not looked at,
    because Athena reads whatever lies in the partition's folder when a query runs.
    """

    database: str
    bucket: str
    prefix: str = ""
    """Where the lake begins in the bucket; a key outside of it is foreign."""
    glue: Any = None
    s3: Any = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _known: dict[Partition, float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.prefix = f"{self.prefix.strip('/')}/" if self.prefix.strip("/") else ""
        self.glue = client("glue") if self.glue is None else self.glue

    def register(self, keys: Iterable[str]) -> Registered:
        """See `catalog.port.Catalog.register`. Nothing is asked when all is known.

        `keys` are the bucket's. `added` has those of new partitions.
        """
        ours, foreign = sort_keys(keys, self._partition_of)
        new: set[Partition] = set()
        for table, dts in _by_table(set(ours.values()) - self._remembered()).items():
            new |= self._create(self._table(table), dts)
        added = tuple(key for key, partition in ours.items() if partition in new)
        return Registered(tuple(sorted(new)), added, tuple(foreign))

    def partitions(self, table: str) -> tuple[str, ...]:
        """See `catalog.port.Catalog.partitions`."""
        return tuple(self._table(table).partitions())

    def sync(self) -> SyncedPartitions:
        """See `catalog.port.Catalog.sync`. Brings partitions of other columns up to date too."""
        done = [self._sync_table(table.name) for table in REGISTRY.tables]
        return SyncedPartitions(
            tuple(each for synced in done for each in synced.gained),
            tuple(each for synced in done for each in synced.lost),
            tuple(each for synced in done for each in synced.skipped),
            tuple(each for synced in done for each in synced.refreshed),
        )

    def is_aside(self, table: str, dt: str) -> bool | None:
        """Whether queries read the partition from elsewhere than where its files come to lie; None
        when there is no such partition."""
        glue = self._table(table)
        location = glue.location(dt)
        return None if location is None else location != glue.shape().home(dt)

    def move(self, table: str, dt: str, folder: str | None) -> bool:
        """Let queries read the partition from this folder of the bucket, from home for None; at
        once, for each query that is planned from now on.

        False when there is no such partition.
        """
        glue = self._table(table)
        location = None if folder is None else f"s3://{self.bucket}/{folder}"
        return not glue.update({dt}, glue.shape(), location)

    def _sync_table(self, name: str) -> SyncedPartitions:
        # Glue is read before the bucket is: a partition that is registered in between is in
        # neither list, so a writer at work is never taken for a loss.
        table, bucket = self._table(name), self._bucket()
        shape, known = table.shape(), table.partitions()
        lying, others = bucket.days(name)
        days = {dt for dt in lying if _is_day(dt)}
        others += [f"{bucket.prefix}{name}/dt={dt}/" for dt in lying - days]
        table.delete(known.keys() - lying)
        # An object that came after the listing is there by now, or its notice is still to come.
        back = {dt for dt in known.keys() - lying if bucket.holds(name, dt)}
        new = table.create((days - known.keys()) | back, shape) - back
        # One that is not at home is being compacted: its turn is the next time.
        at_home = {dt for dt in known.keys() & days if known[dt].location == shape.home(dt)}
        stale = {dt for dt in at_home if known[dt].digest != shape.digest}
        table.update(stale, shape)
        lost = _partitions(name, known.keys() - lying - back)
        for partition in lost:
            self._known.pop(partition, None)
        skipped = tuple(Skipped(key, Reason.FOREIGN, FOREIGN) for key in sorted(others))
        return SyncedPartitions(_partitions(name, new), lost, skipped, _partitions(name, stale))

    def _create(self, table: GlueTable, dts: set[str]) -> set[Partition]:
        """Make the partitions and remember them; gives those that Glue did not have."""
        new = table.create(dts, table.shape())
        now = self.clock()
        self._known.update((partition, now) for partition in _partitions(table.name, dts))
        return set(_partitions(table.name, new))

    def _remembered(self) -> set[Partition]:
        since = self.clock() - REMEMBERED_SECONDS
        return {partition for partition, at in tuple(self._known.items()) if at > since}

    def _partition_of(self, key: str) -> Partition | None:
        inside = key.removeprefix(self.prefix) if key.startswith(self.prefix) else ""
        partition = partition_of(inside)
        return partition if partition is not None and _is_day(partition.dt) else None

    def _table(self, name: str) -> GlueTable:
        return GlueTable(self.glue, self.database, name, self.sleep)

    def _bucket(self) -> Bucket:
        self.s3 = client("s3") if self.s3 is None else self.s3  # registering needs none
        return Bucket(self.s3, self.bucket, self.prefix)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _partitions(table: str, dts: Iterable[str]) -> tuple[Partition, ...]:
    return tuple(Partition(table, dt) for dt in sorted(dts))


def _by_table(partitions: Iterable[Partition]) -> dict[str, set[str]]:
    tables: defaultdict[str, set[str]] = defaultdict(set)
    for table, dt in partitions:
        tables[table].add(dt)
    return dict(tables)
