"""Every play that a person had, moment by moment: what the metrics on plays are told from."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .agents import Platform
from .facts import Watcher
from .plays import Interval, Signal
from .scenario import DAY_MS

# What a signal says beside its name, by the detail that says it.
_AMOUNTS = {"first_frame": "startup_ms", "stall": "stall_ms"}
_NAMES = ("play_intent", "first_frame", "stall", "error", "heartbeat", "seek")


class Played(NamedTuple):
    """Video from `started_at` to `ended_at`, played in `wall_ms` up to epoch ms `at`."""

    at: int
    started_at: int
    ended_at: int
    wall_ms: int


class Told(NamedTuple):
    """A signal of epoch ms `at`; `amount` is the startup or the stall in ms, else 0."""

    at: int
    name: str
    amount: int


class Viewing:
    """One play; `length` is the video's in ms, None when the player does not say it.

    Its numbers are packed: a month of a million events has as many of them.
    """

    __slots__ = ("_played", "_told", "length", "video_id", "watcher")

    def __init__(
        self,
        watcher: Watcher,
        video_id: str,
        length: int | None,
        played: Iterable[int] = (),
        told: Iterable[int] = (),
    ) -> None:
        self.watcher = watcher
        self.video_id = video_id
        self.length = length
        self._played = array("q", played)
        self._told = array("q", told)

    @property
    def viewer(self) -> str:
        """The viewer as the reports name them."""
        return str(self.watcher.viewer)

    def play(self, interval: Interval) -> None:
        """Keep an interval that arrives as it was meant."""
        at, started_at, ended_at, wall_ms, *_ = interval
        self._played.extend((at, started_at, ended_at, wall_ms))

    def tell(self, signal: Signal) -> None:
        """Keep a signal."""
        amount = signal.details.get(_AMOUNTS.get(signal.name, ""), 0)
        self._told.extend((signal.at, _NAMES.index(signal.name), int(amount)))

    def played(self, since: int, until: int) -> list[Played]:
        """The intervals that were logged on the days, in their order."""
        flat = iter(self._played)
        found = (Played(*numbers) for numbers in zip(flat, flat, flat, flat, strict=True))
        return [each for each in found if since <= each.at // DAY_MS <= until]

    def told(self, since: int, until: int) -> list[Told]:
        """The signals of the days, in their order."""
        flat = iter(self._told)
        return [
            Told(at, _NAMES[name], amount)
            for at, name, amount in zip(flat, flat, flat, strict=True)
            if since <= at // DAY_MS <= until
        ]

    def to_list(self, watcher: int) -> list[Any]:
        """As JSON can carry it, with the number of its watcher."""
        return [watcher, self.video_id, self.length, list(self._played), list(self._told)]


class Viewings:
    """The plays of everybody but the bots, in the order they began to be told."""

    def __init__(self, viewings: Iterable[Viewing] = ()) -> None:
        self._all = list(viewings)

    def __iter__(self) -> Iterator[Viewing]:
        return iter(self._all)

    def begin(self, watcher: Watcher, video_id: str, length: int | None) -> Viewing:
        """A play that begins; its moments are given to it."""
        viewing = Viewing(watcher, video_id, length)
        self._all.append(viewing)
        return viewing

    def to_dict(self) -> dict[str, Any]:
        """As JSON can carry it: rows, with watchers by their place in a list."""
        watchers = {who: n for n, who in enumerate(dict.fromkeys(v.watcher for v in self))}
        return {
            "watchers": [[who.viewer, *who.platform] for who in watchers],
            "viewings": [viewing.to_list(watchers[viewing.watcher]) for viewing in self],
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Sequence[Any]]) -> "Viewings":
        """The viewings that `to_dict` gave."""
        watchers = [Watcher(viewer, Platform(*names)) for viewer, *names in saved["watchers"]]
        return cls(Viewing(watchers[number], *rest) for number, *rest in saved["viewings"])
