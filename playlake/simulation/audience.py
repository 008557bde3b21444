"""Who watches what: the videos, the viewers, their devices and their habits."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Generic, NamedTuple, TypeVar

from .agents import BOTS, DEVICES, Agent
from .scenario import DAY_MS, Scenario, date_of

T = TypeVar("T")

Identity = int | str
"""A `user_id` (int), or the `viewer_id` (str) of somebody without an account."""

_SHORTEST_MS, _LONGEST_MS = 30_000, 45 * 60_000
_LOGGED_IN = 0.6
_SECOND_DEVICE = 0.4
_WEEKEND = 1.35
_ANOTHER_SESSION = 0.3
_FAVOURITE = 0.35
_FIRST_USER_ID = 1_001
_LOOKS = ("quiet", "bright", "hidden", "northern", "little", "wild", "golden", "last")
_PLACES = ("garden", "harbour", "kitchen", "forest", "market", "bridge", "workshop")
# Traffic by hour of the day, UTC: a quiet night, a bump at noon, the peak in the evening.
_HOURS = (4, 2, 1, 1, 1, 2, 4, 7, 9, 9, 9, 10, 13, 12, 10, 10, 12, 15, 19, 24, 27, 25, 17, 9)
_HOURS_CUMULATIVE = tuple(accumulate(_HOURS))
_HOUR_MS = DAY_MS // 24


class Zipf(Generic[T]):
    """Draws items so that the n-th is drawn in proportion to 1 / n ** exponent."""

    def __init__(self, items: Sequence[T], exponent: float) -> None:
        self._items = items
        self._steps = list(accumulate((n + 1) ** -exponent for n in range(len(items))))

    def draw(self, rng: Random) -> T:
        return self._items[bisect(self._steps, rng.random() * self._steps[-1])]


class Video(NamedTuple):
    video_id: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Viewer:
    """`activity` is the chance of a visit on a weekday; `lab`: theirs is the lab's bare player."""

    identity: Identity
    devices: tuple[Agent, ...]
    favourites: tuple[Video, ...]
    activity: float
    lab: bool

    def pick_device(self, rng: Random) -> Agent:
        """The first device three times of four, or the only one."""
        return self.devices[0] if rng.random() < 0.75 else self.devices[-1]


class Audience:
    """The viewers of a scenario and the catalogue they choose from, drawn from `rng`."""

    def __init__(self, scenario: Scenario, rng: Random) -> None:
        self._videos = Zipf([_film(rng, n) for n in range(scenario.videos)], exponent=1.0)
        self._agents = Zipf(DEVICES, exponent=0.8)
        self.viewers = [self._recruit(scenario, rng, n) for n in range(scenario.viewers)]

    def visits(self, rng: Random, day: int) -> list[tuple[int, Viewer]]:
        """The visits that begin on a day, ascending: (epoch ms of the begin, viewer)."""
        factor = _WEEKEND if date_of(day).weekday() >= 5 else 1.0
        visits = [
            (day * DAY_MS + _time_of_day(rng), viewer)
            for viewer in self.viewers
            if rng.random() < viewer.activity * factor
            for _ in range(1 + (rng.random() < _ANOTHER_SESSION))
        ]
        return sorted(visits, key=lambda visit: visit[0])

    def pick_video(self, rng: Random, viewer: Viewer) -> Video:
        """One of the viewer's favourites, or what everybody watches."""
        if rng.random() < _FAVOURITE:
            return rng.choice(viewer.favourites)
        return self._videos.draw(rng)

    def _recruit(self, scenario: Scenario, rng: Random, number: int) -> Viewer:
        favourites = tuple(self._videos.draw(rng) for _ in range(rng.randint(2, 5)))
        activity = 0.05 + 0.7 * rng.random() ** 2
        if rng.random() < scenario.bots:
            return Viewer(_visitor_id(rng), (rng.choice(BOTS),), favourites, activity, lab=False)
        lab = rng.random() < scenario.lab_viewers
        logged_in = lab or rng.random() < _LOGGED_IN
        identity = _FIRST_USER_ID + number if logged_in else _visitor_id(rng)
        devices = tuple(self._agents.draw(rng) for _ in range(1 + (rng.random() < _SECOND_DEVICE)))
        return Viewer(identity, devices, favourites, activity, lab)


def _film(rng: Random, number: int) -> Video:
    """A video of 30 s to 45 min, short ones being the most; each third goes by a title slug."""
    duration = int(_SHORTEST_MS * (_LONGEST_MS / _SHORTEST_MS) ** rng.random())
    if number % 3:
        return Video(f"v-{number:03}", duration)
    return Video(f"the-{rng.choice(_LOOKS)}-{rng.choice(_PLACES)}-{number}", duration)


def _visitor_id(rng: Random) -> str:
    return f"anon-{rng.getrandbits(64):016x}"


def _time_of_day(rng: Random) -> int:
    hour = bisect(_HOURS_CUMULATIVE, rng.random() * _HOURS_CUMULATIVE[-1])
    return hour * _HOUR_MS + rng.randrange(_HOUR_MS)
