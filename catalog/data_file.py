"""What a catalog knows: data files, the partitions they make, and how both change."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Partition(NamedTuple):
    """One day of one table."""

    table: str
    dt: str


@dataclass(frozen=True, slots=True)
class DataFile:
    """One Parquet object of the lake."""

    key: str
    """Relative to the lake, as `events.layout.object_key` makes it."""
    partition: Partition
    rows: int
    bytes: int
    column_bytes: Mapping[str, int]
    """Compressed bytes by column: what a query that needs the column reads of the file."""
    replaces: tuple[str, ...] = ()
    """The keys whose rows this file holds in their stead."""


class Reason(Enum):
    """Why an object is not in the catalog."""

    MISSING = "missing"
    """It went between being named and being read: compacted, most likely."""
    SUPERSEDED = "superseded"
    """Another file holds its rows; it only waits to be deleted."""
    UNREADABLE = "unreadable"
    """It is torn, or no Parquet."""
    FOREIGN = "foreign"
    """It is no data file of a table that playlake knows."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object that was left out, and why in words."""

    key: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Registered:
    """What a `register` did. Keys that were known already are in none of its fields."""

    partitions: tuple[Partition, ...] = ()
    """The partitions that are new to the catalog."""
    added: tuple[str, ...] = ()
    """The keys that are new to the catalog: where it keeps no files, those of new partitions."""
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """What a `sync` or a `replace` did to the catalog's files."""

    added: tuple[DataFile, ...] = ()
    dropped: tuple[DataFile, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def gained(self) -> tuple[Partition, ...]:
        """See `catalog.port.Synced.gained`."""
        return tuple(sorted(self.added_by_partition()))

    @property
    def lost(self) -> tuple[Partition, ...]:
        """See `catalog.port.Synced.lost`."""
        return tuple(sorted(self.dropped_by_partition()))

    def added_by_partition(self) -> Counter[Partition]:
        """How many files each partition gained."""
        return Counter(file.partition for file in self.added)

    def dropped_by_partition(self) -> Counter[Partition]:
        """How many files each partition lost."""
        return Counter(file.partition for file in self.dropped)
