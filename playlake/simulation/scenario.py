"""What to simulate, and what comes out of it."""

from dataclasses import dataclass
from datetime import date, timedelta

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01: `day_number(d) * DAY_MS` is the first millisecond of `d` in UTC."""
    return (day - _EPOCH).days


def date_of(day: int) -> date:
    """The date of a day number."""
    return _EPOCH + timedelta(days=day)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A site, its viewers and its faults. The same scenario always makes the same bytes.

    `until` is the last day, UTC, inclusive; `days` days end with it. The shares, from 0 to 1:
    `duplicates` of the requests are sent again; `late` of the visits are offline for days;
    `malformed` of the intervals break a rule, and of the requests bring one that is refused;
    `bots` of the viewers are bots, and `lab_viewers` of the rest have the lab's player, which
    sends bare events: without type and ids, stamped in seconds.
    """

    until: date
    viewers: int = 500
    days: int = 30
    seed: int = 1
    videos: int = 40
    duplicates: float = 0.02
    late: float = 0.02
    malformed: float = 0.004
    bots: float = 0.03
    lab_viewers: float = 0.05

    def __post_init__(self) -> None:
        for name in ("viewers", "days", "videos"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; a scenario needs at least 1")
        for name in ("duplicates", "late", "malformed", "bots", "lab_viewers"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give a share from 0 to 1")

    @property
    def first_day(self) -> int:
        """The first day, as a day number."""
        return self.end_day - self.days

    @property
    def end_day(self) -> int:
        """The day after the last, as a day number."""
        return day_number(self.until) + 1

    @property
    def end_ms(self) -> int:
        """The first millisecond after the scenario: nothing is logged or sent at it or later."""
        return self.end_day * DAY_MS


@dataclass(frozen=True, slots=True)
class SimulatedRequest:
    """One `POST /events`. `sent_at` is epoch milliseconds."""

    body: bytes
    content_type: str
    user_agent: str | None
    referer: str | None
    sent_at: int
