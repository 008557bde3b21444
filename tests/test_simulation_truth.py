"""The simulator's truth against a recount that knows nothing but the bytes it sent."""

import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playlake.simulation import REASONS, Scenario, Simulation, Truth
from playlake.simulation.agents import AGENTS

UNTIL = date(2026, 3, 31)
SINCE = UNTIL - timedelta(days=13)
DAY_MS = 86_400_000
METRICS = (
    "continuous_watch_by_user",
    "unique_viewers",
    "completion_by_video",
    "startup_and_rebuffering",
    "exits_before_start",
    "concurrent_viewers",
)
PLATFORMS = {agent.user_agent: agent.platform for agent in AGENTS}


def play_out(scenario):
    """A scenario's requests, and its truth."""
    simulation = Simulation(scenario)
    return list(simulation.requests()), simulation.truth()


@pytest.fixture(scope="module")
def fortnight():
    scenario = Scenario(until=UNTIL, viewers=200, days=14, seed=7, malformed=0.01)
    requests, truth = play_out(scenario)
    return requests, truth, Recount(requests)


# --- the recount: what a pipeline would make of the bodies -------------------------------------


def refuse_constant(name):
    raise ValueError(name)


def accepted_events(body):
    """The JSON objects of a body, or None where a collector has to answer 400."""
    try:
        decoded = json.loads(body, parse_constant=refuse_constant)
    except ValueError:
        return None
    events = decoded if isinstance(decoded, list) else [decoded]
    return events if all(isinstance(event, dict) for event in events) else None


def epoch_ms(logged_at):
    return logged_at * 1_000 if logged_at < 100_000_000_000 else logged_at


def broken_rules(event, received_at):
    """The rules that a video_play event breaks, by the reason codes of the rejected table."""
    if {"video_id", "started_at", "ended_at", "logged_at"} - event.keys():
        return {"missing_field"}
    if "viewer_id" not in event and "user_id" not in event:
        return {"missing_field"}
    texts = [event["video_id"], event.get("viewer_id", "")]
    numbers = [event["started_at"], event["ended_at"], event["logged_at"], event.get("user_id", 0)]
    if any(type(text) is not str for text in texts) or any(type(n) is not int for n in numbers):
        return {"wrong_type"}
    length = event["ended_at"] - event["started_at"]
    wall = event.get("wall_ms", length) * event.get("playback_rate", 1.0)
    logged = epoch_ms(event["logged_at"])
    rules = {
        "out_of_range": event["started_at"] < 0 or event["ended_at"] < 0,
        "ended_before_started": length < 0,
        "longer_than_wall_time": length > wall + 1_000,
        "impossible_clock": not 946_684_800_000 <= logged <= received_at + 600_000,
    }
    return {reason for reason, broken in rules.items() if broken}


class Recount:
    """The tables that the requests come to, each event once."""

    def __init__(self, requests):
        self.plays, self.players, self.customs = [], [], []
        self.rejected = Counter()
        self.refused = self.accepted = self.duplicates = self.late = 0
        self._seen = set()
        for request in requests:
            self._take(request)

    def _take(self, request):
        events = accepted_events(request.body)
        if events is None:
            self.refused += 1
            return
        self.accepted += len(events)
        for event in events:
            self._place(event, request)

    def _place(self, event, request):
        if event.get("event_id") in self._seen:
            self.duplicates += 1
            return
        self._seen.add(event["event_id"] if "event_id" in event else object())
        if event.get("type") == "video_play" or "started_at" in event:
            self._place_interval(event, request)
            return
        table = self.players if event.get("type") == "video_player" else self.customs
        table.append(event)
        self._note_late(event, request)

    def _place_interval(self, event, request):
        rules = broken_rules(event, request.sent_at)
        if rules:
            assert len(rules) == 1, "a broken event leaves no doubt about its reason"
            self.rejected.update(rules)
            return
        self._note_late(event, request)
        self.plays.append(self._row(event, request))

    def _note_late(self, event, request):
        self.late += "event_id" in event and request.sent_at - event["logged_at"] >= DAY_MS

    def _row(self, event, request):
        logged = datetime.fromtimestamp(epoch_ms(event["logged_at"]) / 1_000, UTC)
        return {
            "dt": logged.date(),
            "video_id": event["video_id"],
            "user_id": event.get("user_id"),
            "viewer": event.get("viewer_id", str(event.get("user_id"))),
            "session": event.get("play_id") or object(),
            "duration": event["ended_at"] - event["started_at"],
            "span": (event["started_at"], event["ended_at"]),
            "seq": event.get("seq", 0),
            "platform": PLATFORMS[event.get("user_agent", request.user_agent)],
        }

    def groups(self, since, until, key):
        """The rows that people played in the range, grouped."""
        grouped = defaultdict(list)
        for row in self.plays:
            if since <= row["dt"] <= until and row["platform"].device_type != "bot":
                grouped[key(row)].append(row)
        return grouped.items()


