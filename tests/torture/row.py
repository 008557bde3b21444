"""What a fault did to playlake: a row of the table in docs/reliability.md."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """A fault that was caused, and what came of it.

    `acknowledged` events were answered 200 to a client that kept its own ledger of them; `lost` of
    them are in no table, `doubled` are more than one row, once the lake was left to itself.
    """

    fault: str
    times: int
    acknowledged: int
    lost: int
    doubled: int
    recovery: tuple[float, ...] = field(default=(), repr=False)
    """Seconds from the fault until playlake answers 200 again or, where nothing stops answering,
    until what was acknowledged is in the lake. Empty where there is nothing to recover from."""
    note: str = ""

    @property
    def median_recovery(self) -> float | None:
        """The median of `recovery`, in seconds."""
        return median(self.recovery) if self.recovery else None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can be done to playlake, any number of times."""

    name: str
    """A word or two with dashes, for the command line."""
    times: int
    """How often `make torture` does it; `make torture-quick` a tenth of it, at least once."""
    cause: Callable[[int, int], Iterator[Row]]
    """Called with the times and a seed: does it so often, and gives the rows."""


def tallied(acknowledged: set[str], rows: Counter[str]) -> tuple[int, int]:
    """How many of the events that were acknowledged are lost, and how many are doubled."""
    return len(acknowledged - rows.keys()), sum(count > 1 for count in rows.values())
