"""A lake that can be asked, wherever it lies: its catalog, its engine, what its days hold."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from catalog.data_file import DataFile
from catalog.port import Catalog, Engine


class Day(NamedTuple):
    """One partition of a table, and what lies in it."""

    table: str
    dt: str
    files: int
    rows: int | None
    """None where the catalog does not count them: Glue knows partitions, not rows."""
    bytes: int


@dataclass(frozen=True, slots=True)
class Lake:
    """A data folder or a deployed stack, opened for questions."""

    catalog: Catalog
    engine: Engine
    days: Callable[[str], Sequence[Day]]
    """A table's days, oldest first."""


def days_of_files(table: str, files: Iterable[DataFile]) -> list[Day]:
    """The days that the table's data files make."""
    by_day: dict[str, list[DataFile]] = {}
    for file in files:
        by_day.setdefault(file.partition.dt, []).append(file)
    return [
        Day(table, dt, len(held), sum(each.rows for each in held), sum(each.bytes for each in held))
        for dt, held in sorted(by_day.items())
    ]


def newest_first(days: Sequence[Day], rows: int) -> Iterator[tuple[str, str]]:
    """The days in spans of (first, last), the newest span first, for whoever reads `rows` rows.

    The first span is the least that is known to hold so many; where rows are not counted, it is one
    day, and each span after it is twice as long as the one before.
    """
    left = list(days)
    length = _that_hold(left, rows)
    while left:
        span, left = left[-length:], left[:-length]
        yield span[0].dt, span[-1].dt
        length *= 2


def _that_hold(days: Sequence[Day], rows: int) -> int:
    held = 0
    for length, day in enumerate(reversed(days), start=1):
        if day.rows is None:
            return 1
        held += day.rows
        if held >= rows:
            return length
    return max(1, len(days))
