"""The exact answers: kept from what the simulator meant, never read back from what it sent."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, TypeVar

from . import metrics
from .audience import Identity
from .facts import Facts, Watcher, sum_by_key
from .scenario import date_of, day_number
from .viewings import Viewings

K = TypeVar("K")

Row = dict[str, Any]


@dataclass(slots=True)
class Totals:
    """What was sent, and where it has to end up once duplicates are gone.

    Every accepted event is a duplicate or a row of exactly one of the four tables. `late_events`
    are the good ones that were first sent a day or more after they were logged.
    """

    requests: int = 0
    requests_refused: int = 0
    events_sent: int = 0
    events_accepted: int = 0
    duplicates: int = 0
    late_events: int = 0
    video_play_events: int = 0
    video_player_events: int = 0
    custom_events: int = 0
    rejected_events: dict[str, int] = field(default_factory=dict)

    def reject(self, reason: str) -> None:
        """One more event for the rejected table."""
        self.rejected_events[reason] = self.rejected_events.get(reason, 0) + 1


@dataclass(slots=True)
class _Reach:
    plays: int = 0
    viewers: set[Identity] = field(default_factory=set)
    duration: int = 0

    def columns(self) -> Row:
        return {
            "plays": self.plays,
            "viewers": len(self.viewers),
            "total_play_duration": self.duration,
        }


class Truth:
    """The expected answer of each report over the days `since` to `until`, both inclusive.

    Duplicates count once; rejected events, refused requests and bots count not at all. A play is
    a distinct `play_id`; an event without one is a play of its own. Durations are milliseconds.
    """

    def __init__(
        self,
        facts: Facts | None = None,
        totals: Totals | None = None,
        viewings: Viewings | None = None,
    ) -> None:
        self.facts = Facts() if facts is None else facts
        self.viewings = Viewings() if viewings is None else viewings
        self._totals = Totals() if totals is None else totals

    def totals(self) -> Totals:
        """The counters, bots included."""
        return self._totals

    def play_time_by_video(self, since: date, until: date) -> list[Row]:
        """Rows of video_id, by play time, the longest first."""
        watched_by_video = sum_by_key(self.facts.by_video(*_days(since, until)))
        rows = [
            {
                "video_id": video_id,
                "intervals": watched.intervals,
                "total_play_duration": watched.duration,
                "avg_play_duration": watched.duration / watched.intervals,
            }
            for video_id, watched in watched_by_video.items()
        ]
        return sorted(rows, key=lambda row: (-row["total_play_duration"], row["video_id"]))

    def watch_time_by_user(self, since: date, until: date) -> list[Row]:
        """Rows of viewer, by watch time, the longest first."""
        watched_by_viewer = sum_by_key(
            (str(watcher.viewer), watched)
            for _, watcher, watched in self.facts.by_watcher(*_days(since, until))
        )
        rows = [
            {
                "viewer": viewer,
                "intervals": watched.intervals,
                "total_watch_duration": watched.duration,
                "avg_continuous_watch": watched.duration / watched.intervals,
            }
            for viewer, watched in watched_by_viewer.items()
        ]
        return sorted(rows, key=lambda row: (-row["total_watch_duration"], row["viewer"]))

    def sessions_by_platform(self, since: date, until: date, user_id: int) -> list[Row]:
        """Rows of device, OS and browser of one logged-in user, the most sessions first."""
        groups = self._reach(
            since, until, lambda _, who: [who.platform] if who.viewer == user_id else []
        )
        rows = [
            {
                **platform._asdict(),
                "play_sessions": reach.plays,
                "total_play_duration": reach.duration,
            }
            for platform, reach in sorted(groups.items(), key=lambda group: group[0])
        ]
        return sorted(rows, key=lambda row: -row["play_sessions"])

    def daily_plays(self, since: date, until: date) -> list[Row]:
        """Rows of dt, ascending; a play that crosses midnight counts on each of its days."""
        groups = self._reach(since, until, lambda days, _: days)
        return [
            {"dt": date_of(day).isoformat(), **reach.columns()}
            for day, reach in sorted(groups.items(), key=lambda group: group[0])
        ]

    def device_mix(self, since: date, until: date) -> list[Row]:
        """Rows of device_type, the most plays first."""
        return self._mix(since, until, "device_type")

    def os_mix(self, since: date, until: date) -> list[Row]:
        """Rows of os_name, the most plays first."""
        return self._mix(since, until, "os_name")

    def browser_mix(self, since: date, until: date) -> list[Row]:
        """Rows of browser_name, the most plays first."""
        return self._mix(since, until, "browser_name")

    def continuous_watch_by_user(self, since: date, until: date) -> list[Row]:
        """Rows of viewer, by watch time, the longest first."""
        return metrics.continuous_watch_by_user(self.viewings, *_days(since, until))

    def unique_viewers(self, since: date, until: date) -> list[Row]:
        """Rows of dt, ascending."""
        return metrics.unique_viewers(self.viewings, *_days(since, until))

    def completion_by_video(self, since: date, until: date) -> list[Row]:
        """Rows of video_id, the most plays first."""
        return metrics.completion_by_video(self.viewings, *_days(since, until))

    def retention(self, since: date, until: date, video_id: str) -> list[Row]:
        """Rows of second, every one that the video has."""
        return metrics.retention(self.viewings, *_days(since, until), video_id)

    def startup_and_rebuffering(self, since: date, until: date) -> list[Row]:
        """Rows of dt, ascending."""
        return metrics.startup_and_rebuffering(self.viewings, *_days(since, until))

    def exits_before_start(self, since: date, until: date) -> list[Row]:
        """Rows of video_id, the most exits first."""
        return metrics.exits_before_start(self.viewings, *_days(since, until))

    def concurrent_viewers(self, since: date, until: date) -> list[Row]:
        """Rows of minute, ascending; those with viewers."""
        return metrics.concurrent_viewers(self.viewings, *_days(since, until))

    def to_dict(self) -> dict[str, Any]:
        """As JSON can carry it."""
        return {
            "totals": asdict(self._totals),
            **self.facts.to_dict(),
            "viewings": self.viewings.to_dict(),
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "Truth":
        """The truth that `to_dict` gave: it answers alike."""
        viewings = Viewings.from_dict(saved["viewings"])
        return cls(Facts.from_dict(saved), Totals(**saved["totals"]), viewings)

    def _mix(self, since: date, until: date, column: str) -> list[Row]:
        groups = self._reach(since, until, lambda _, who: [str(getattr(who.platform, column))])
        rows = [{column: name, **reach.columns()} for name, reach in groups.items()]
        return sorted(rows, key=lambda row: (-row["plays"], row[column]))

    def _reach(
        self, since: date, until: date, keys: Callable[[Sequence[int], Watcher], Sequence[K]]
    ) -> dict[K, _Reach]:
        """Plays, viewers and play time by the keys of (days, watcher)."""
        groups: defaultdict[K, _Reach] = defaultdict(_Reach)
        for days, watcher, count in self.facts.plays(*_days(since, until)):
            for key in keys(days, watcher):
                groups[key].plays += count
        for day, watcher, watched in self.facts.by_watcher(*_days(since, until)):
            for key in keys([day], watcher):
                groups[key].viewers.add(watcher.viewer)
                groups[key].duration += watched.duration
        return groups


def _days(since: date, until: date) -> tuple[int, int]:
    return day_number(since), day_number(until)
