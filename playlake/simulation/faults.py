"""What goes wrong on the way: events that break a rule, and bodies that are no events at all."""

import json
import math
from collections.abc import Callable
from random import Random
from typing import Final

Event = dict[str, object]
"""An event as it is sent, by field name."""

MISSING_FIELD: Final = "missing_field"
WRONG_TYPE: Final = "wrong_type"
OUT_OF_RANGE: Final = "out_of_range"
ENDED_BEFORE_STARTED: Final = "ended_before_started"
LONGER_THAN_WALL_TIME: Final = "longer_than_wall_time"
IMPOSSIBLE_CLOCK: Final = "impossible_clock"


def break_interval(rng: Random, interval: Event) -> str:
    """Makes a good `video_play` event break one rule, in place; returns that rule's reason code."""
    reason, breakage = rng.choice(_BREAKAGES)
    breakage(rng, interval)
    return reason


def refused_body(rng: Random, event: Event) -> tuple[bytes, int]:
    """A body the collector answers 400 to, and how many events are lost in it."""
    kind = rng.randrange(4)
    if kind == 0:
        return json.dumps([event])[:-9].encode(), 1
    if kind == 1:
        return json.dumps({**event, "wall_ms": math.nan}).encode(), 1
    if kind == 2:
        return rng.choice((b"42", b'"play"', b"true", b"null")), 0
    return b"video_id=v-001&started_at=0&ended_at=1000", 0


def _drop_field(rng: Random, interval: Event) -> None:
    del interval[rng.choice(("ended_at", "started_at", "video_id"))]


def _mistype(rng: Random, interval: Event) -> None:
    field, value = rng.choice((("started_at", "12"), ("video_id", 5), ("ended_at", "soon")))
    interval[field] = value


def _negate(_: Random, interval: Event) -> None:
    """A start just before 0 leaves the interval's length as it is, so no other rule breaks."""
    length = _int(interval, "ended_at") - _int(interval, "started_at")
    interval["started_at"] = -1
    interval["ended_at"] = length - 1


def _turn_round(_: Random, interval: Event) -> None:
    interval["started_at"] = _int(interval, "ended_at") + 1_000


def _stretch(_: Random, interval: Event) -> None:
    """A tab that slept, or a forged claim: a minute more than the clock on the wall allows."""
    del interval["video_duration"]
    interval["wall_ms"] = 1_000
    interval["playback_rate"] = 1.0
    interval["ended_at"] = _int(interval, "started_at") + 61_000


def _lose_clock(rng: Random, interval: Event) -> None:
    """A device with a dead battery counts from 1970."""
    interval["logged_at"] = rng.randrange(1_000_000)


def _int(interval: Event, field: str) -> int:
    value = interval[field]
    assert isinstance(value, int)
    return value


_BREAKAGES: tuple[tuple[str, Callable[[Random, Event], None]], ...] = (
    (MISSING_FIELD, _drop_field),
    (WRONG_TYPE, _mistype),
    (OUT_OF_RANGE, _negate),
    (ENDED_BEFORE_STARTED, _turn_round),
    (LONGER_THAN_WALL_TIME, _stretch),
    (IMPOSSIBLE_CLOCK, _lose_clock),
)

REASONS: Final = tuple(reason for reason, _ in _BREAKAGES)
"""Every reason code that simulated events are rejected for."""
