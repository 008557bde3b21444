"""Which events are replayed."""

from dataclasses import dataclass
from datetime import date
from enum import Enum

from events.errors import SettingsError


class Source(Enum):
    """Where events come from again."""

    REJECTED = "rejected"
    """`rejected_events`: what comes good is taken out of it."""
    FAILED = "failed"
    """`failed/`: what Firehose, or whoever stood in its place, could not process."""
    RAW = "raw"
    """`raw/`: everything that was delivered, as it came."""


@dataclass(frozen=True, slots=True)
class Span:
    """UTC days, both inclusive; None is no bound. Of rejected events the day they were received, of
    the archive the day in an object's key: when it was delivered, or its first record arrived.

    Raises SettingsError when they are none.
    """

    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if self.since and self.until and self.since > self.until:
            raise SettingsError(f"--since {self.since} is after --until {self.until}; swap them.")

    def holds(self, dt: str) -> bool:
        """Whether the day, `YYYY-MM-DD`, is one of these."""
        after = self.since is None or dt >= self.since.isoformat()
        return after and (self.until is None or dt <= self.until.isoformat())
