"""One play of one video: what is watched, and what the player lives through meanwhile."""

from bisect import bisect
from itertools import accumulate
from random import Random
from typing import NamedTuple

_MEAN_INTERVAL_MS = 100_000
_LONGEST_PAUSE_MS = 20 * 60_000
_HEARTBEAT_AFTER_MS = 60_000
_FATAL = 0.004
_RATES = (0.75, 1.0, 1.25, 1.5, 2.0)
_INTERRUPTIONS = ("pause", "seek", "stall", "rate", "hide")
_INTERRUPTIONS_CUMULATIVE = tuple(accumulate((0.40, 0.28, 0.16, 0.06, 0.10)))


class Interval(NamedTuple):
    """Video from `started_at` to `ended_at` (ms into it), played in `wall_ms` up to `at`."""

    at: int
    started_at: int
    ended_at: int
    wall_ms: int
    playback_rate: float
    end_reason: str


class Signal(NamedTuple):
    """Something else that a player tells, `at` epoch ms, `position` ms into the video."""

    at: int
    name: str
    position: int
    details: dict[str, int | str]


Moment = Interval | Signal


def play(rng: Random, duration_ms: int, begin: int) -> list[Moment]:
    """The moments of a play that begins at epoch ms `begin`, in the order they are logged."""
    return _Playback(rng, duration_ms, begin).run()


class _Playback:
    def __init__(self, rng: Random, duration_ms: int, begin: int) -> None:
        self._rng = rng
        self._duration = duration_ms
        self._clock = begin
        self._position = 0
        self._rate = 1.0 if rng.random() < 0.9 else 1.5
        self._patience = _patience(rng, duration_ms)
        self._moments: list[Moment] = []

    def run(self) -> list[Moment]:
        self._signal("play_intent", {})
        if self._rng.random() < _FATAL:
            self._clock += 2_000
            self._signal(
                "error", {"error_code": "4", "error_message": "the media could not be loaded"}
            )
            return self._moments
        self._start_up()
        while (reason := self._play_on()) in _INTERRUPTIONS:
            self._interrupt(reason)
        return self._moments

    def _start_up(self) -> None:
        waited = int(self._rng.lognormvariate(6.5, 0.6))
        self._clock += waited
        self._signal("first_frame", {"startup_ms": waited})

    def _play_on(self) -> str:
        """Plays until something ends the interval, and says what."""
        wanted = 500 + int(self._rng.expovariate(1 / _MEAN_INTERVAL_MS))
        remaining = self._duration - self._position
        played = min(wanted, remaining, self._patience)
        if played == remaining:
            reason = "ended"
        elif played == self._patience:
            reason = "unload"
        else:
            reason = self._interruption()
        self._log_interval(played, reason)
        return reason

    def _interruption(self) -> str:
        drawn = self._rng.random() * _INTERRUPTIONS_CUMULATIVE[-1]
        return _INTERRUPTIONS[bisect(_INTERRUPTIONS_CUMULATIVE, drawn)]

    def _log_interval(self, played: int, reason: str) -> None:
        # A decoder starts and stops a few frames late, so wall time is never exactly the video's.
        wall = int(played / self._rate) + 1 + int(self._rng.random() * 80)
        start = self._position
        if wall > _HEARTBEAT_AFTER_MS:
            self._moments.append(
                Signal(self._clock + wall // 2, "heartbeat", start + played // 2, {})
            )
        self._clock += wall
        self._position += played
        self._patience -= played
        self._moments.append(Interval(self._clock, start, self._position, wall, self._rate, reason))

    def _interrupt(self, reason: str) -> None:
        if reason == "seek":
            self._seek()
        elif reason == "stall":
            self._stall()
        elif reason == "rate":
            self._rate = self._rng.choice(_RATES)
        else:
            self._clock += int(min(self._rng.expovariate(1 / 40_000), _LONGEST_PAUSE_MS))

    def _seek(self) -> None:
        """Three times of four a jump of some seconds, forward or back; else to anywhere."""
        origin = self._position
        if self._rng.random() < 0.75:
            target = origin + self._rng.choice((-30_000, -10_000, 10_000, 30_000))
        else:
            target = int(self._rng.random() * self._duration)
        self._position = max(0, min(target, self._duration - 1_000))
        self._clock += 300 + int(self._rng.random() * 1_200)
        self._signal("seek", {"seek_from": origin, "seek_to": self._position})

    def _stall(self) -> None:
        stalled = 200 + int(self._rng.expovariate(1 / 1_500))
        self._clock += stalled
        self._signal("stall", {"stall_ms": stalled})

    def _signal(self, name: str, details: dict[str, int | str]) -> None:
        self._moments.append(Signal(self._clock, name, self._position, details))


def _patience(rng: Random, duration_ms: int) -> int:
    """Ms of video after which a viewer leaves: many at once, some on the way, the rest never."""
    drawn = rng.random()
    if drawn < 0.2:
        share = 0.1 * rng.random()
    elif drawn < 0.55:
        share = 0.1 + 0.9 * rng.random()
    else:
        share = 1.5
    return 1_000 + int(share * duration_ms)
