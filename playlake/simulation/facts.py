"""Additive facts about what was watched: small, and enough for every report over any days."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from .agents import Platform
from .audience import Identity

K = TypeVar("K")


class Watcher(NamedTuple):
    """A viewer on one of their devices."""

    viewer: Identity
    platform: Platform


class Watched:
    """A number of intervals, and their milliseconds of video together. It adds up in place."""

    __slots__ = ("duration", "intervals")

    def __init__(self, intervals: int = 0, duration: int = 0) -> None:
        self.intervals = intervals
        self.duration = duration

    def add(self, intervals: int, duration: int) -> None:
        self.intervals += intervals
        self.duration += duration


def sum_by_key(parts: Iterable[tuple[K, Watched]]) -> dict[K, Watched]:
    """What was watched by key."""
    sums: defaultdict[K, Watched] = defaultdict(Watched)
    for key, watched in parts:
        sums[key].add(watched.intervals, watched.duration)
    return sums


class Facts:
    """Days are day numbers since 1970-01-01, and a range of them is inclusive.

    A play may cross midnight: it is kept by its first and its last day (it has intervals on each
    of them), so that a range counts it once and each of its days counts it as well.
    """

    def __init__(self) -> None:
        self._by_video: defaultdict[tuple[int, str], Watched] = defaultdict(Watched)
        self._by_watcher: defaultdict[tuple[int, Watcher], Watched] = defaultdict(Watched)
        self._plays: Counter[tuple[int, int, Watcher]] = Counter()

    def add_interval(self, day: int, video_id: str, watcher: Watcher, duration: int) -> None:
        """One interval of `duration` ms that was logged on `day`."""
        self._by_video[day, video_id].add(1, duration)
        self._by_watcher[day, watcher].add(1, duration)

    def add_play(self, first_day: int, last_day: int, watcher: Watcher) -> None:
        """One play that has intervals on its first day, its last, and each between."""
        self._plays[first_day, last_day, watcher] += 1

    def by_video(self, since: int, until: int) -> Iterator[tuple[str, Watched]]:
        """What was watched of each video, day by day."""
        for (day, video_id), watched in self._by_video.items():
            if since <= day <= until:
                yield video_id, watched

    def by_watcher(self, since: int, until: int) -> Iterator[tuple[int, Watcher, Watched]]:
        """What each viewer watched on each device, day by day."""
        for (day, watcher), watched in self._by_watcher.items():
            if since <= day <= until:
                yield day, watcher, watched

    def plays(self, since: int, until: int) -> Iterator[tuple[range, Watcher, int]]:
        """Numbers of plays with an interval in the range, and which of its days they touch."""
        for (first, last, watcher), count in self._plays.items():
            if first <= until and last >= since:
                yield range(max(first, since), min(last, until) + 1), watcher, count

    def to_dict(self) -> dict[str, Any]:
        """As JSON can carry it: rows, with viewers and platforms by their place in a list."""
        watchers = {watcher: n for n, watcher in enumerate(self._watchers())}
        return {
            "watchers": [[watcher.viewer, *watcher.platform] for watcher in watchers],
            "by_video": [[*key, w.intervals, w.duration] for key, w in self._by_video.items()],
            "by_watcher": [
                [day, watchers[watcher], w.intervals, w.duration]
                for (day, watcher), w in self._by_watcher.items()
            ],
            "plays": [
                [first, last, watchers[watcher], count]
                for (first, last, watcher), count in self._plays.items()
            ],
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "Facts":
        """The facts that `to_dict` gave."""
        facts = cls()
        watchers = [Watcher(viewer, Platform(*names)) for viewer, *names in saved["watchers"]]
        for day, video_id, *watched in saved["by_video"]:
            facts._by_video[day, video_id].add(*watched)
        for day, watcher, *watched in saved["by_watcher"]:
            facts._by_watcher[day, watchers[watcher]].add(*watched)
        for first, last, watcher, count in saved["plays"]:
            facts._plays[first, last, watchers[watcher]] += count
        return facts

    def _watchers(self) -> list[Watcher]:
        """Whoever watched, in the order they came: a play has intervals, so none is missing."""
        return list(dict.fromkeys(watcher for _, watcher in self._by_watcher))
