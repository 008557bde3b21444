"""What the simulator meant against what the lake answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalog.named import named_query
from catalog.port import Engine
from playlake.simulation import Truth

Row = dict[str, Any]


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
    """Each report over the days, beside the truth; those on one viewer for each of `user_ids`."""
    for name, expected in (
        ("play_time_by_video", truth.play_time_by_video(since, until)),
        ("watch_time_by_user", truth.watch_time_by_user(since, until)),
        ("daily_plays", truth.daily_plays(since, until)),
        ("device_mix", truth.device_mix(since, until)),
    ):
        yield Comparison(name, answer(engine, name, since, until), expected)
    for user_id in user_ids:
        yield Comparison(
            "sessions_by_platform",
            answer(engine, "sessions_by_platform", since, until, user_id),
            truth.sessions_by_platform(since, until, user_id),
        )


def answer(
    engine: Engine, name: str, since: date, until: date, user_id: int | None = None
) -> list[Row]:
    """A report's rows, by column name."""
    given = {"since": since, "until": until} | ({} if user_id is None else {"user_id": user_id})
    named = named_query(name)
    with engine.query(named.sql, parameters=named.arguments(given, until)) as found:
        names = [column.name for column in found.columns]
        return [dict(zip(names, row, strict=True)) for row in found]


def _rounded(row: Row) -> Row:
    return {k: float(f"{v:.9g}") if isinstance(v, float) else v for k, v in row.items()}
