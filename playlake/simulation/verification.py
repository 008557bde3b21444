"""What the simulator meant against what the lake answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalog.named import named_query
from catalog.port import Engine, Value
from playlake.simulation import Truth

Row = dict[str, Any]

_VIDEOS = 3
_OVER_ALL = (
    "play_time_by_video",
    "watch_time_by_user",
    "continuous_watch_by_user",
    "daily_plays",
    "unique_viewers",
    "concurrent_viewers",
    "completion_by_video",
    "startup_and_rebuffering",
    "exits_before_start",
    "device_mix",
    "os_mix",
    "browser_mix",
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One report, answered by the lake and by the truth."""

    report: str
    answered: Sequence[Row]
    expected: Sequence[Row]

    @property
    def equal(self) -> bool:
        """Whether they are the same rows in the same order; averages to nine digits."""
        return [_rounded(row) for row in self.answered] == [_rounded(row) for row in self.expected]


def compare(
    engine: Engine, truth: Truth, since: date, until: date, user_ids: Sequence[int] = ()
) -> Iterator[Comparison]:
    """Each report over the days, beside the truth; those on one viewer for each of `user_ids`.

    Those on one video are compared for the most played ones.
    """
    for name in _OVER_ALL:
        expected: Sequence[Row] = getattr(truth, name)(since, until)
        yield Comparison(name, answer(engine, name, since, until), expected)
    for user_id in user_ids:
        yield Comparison(
            "sessions_by_platform",
            answer(engine, "sessions_by_platform", since, until, user_id=user_id),
            truth.sessions_by_platform(since, until, user_id),
        )
    for row in truth.play_time_by_video(since, until)[:_VIDEOS]:
        video_id = row["video_id"]
        yield Comparison(
            "retention",
            answer(engine, "retention", since, until, video_id=video_id),
            truth.retention(since, until, video_id),
        )


def answer(engine: Engine, name: str, since: date, until: date, **about: Value) -> list[Row]:
    """A report's rows, by column name; `about` are its parameters beside the days."""
    named = named_query(name)
    arguments = named.arguments({"since": since, "until": until, **about}, until)
    with engine.query(named.sql, parameters=arguments) as found:
        names = [column.name for column in found.columns]
        return [dict(zip(names, row, strict=True)) for row in found]


def _rounded(row: Row) -> Row:
    return {k: float(f"{v:.9g}") if isinstance(v, float) else v for k, v in row.items()}