def total(rows):
    return sum(row["duration"] for row in rows)


def distinct(rows, column):
    return len({row[column] for row in rows})


def expected_answers(recount, since, until, user_id):
    """Every report, as plainly as it can be written."""

    def by(key):
        return recount.groups(since, until, key)

    videos = [
        {
            "video_id": video_id,
            "intervals": len(rows),
            "total_play_duration": total(rows),
            "avg_play_duration": total(rows) / len(rows),
        }
        for video_id, rows in by(lambda row: row["video_id"])
    ]
    viewers = [
        {
            "viewer": viewer,
            "intervals": len(rows),
            "total_watch_duration": total(rows),
            "avg_continuous_watch": total(rows) / len(rows),
        }
        for viewer, rows in by(lambda row: row["viewer"])
    ]
    platforms = [
        {
            **platform._asdict(),
            "play_sessions": distinct(rows, "session"),
            "total_play_duration": total(rows),
        }
        for (user, platform), rows in by(lambda row: (row["user_id"], row["platform"]))
        if user == user_id
    ]
    days = [{"dt": dt.isoformat(), **reach(rows)} for dt, rows in sorted(by(lambda row: row["dt"]))]
    devices = [
        {"device_type": name, **reach(rows)}
        for name, rows in by(lambda row: row["platform"].device_type)
    ]
    return {
        "videos": sorted(videos, key=lambda r: (-r["total_play_duration"], r["video_id"])),
        "viewers": sorted(viewers, key=lambda r: (-r["total_watch_duration"], r["viewer"])),
        "platforms": sorted(
            platforms,
            key=lambda r: (-r["play_sessions"], r["device_type"], r["os_name"], r["browser_name"]),
        ),
        "days": days,
        "devices": sorted(devices, key=lambda r: (-r["plays"], r["device_type"])),
    }


def reach(rows):
    return {
        "plays": distinct(rows, "session"),
        "viewers": distinct(rows, "viewer"),
        "total_play_duration": total(rows),
    }


def answers(truth, since, until, user_id):
    return {
        "videos": truth.play_time_by_video(since, until),
        "viewers": truth.watch_time_by_user(since, until),
        "platforms": truth.sessions_by_platform(since, until, user_id),
        "days": truth.daily_plays(since, until),
        "devices": truth.device_mix(since, until),
    }


def some_user(recount):
    """The logged-in user with the most intervals."""
    users = Counter(row["user_id"] for row in recount.plays if row["user_id"] is not None)
    return users.most_common(1)[0][0] if users else 0


# --- the truth is true -------------------------------------------------------------------------


def every_range():
    """Each day of the fortnight alone, and from each day on; beyond it, and the wrong way round."""
    days = [SINCE + timedelta(days=n) for n in range(14)]
    alone = [(day, day) for day in days]
    onwards = [(day, UNTIL) for day in days]
    return [*alone, *onwards, (date(1999, 1, 1), date(2030, 1, 1)), (UNTIL, SINCE)]


def test_reports_equal_a_recount_of_the_bodies_over_any_range(fortnight):
    _, truth, recount = fortnight
    user = some_user(recount)
    for since, until in every_range():
        expected = expected_answers(recount, since, until, user)
        assert answers(truth, since, until, user) == expected, (since, until)


