"""What became of events that were sent through the transform again, counted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

_LONGEST = 300
"""Characters of an example: an event may have 256 KB."""


class Fate(Enum):
    """What became of an event. Every event that was read has one."""

    GOOD = "came good"
    """It is in its table now, and was not before."""
    THERE = "there already"
    REJECTED = "rejected"
    """It breaks its type's rules, and is in `rejected_events` now; it was nowhere before."""
    BAD = "stays bad"
    """It stays where it was, for the reason there is now."""


class Counted(NamedTuple):
    """Events of one fate."""

    table: str | None
    """Where they are; None where they are no rows."""
    fate: Fate
    reason: str | None
    events: int
    example: str
    """The id of one that is good; of another, what is wrong with it and what was sent."""


@dataclass(slots=True)
class Tally:
    """A count by table, fate and reason, with the first example of each."""

    read: int = 0
    """Events that were read. The counts add up to it."""
    _counts: dict[tuple[str | None, Fate, str | None], tuple[int, str]] = field(
        default_factory=dict
    )

    def add(
        self,
        table: str | None,
        fate: Fate,
        events: int,
        reason: str | None = None,
        example: str = "",
    ) -> None:
        """Count events."""
        if events:
            before, first = self._counts.get((table, fate, reason), (0, example[:_LONGEST]))
            self._counts[table, fate, reason] = before + events, first

    def stay(self, events: int, reason: str, example: str) -> None:
        """Count events that were read and are no rows, before the transform and after."""
        self.read += events
        self.add(None, Fate.BAD, events, reason, example)

    def torn(self, what: str) -> None:
        """Count an object that cannot be read as one event: nobody knows how many it holds."""
        self.stay(1, "torn", what)

    def total(self, *fates: Fate) -> int:
        """The events of these fates."""
        return sum(events for (_, fate, _), (events, _) in self._counts.items() if fate in fates)

    def __iter__(self) -> Iterator[Counted]:
        """Every count, what came good first."""
        order = list(Fate)
        for place in sorted(
            self._counts, key=lambda each: (order.index(each[1]), each[0] or "~", each[2] or "")
        ):
            yield Counted(*place, *self._counts[place])
