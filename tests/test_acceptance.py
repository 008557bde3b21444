"""What CloudWatch counted of a collector, and how much of that may not be in the archive yet."""

from datetime import UTC, date, datetime, timedelta

import pytest

from playlake.drivers.acceptance import read_account

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TODAY = NOW.date()


class CloudWatch:
    """Answers what was put, as one session's only client."""

    def __init__(self, *points: tuple[datetime, int]) -> None:
        self._points = points
        self.asked: list[dict[str, object]] = []

    def client(self, service: str) -> "CloudWatch":
        assert service == "cloudwatch"
        return self

    def get_metric_statistics(self, **asked):
        self.asked.append(asked)
        inside = [
            {"Timestamp": at, "Sum": float(count)}
            for at, count in self._points
            if asked["StartTime"] <= at < asked["EndTime"]
        ]
        return {"Datapoints": inside, "Label": asked["MetricName"]}


def test_the_first_minutes_of_a_day_and_the_last_ones_before_now_are_loose():
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    watch = CloudWatch(
        (midnight - timedelta(minutes=5), 1),
        (midnight, 20),
        (midnight + timedelta(hours=6), 300),
        (NOW - timedelta(minutes=10), 4_000),
    )
    account = read_account(watch, "playlake-demo-dev", [TODAY - timedelta(days=1), TODAY], NOW)
    assert account.accepted == {"2026-11-23": 1, "2026-11-24": 4_320}
    assert account.leeway == {"2026-11-23": 0, "2026-11-24": 4_020}
    assert watch.asked[0]["Dimensions"] == [
        {"Name": "service", "Value": "playlake-demo-dev-collect"}
    ]


@pytest.mark.parametrize(("day", "period"), [(TODAY, 300), (date(2026, 6, 1), 3_600)])
def test_steps_are_as_fine_as_cloudwatch_keeps_them(day, period):
    watch = CloudWatch()
    assert read_account(watch, "s", [day], NOW).accepted == {}
    (asked,) = watch.asked
    assert asked["Period"] == period
