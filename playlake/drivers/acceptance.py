"""What a deployed collector acknowledged, as CloudWatch counts it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from playlake.auditing.audit import Account
from playlake.drivers.session import Session, failures

_STEP = timedelta(minutes=5)
_COARSE_STEP = timedelta(hours=1)
_FINE_KEPT = timedelta(days=62)
"""CloudWatch keeps five minutes for 63 days, an hour for 455. Source: CloudWatch User Guide,
"Metrics retention"."""
UNDER_WAY = timedelta(minutes=20)
"""Firehose holds what came for up to 15 minutes before it is delivered (its largest buffering
interval), and its transform may take five more."""


def read_account(session: Session, stack: str, days: Iterable[date], now: datetime) -> Account:
    """The collector's own count by UTC day: `EventsAccepted`, which its function logs.

    A request at midnight may be counted a moment later than its events were received: those of a
    day's first step may be of the day before. Raises what `failures` does.
    """
    client = session.client("cloudwatch")
    counted = {day: _points(client, stack, day, now) for day in days}
    return Account(
        {str(day): sum(points.values()) for day, points in counted.items() if points},
        leeway={str(day): _loose(points, _step(day, now), now) for day, points in counted.items()},
    )


def _loose(points: Mapping[datetime, int], step: timedelta, now: datetime) -> int:
    """What was counted in the day's first step or is too new to have been delivered."""
    newest = now - UNDER_WAY
    return sum(count for at, count in points.items() if at.time() == time(0) or at + step > newest)


def _points(client: Any, stack: str, day: date, now: datetime) -> dict[datetime, int]:
    begin = datetime.combine(day, time(), UTC)
    with failures():
        answer = client.get_metric_statistics(
            Namespace="playlake",
            MetricName="EventsAccepted",
            Dimensions=[{"Name": "service", "Value": f"{stack}-collect"}],
            StartTime=begin,
            EndTime=begin + timedelta(days=1),
            Period=int(_step(day, now).total_seconds()),
            Statistics=["Sum"],
        )
    return {each["Timestamp"].astimezone(UTC): round(each["Sum"]) for each in answer["Datapoints"]}


def _step(day: date, now: datetime) -> timedelta:
    return _STEP if now.date() - day < _FINE_KEPT else _COARSE_STEP
