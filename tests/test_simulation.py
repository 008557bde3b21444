"""The simulated traffic: reproducible, streamed, and like the real one."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from uuid import RFC_4122, UUID

import pytest
import ua_parser

from playlake.simulation import Scenario, Simulation
from playlake.simulation.agents import AGENTS

UNTIL = date(2026, 3, 31)
BEGIN = int(datetime(2026, 3, 18, tzinfo=UTC).timestamp()) * 1_000
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def fortnight():
    """The requests of fourteen days, each with its events: none where it is refused."""
    simulation = Simulation(Scenario(until=UNTIL, viewers=200, days=14, seed=7))
    return [(request, events_of(request)) for request in simulation.requests()]


def refuse(constant):
    raise ValueError(f"{constant} is not JSON")


def events_of(request):
    try:
        decoded = json.loads(request.body, parse_constant=refuse)
    except ValueError:
        return []
    events = decoded if isinstance(decoded, list) else [decoded]
    return [event for event in events if isinstance(event, dict)]


def all_events(requests):
    return [event for _, events in requests for event in events]


def test_the_same_scenario_makes_the_same_bytes_and_another_seed_makes_others():
    scenario = Scenario(until=UNTIL, viewers=10, days=3, seed=5)
    simulation = Simulation(scenario)
    first = list(simulation.requests())
    assert list(simulation.requests()) == first
    assert list(Simulation(scenario).requests()) == first
    assert list(Simulation(replace(scenario, seed=6)).requests()) != first


def test_requests_stream_from_a_scenario_far_too_long_to_play_out():
    century = Simulation(Scenario(until=date(2099, 12, 31), viewers=1_000, days=36_500))
    assert len(list(islice(century.requests(), 2_000))) == 2_000


def test_requests_leave_in_order_and_all_times_are_inside_the_scenario(fortnight):
    sent = [request.sent_at for request, _ in fortnight]
    assert sent == sorted(sent)
    assert BEGIN <= sent[0] < sent[-1] < BEGIN + 14 * DAY_MS
    logged = [event["logged_at"] for event in all_events(fortnight) if "stall_ms" in event]
    assert BEGIN <= min(logged) < max(logged) < BEGIN + 14 * DAY_MS


def test_visits_at_the_end_of_the_last_day_stop_with_it():
    crowd = Simulation(Scenario(until=UNTIL, viewers=8_000, days=1))
    sent = [request.sent_at for request in crowd.requests()]
    last = BEGIN + 14 * DAY_MS - 1
    assert max(sent) == last, "what is still queued leaves in the last millisecond"


def test_requests_carry_one_to_ten_events_as_json_and_as_beacons(fortnight):
    assert {len(events) for _, events in fortnight} == set(range(11)), "0 are the refused ones"
    shapes = {(request.content_type, request.body[:1]) for request, _ in fortnight}
    for content_type in ("application/json", "text/plain;charset=UTF-8"):
        assert {(content_type, b"{"), (content_type, b"[")} <= shapes


def test_event_ids_are_uuids_of_version_7_that_sort_by_time(fortnight):
    events = [event for event in all_events(fortnight) if event.get("type") == "video_player"]
    for event in events:
        event_id = UUID(event["event_id"])
        assert (event_id.version, event_id.variant) == (7, RFC_4122)
        assert event_id.int >> 80 == event["logged_at"]
        assert UUID(event["play_id"]).version == 7


def test_duplicates_come_within_the_minute_and_after_days_and_are_the_same_event(fortnight):
    first_sent, gaps = {}, []
    for request, events in fortnight:
        for event in events:
            if "event_id" in event:
                sent_at, original = first_sent.setdefault(
                    event["event_id"], (request.sent_at, event)
                )
                assert event == original
                gaps.append(request.sent_at - sent_at)
    repeats = [gap for gap in gaps if gap > 0]
    assert min(repeats) < 60_000
    assert max(repeats) > DAY_MS


def test_late_events_were_logged_days_before_they_are_sent(fortnight):
    ages = [
        request.sent_at - event["logged_at"]
        for request, events in fortnight
        for event in events
        if event.get("type") == "video_player"
    ]
    assert min(ages) > 0
    assert 3 * DAY_MS < max(ages) < 10 * DAY_MS
    assert sum(age > DAY_MS for age in ages) < 0.1 * len(ages)


def test_events_without_an_id_are_sent_once(fortnight):
    bare = [
        json.dumps(event)
        for event in all_events(fortnight)
        if "event_id" not in event and "video_id" in event
    ]
    assert len(bare) == len(set(bare)) > 0


def test_the_labs_player_sends_each_interval_alone_in_seconds_with_its_own_headers(fortnight):
    fields = {"video_id", "user_id", "started_at", "ended_at", "logged_at", "referer", "user_agent"}
    lab = [(request, events) for request, events in fortnight if "user_agent" in str(events)]
    assert lab
    for request, [event] in lab:
        assert event.keys() == fields
        assert 0 < request.sent_at - event["logged_at"] * 1_000 < 10 * DAY_MS
        assert request.user_agent is None


def test_some_videos_and_agents_are_watched_far_more_than_others(fortnight):
    begun = [
        (event["video_id"], request.user_agent)
        for request, events in fortnight
        for event in events
        if "startup_ms" in event
    ]
    for values in zip(*begun, strict=True):
        counts = Counter(values)
        top = sum(count for _, count in counts.most_common(5))
        assert len(counts) >= 40
        assert top > 3 * (5 / len(counts)) * len(values)


def test_evenings_and_weekends_are_busier(fortnight):
    begins = [event["logged_at"] for event in all_events(fortnight) if "startup_ms" in event]
    hours = Counter(begin // 3_600_000 % 24 for begin in begins)
    assert hours[19] + hours[20] + hours[21] > 4 * (hours[2] + hours[3] + hours[4])
    days = Counter(datetime.fromtimestamp(begin / 1_000, UTC).weekday() for begin in begins)
    assert (days[5] + days[6]) / 2 > 1.15 * sum(days[day] for day in range(5)) / 5


def test_plays_live_through_all_that_players_do(fortnight):
    events = all_events(fortnight)
    reasons = {event.get("end_reason") for event in events}
    signals = {event["event"] for event in events if event.get("type") == "video_player"}
    assert reasons >= {"ended", "unload", "pause", "seek", "stall", "rate", "hide"}
    assert signals == {"play_intent", "first_frame", "stall", "seek", "error", "heartbeat"}
    assert {event.get("playback_rate") for event in events} >= {0.75, 1.0, 1.25, 1.5, 2.0}
    assert {event.get("visible") for event in events} >= {True, False}


def test_many_plays_are_left_at_once_and_many_are_watched_through(fortnight):
    share_watched = {}
    for event in all_events(fortnight):
        if event.get("end_reason") in ("ended", "unload") and "video_duration" in event:
            share_watched[event["play_id"]] = event["ended_at"] / event["video_duration"]
    shares = share_watched.values()
    assert sum(share < 0.15 for share in shares) > 0.15 * len(shares)
    assert sum(share > 0.95 for share in shares) > 0.25 * len(shares)


def test_custom_events_are_named_by_type_event_or_action(fortnight):
    names = {
        (key, event[key])
        for event in all_events(fortnight)
        if "video_id" not in event
        for key in ("type", "event", "action")
        if key in event and event[key] not in ("video_play", "video_player")
    }
    assert names >= {("type", "signup"), ("event", "page_view"), ("action", "click")}


def test_an_impossible_scenario_is_refused_with_the_value():
    for wrong, sentence in (
        ({"viewers": 0}, "viewers is 0"),
        ({"days": -1}, "days is -1"),
        ({"late": 1.5}, "late is 1.5"),
    ):
        with pytest.raises(ValueError, match=sentence):
            Scenario(until=UNTIL, **wrong)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.user_agent[:60])
def test_an_agent_is_named_as_ua_parser_names_it(agent):
    parsed = ua_parser.parse(agent.user_agent)
    assert (parsed.os.family if parsed.os else "") == agent.platform.os_name
    assert parsed.user_agent.family == agent.platform.browser_name


def test_agents_are_many_distinct_and_of_every_kind():
    kinds = Counter(agent.platform.device_type for agent in AGENTS)
    assert len({agent.user_agent for agent in AGENTS}) == len(AGENTS) >= 60
    assert kinds["bot"] == 12
    assert min(kinds[kind] for kind in ("desktop", "mobile", "tablet", "tv")) >= 5
