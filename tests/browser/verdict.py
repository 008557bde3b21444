"""What the lake says of each viewing, beside what the oracle saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.port import Engine
from tests.browser.oracle import Oracle, covered

BOUNDARY = 0.25  # s that each end of an interval may be off

INTERVALS = """
SELECT viewer_id, video_id, event_id, started_at, ended_at, wall_ms, end_reason
FROM playlake.video_play_events ORDER BY viewer_id, logged_at
"""
EVENT_IDS = """
SELECT viewer_id, event_id FROM playlake.video_play_events
UNION ALL SELECT viewer_id, event_id FROM playlake.video_player_events
"""


@dataclass(frozen=True, slots=True)
class Interval:
    """One row of `video_play_events`; positions in seconds."""

    video_id: str
    start: float
    end: float
    wall: float
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Seconds by the lake and by the oracle, and how the events fared."""

    name: str
    content: tuple[float, float]
    unique: tuple[float, float]
    wall: tuple[float, float]
    standing: float
    """Seconds of the oracle's wall time in which the picture stood still: playing, or not."""
    intervals: tuple[Interval, ...]
    runs: int
    lost: int
    doubled: int

    @property
    def tolerance(self) -> float:
        """Two boundaries a showing, as the oracle counts them: more intervals excuse nothing."""
        return 2 * BOUNDARY * self.runs

    def _is_near(self, lake: float, seen: float, doubtful: float) -> bool:
        return seen - doubtful - self.tolerance <= lake <= seen + self.tolerance

    def faults(self) -> list[str]:
        """Why this viewing was not measured truly; nothing when it was."""
        measures = {"content": self.content, "unique content": self.unique, "wall": self.wall}
        wrong = [
            f"{self.name}: {measure} is {lake:.2f} s, the oracle saw {seen:.2f} s"
            for measure, (lake, seen) in measures.items()
            if not self._is_near(lake, seen, self.standing if measure == "wall" else 0.0)
        ]
        if not self.content[1]:
            wrong.append(f"{self.name}: the oracle saw nothing")
        if self.lost or self.doubled:
            wrong.append(f"{self.name}: {self.lost} events lost, {self.doubled} doubled")
        return wrong


def verdicts(engine: Engine, oracles: Mapping[str, Oracle]) -> list[Verdict]:
    """One for each viewing, in the order given."""
    with engine.query(INTERVALS, full_scan=True) as answer:
        intervals = list(answer)
    with engine.query(EVENT_IDS, full_scan=True) as answer:
        ids = list(answer)
    return [
        _verdict(
            name,
            oracle,
            [
                Interval(r[1], r[3] / 1000, r[4] / 1000, r[5] / 1000, r[6])
                for r in intervals
                if r[0] == name
            ],
            [row[1] for row in ids if row[0] == name],
        )
        for name, oracle in oracles.items()
    ]


def _verdict(
    name: str, oracle: Oracle, intervals: Sequence[Interval], ids: Sequence[str]
) -> Verdict:
    runs = oracle.runs()
    every = [run for found in runs.values() for run in found]
    clips = {interval.video_id for interval in intervals}
    played = {c: [(i.start, i.end) for i in intervals if i.video_id == c] for c in clips}
    return Verdict(
        name,
        (sum(i.end - i.start for i in intervals), sum(run.content for run in every)),
        (
            sum(map(covered, played.values())),
            sum(
                covered((r.media[0], r.media[0] + r.content) for r in found)
                for found in runs.values()
            ),
        ),
        (sum(i.wall for i in intervals), sum(run.seconds for run in every)),
        sum(run.standing for run in every),
        tuple(intervals),
        len(every),
        len(oracle.told - set(ids)),
        len(ids) - len(set(ids)),
    )
