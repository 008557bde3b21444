"""The truth about single plays against a recount that knows nothing but the bytes of requests."""

from collections import Counter, defaultdict

import pytest

from playlake.simulation import Scenario
from tests.test_simulation_truth import SINCE, UNTIL, Recount, every_range, play_out


@pytest.fixture(scope="module")
def fortnight():
    scenario = Scenario(until=UNTIL, viewers=200, days=14, seed=7, malformed=0.01)
    requests, truth = play_out(scenario)
    return truth, Recount(requests)


def recounted_metrics(recount, since, until, video_id):
    """What the metrics on plays come to, each by another road than the truth takes."""
    rows = [
        row
        for row in recount.plays
        if since <= row["dt"] <= until and row["platform"].device_type != "bot"
    ]
    return {
        "stretches": recounted_stretches(rows),
        "viewers": {
            str(dt): len({row["viewer"] for row in rows if row["dt"] == dt})
            for dt in {row["dt"] for row in rows}
        },
        "seen": recounted_views([row for row in rows if row["video_id"] == video_id]),
    }


def recounted_stretches(rows):
    """By viewer: an interval begins a stretch unless the one before it in its play ends there."""
    ends = {(row["session"], row["seq"]): row["span"][1] for row in rows}
    numbers = defaultdict(list)
    for session, seq in ends:
        numbers[session].append(seq)
    stretches = Counter()
    for row in rows:
        earlier = [seq for seq in numbers[row["session"]] if seq < row["seq"]]
        came_from = ends[row["session"], max(earlier)] if earlier else -1_000
        stretches[row["viewer"]] += abs(came_from - row["span"][0]) > 250
    return stretches


def recounted_views(rows):
    """Views of a video in half seconds: how many of its intervals played each one's begin."""
    views = Counter()
    for row in rows:
        begun, ended = row["span"]
        views.update(range(-(-begun // 500), -(-ended // 500)))
    return views


def told_metrics(truth, since, until, video_id):
    """The same from the truth."""
    watched = truth.continuous_watch_by_user(since, until)
    curve = truth.retention(since, until, video_id)
    return {
        "stretches": {row["viewer"]: row["stretches"] for row in watched},
        "viewers": {row["dt"]: row["viewers"] for row in truth.unique_viewers(since, until)},
        "seen": {2 * row["second"] + 1: row["views"] for row in curve if row["views"]},
    }


def test_metrics_on_plays_equal_a_recount_of_the_bodies_over_any_range(fortnight):
    truth, recount = fortnight
    video_id = truth.play_time_by_video(SINCE, UNTIL)[0]["video_id"]
    for since, until in every_range():
        expected = recounted_metrics(recount, since, until, video_id)
        told = told_metrics(truth, since, until, video_id)
        # The middles of the seconds are every other half second; the rest has no row.
        middles = {half: n for half, n in expected["seen"].items() if half % 2}
        assert told == {**expected, "seen": middles}, (since, until)


def test_signals_equal_a_recount_of_the_bodies(fortnight):
    truth, recount = fortnight
    bots = {row["viewer"] for row in recount.plays if row["platform"].device_type == "bot"}
    told = [event for event in recount.players if named(event) not in bots]
    days = truth.startup_and_rebuffering(SINCE, UNTIL)
    stalls = [event["stall_ms"] for event in told if event["event"] == "stall"]
    assert sum(row["stalls"] for row in days) == len(stalls) > 0
    assert sum(row["stall_duration"] for row in days) == sum(stalls)
    plays = {
        name: {event["play_id"] for event in told if event["event"] == name}
        for name in ("play_intent", "first_frame")
    }
    assert sum(row["starts"] for row in days) == len(plays["first_frame"])
    exits = truth.exits_before_start(SINCE, UNTIL)
    assert sum(row["intents"] for row in exits) == len(plays["play_intent"])
    left = plays["play_intent"] - plays["first_frame"]
    assert sum(row["exits_before_start"] for row in exits) == len(left) > 0


def named(event):
    """The viewer as the reports name them."""
    return event.get("viewer_id", str(event.get("user_id")))