def test_totals_equal_a_recount_of_the_bodies(fortnight):
    requests, truth, recount = fortnight
    totals = truth.totals()
    assert totals.requests == len(requests)
    assert totals.requests_refused == recount.refused > 0
    assert totals.events_accepted == recount.accepted
    assert totals.duplicates == recount.duplicates > 0
    assert totals.late_events == recount.late > 0
    assert totals.video_play_events == len(recount.plays)
    assert totals.video_player_events == len(recount.players)
    assert totals.custom_events == len(recount.customs)
    assert totals.rejected_events == recount.rejected
    assert set(recount.rejected) == set(REASONS)


def test_every_accepted_event_is_a_duplicate_or_in_one_table(fortnight):
    totals = fortnight[1].totals()
    rows = totals.video_play_events + totals.video_player_events + totals.custom_events
    assert totals.events_accepted == rows + totals.duplicates + sum(totals.rejected_events.values())
    assert totals.events_sent > totals.events_accepted


@st.composite
def scenarios(draw):
    shares = st.sampled_from([0.0, 0.1, 0.5])
    return Scenario(
        until=draw(st.dates(date(2001, 1, 1), date(2030, 1, 1))),
        viewers=draw(st.integers(1, 12)),
        days=draw(st.integers(1, 5)),
        seed=draw(st.integers(0, 2**32)),
        videos=draw(st.integers(1, 50)),
        duplicates=draw(shares),
        late=draw(shares),
        malformed=draw(shares),
        bots=draw(shares),
        lab_viewers=draw(shares),
    )


@settings(max_examples=40, deadline=None)
@given(scenario=scenarios(), first=st.integers(0, 4), length=st.integers(0, 5))
def test_a_saved_truth_still_equals_the_recount(scenario, first, length):
    requests, truth = play_out(scenario)
    recount = Recount(requests)
    saved = json.dumps(truth.to_dict())
    restored = Truth.from_dict(json.loads(saved))
    since = scenario.until - timedelta(days=first)
    days = since, since + timedelta(days=length)
    user = some_user(recount)
    assert answers(restored, *days, user) == expected_answers(recount, *days, user)
    for metric in METRICS:
        assert getattr(restored, metric)(*days) == getattr(truth, metric)(*days)
    assert restored.totals() == truth.totals()
    assert restored.totals().duplicates == recount.duplicates
    assert restored.totals().rejected_events == recount.rejected
    assert json.dumps(restored.to_dict()) == saved


def test_a_play_across_midnight_counts_on_both_days_but_once_in_the_range(fortnight):
    _, truth, _ = fortnight
    by_day = sum(row["plays"] for row in truth.daily_plays(SINCE, UNTIL))
    by_device = sum(row["plays"] for row in truth.device_mix(SINCE, UNTIL))
    assert by_day > by_device > 0


def test_bots_fill_the_tables_but_no_report():
    _, truth = play_out(Scenario(until=UNTIL, viewers=20, days=3, bots=1.0))
    assert truth.totals().video_play_events > 0
    days = UNTIL - timedelta(days=2), UNTIL
    assert not any(answers(truth, *days, 1_001).values())
    assert not any(getattr(truth, metric)(*days) for metric in METRICS)


def test_the_truth_is_not_told_before_the_last_request():
    simulation = Simulation(Scenario(until=UNTIL, viewers=5, days=2))
    requests = simulation.requests()
    next(requests)
    with pytest.raises(RuntimeError, match="exhausted"):
        simulation.truth()
    list(requests)
    assert simulation.truth().totals().requests > 0


def test_a_scenario_without_faults_has_none():
    calm = Scenario(until=UNTIL, viewers=20, days=4, duplicates=0, late=0, malformed=0, bots=0)
    _, truth = play_out(calm)
    totals = truth.totals()
    assert totals.events_sent == totals.events_accepted > 0
    faults = totals.duplicates, totals.late_events, totals.requests_refused, totals.rejected_events
    assert faults == (0, 0, 0, {})
