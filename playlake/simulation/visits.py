"""A visit: several plays on one device, written down as events, with the truth about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from .agents import Agent
from .audience import Audience, Video, Viewer
from .facts import Watcher
from .faults import break_interval
from .plays import Interval, Moment, Signal, play
from .scenario import DAY_MS, Scenario
from .tracker import PlayTracker, Written, custom_event, lab_interval, uuid7
from .truth import Truth
from .viewings import Viewing

_MORE_PLAYS = 0.55
_CUSTOM = 0.15


@dataclass(frozen=True)
class Visits:
    """Makes visits of a scenario's audience and keeps `truth` of what is watched in them."""

    scenario: Scenario
    rng: Random
    audience: Audience
    truth: Truth

    def events(self, viewer: Viewer, agent: Agent, begin: int) -> Iterator[Written]:
        """The events of a visit, ascending by time; nothing happens after the scenario's end."""
        clock = begin
        while clock < self.scenario.end_ms:
            video = self.audience.pick_video(self.rng, viewer)
            moments = play(self.rng, video.duration_ms, clock)
            seen = [moment for moment in moments if moment.at < self.scenario.end_ms]
            yield from self._told(_Play(viewer, agent, video), seen)
            if self.rng.random() > _MORE_PLAYS:
                return
            clock = moments[-1].at + 2_000 + self.rng.randrange(60_000)

    def _told(self, scene: "_Play", moments: list[Moment]) -> Iterator[Written]:
        if scene.viewer.lab:
            return self._told_by_lab(scene, moments)
        return self._told_by_tracker(scene, moments)

    def _told_by_lab(self, scene: "_Play", moments: list[Moment]) -> Iterator[Written]:
        """Intervals alone, each a play of its own since nothing ties them together."""
        for moment in moments:
            if isinstance(moment, Interval):
                event = lab_interval(moment, scene.viewer, scene.video, scene.agent.user_agent)
                day = self._count_interval(scene, moment)
                self._viewing(scene).play(_as_lab_says(moment))
                self._count_play(scene, [day])
                yield Written(moment.at, event, own_id=False)

    def _told_by_tracker(self, scene: "_Play", moments: list[Moment]) -> Iterator[Written]:
        begin = moments[0].at
        tracker = PlayTracker(self.rng, scene.viewer, scene.video, uuid7(self.rng, begin))
        viewing = self._viewing(scene)
        days: list[int] = []
        for moment in moments:
            if isinstance(moment, Signal):
                self.truth.totals().video_player_events += 1
                viewing.tell(moment)
                yield Written(moment.at, tracker.signal(moment), own_id=True)
            elif self.rng.random() < self.scenario.malformed:
                yield self._broken(tracker, moment)
            else:
                days.append(self._count_interval(scene, moment))
                viewing.play(moment)
                yield Written(moment.at, tracker.interval(moment), own_id=True)
        self._count_play(scene, days)
        if self.rng.random() < _CUSTOM:
            self.truth.totals().custom_events += 1
            yield custom_event(self.rng, scene.viewer, moments[-1].at)

    def _broken(self, tracker: PlayTracker, interval: Interval) -> Written:
        event = tracker.interval(interval)
        self.truth.totals().reject(break_interval(self.rng, event))
        return Written(interval.at, event, own_id=False)

    def _count_interval(self, scene: "_Play", interval: Interval) -> int:
        """The day it was logged on."""
        day = interval.at // DAY_MS
        self.truth.totals().video_play_events += 1
        if not scene.agent.platform.is_bot:
            length = interval.ended_at - interval.started_at
            self.truth.facts.add_interval(day, scene.video.video_id, scene.watcher, length)
        return day

    def _viewing(self, scene: "_Play") -> Viewing:
        """Where the play's moments are kept; a bot's are kept by nobody."""
        length = None if scene.viewer.lab else scene.video.duration_ms
        if scene.agent.platform.is_bot:
            return Viewing(scene.watcher, scene.video.video_id, length)
        return self.truth.viewings.begin(scene.watcher, scene.video.video_id, length)

    def _count_play(self, scene: "_Play", days: list[int]) -> None:
        if days and not scene.agent.platform.is_bot:
            self.truth.facts.add_play(days[0], days[-1], scene.watcher)


@dataclass(frozen=True, slots=True)
class _Play:
    viewer: Viewer
    agent: Agent
    video: Video

    @property
    def watcher(self) -> Watcher:
        return Watcher(self.viewer.identity, self.agent.platform)


def _as_lab_says(interval: Interval) -> Interval:
    """The lab's player stamps whole seconds and has no wall time: content time stands in for it."""
    at = interval.at // 1_000 * 1_000
    return interval._replace(at=at, wall_ms=interval.ended_at - interval.started_at)
