"""The named queries: what their files say, and what they answer on both engines' terms."""

import re
from datetime import date

import pytest
import sqlglot

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from catalog.named import named_queries, named_query, parse_query
from events.errors import DeclarationError, UnknownName
from tests.catalog_suite import Lake

TODAY = date(2026, 11, 24)
QUERIES = named_queries()

COLUMNS = {
    "play_time_by_video": [
        ("video_id", "varchar"),
        ("intervals", "bigint"),
        ("total_play_duration", "bigint"),
        ("avg_play_duration", "double"),
    ],
    "watch_time_by_user": [
        ("viewer", "varchar"),
        ("intervals", "bigint"),
        ("total_watch_duration", "bigint"),
        ("avg_continuous_watch", "double"),
    ],
    "sessions_by_platform": [
        ("device_type", "varchar"),
        ("os_name", "varchar"),
        ("browser_name", "varchar"),
        ("play_sessions", "bigint"),
        ("total_play_duration", "bigint"),
    ],
    "daily_plays": [
        ("dt", "varchar"),
        ("plays", "bigint"),
        ("viewers", "bigint"),
        ("total_play_duration", "bigint"),
    ],
    **{
        name: [
            (column, "varchar"),
            ("plays", "bigint"),
            ("viewers", "bigint"),
            ("total_play_duration", "bigint"),
        ]
        for name, column in (
            ("device_mix", "device_type"),
            ("os_mix", "os_name"),
            ("browser_mix", "browser_name"),
        )
    },
    "continuous_watch_by_user": [
        ("viewer", "varchar"),
        ("stretches", "bigint"),
        ("total_watch_duration", "bigint"),
        ("avg_continuous_watch", "double"),
        ("longest_continuous_watch", "bigint"),
    ],
    "unique_viewers": [
        ("dt", "varchar"),
        ("viewers", "bigint"),
        ("new_viewers", "bigint"),
        ("viewers_so_far", "bigint"),
    ],
    "completion_by_video": [
        ("video_id", "varchar"),
        ("video_duration", "bigint"),
        ("plays", "bigint"),
        ("plays_25", "bigint"),
        ("plays_50", "bigint"),
        ("plays_75", "bigint"),
        ("plays_95", "bigint"),
        ("completion_rate", "double"),
        ("avg_share_seen", "double"),
        ("viewers", "bigint"),
        ("viewers_95", "bigint"),
    ],
    "retention": [
        ("second", "bigint"),
        ("plays", "bigint"),
        ("views", "bigint"),
        ("skips", "bigint"),
        ("retention", "double"),
    ],
    "startup_and_rebuffering": [
        ("dt", "varchar"),
        ("starts", "bigint"),
        ("startup_p50", "bigint"),
        ("startup_p95", "bigint"),
        ("stalls", "bigint"),
        ("stall_duration", "bigint"),
        ("play_wall_duration", "bigint"),
        ("rebuffering_ratio", "double"),
    ],
    "exits_before_start": [
        ("video_id", "varchar"),
        ("intents", "bigint"),
        ("exits_before_start", "bigint"),
        ("failures", "bigint"),
        ("exit_rate", "double"),
    ],
    "concurrent_viewers": [("minute", "timestamp"), ("viewers", "bigint")],
    "lateness": [
        ("dt", "varchar"),
        ("events", "bigint"),
        ("late", "bigint"),
        ("late_share", "double"),
        ("suspect", "bigint"),
        ("suspect_share", "double"),
        ("newest", "timestamp"),
    ],
    "sequence_gaps": [
        ("dt", "varchar"),
        ("browser_name", "varchar"),
        ("plays", "bigint"),
        ("plays_with_gaps", "bigint"),
        ("events", "bigint"),
        ("missing", "bigint"),
        ("missing_share", "double"),
    ],
}


def play(event_id, video_id, play_id, ended_at, **more):
    """A played interval from the video's start to `ended_at`."""
    seen = {"event_id": event_id, "video_id": video_id, "play_id": play_id}
    desktop = {"device_type": "desktop", "os_name": "Mac OS X", "browser_name": "Chrome"}
    return {**seen, "started_at": 0, "ended_at": ended_at, "duration": ended_at, **desktop, **more}


PHONE = {"device_type": "mobile", "os_name": "iOS", "browser_name": "Safari"}
LAKE = {
    "2026-10-25": [play("0", "a", "p0", 999, user_id=1)],  # before the default thirty days
    "2026-10-26": [play("1", "a", "p1", 10, user_id=1), play("2", "a", "p1", 5, user_id=1)],
    "2026-11-23": [
        play("3", "b", "p2", 20, user_id=1, **PHONE),
        play("4", "b", None, 4, viewer_id="x", user_id=1),
        play("5", "b", None, 2, viewer_id="x"),
        play("6", "b", "p9", 10_000, user_id=7, is_bot=True),
    ],
    "2026-11-24": [play("7", "c", "p3", 1, user_id=2, **PHONE)],
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    root = tmp_path_factory.mktemp("named")
    lake = Lake(root / "lake")
    for dt, rows in LAKE.items():
        lake.write(dt, rows)
        lake.write(dt, table="video_player_events")
    with LocalCatalog(lake.root, root / "catalog.db") as catalog:
        catalog.sync()
        with DuckDBEngine(catalog) as engine:
            yield engine


ABOUT = {"sessions_by_platform": {"user_id": 1}, "retention": {"video_id": "a"}}


def answer(engine, name, **given):
    query = named_query(name)
    return engine.query(query.sql, parameters=query.arguments(given, TODAY))


@pytest.mark.parametrize(
    ("name", "given", "rows"),
    [
        (
            "play_time_by_video",
            {},
            [("b", 3, 26, 26 / 3), ("a", 2, 15, 7.5), ("c", 1, 1, 1.0)],
        ),
        (
            "watch_time_by_user",
            {},
            [("1", 3, 35, 35 / 3), ("x", 2, 6, 3.0), ("2", 1, 1, 1.0)],
        ),
        (
            "sessions_by_platform",
            {"user_id": 1},
            [("desktop", "Mac OS X", "Chrome", 2, 19), ("mobile", "iOS", "Safari", 1, 20)],
        ),
        (
            "daily_plays",
            {},
            [("2026-10-26", 1, 1, 15), ("2026-11-23", 3, 2, 26), ("2026-11-24", 1, 1, 1)],
        ),
        ("device_mix", {}, [("desktop", 3, 2, 21), ("mobile", 2, 2, 21)]),
        ("os_mix", {}, [("Mac OS X", 3, 2, 21), ("iOS", 2, 2, 21)]),
        ("browser_mix", {}, [("Chrome", 3, 2, 21), ("Safari", 2, 2, 21)]),
        ("daily_plays", {"since": "2026-11-24"}, [("2026-11-24", 1, 1, 1)]),
        (
            "daily_plays",
            {"since": date(2026, 10, 25), "until": "2026-10-26"},
            [("2026-10-25", 1, 1, 999), ("2026-10-26", 1, 1, 15)],
        ),
        ("sessions_by_platform", {"user_id": "404"}, []),
    ],
)
def test_each_query_answers_over_its_days_without_bots(engine, name, given, rows):
    assert list(answer(engine, name, **given)) == rows


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_each_query_has_the_columns_that_are_promised(engine, query):
    columns = answer(engine, query.name, **ABOUT.get(query.name, {})).columns
    assert [tuple(column) for column in columns] == COLUMNS[query.name]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_each_query_is_athenas_sql_and_bounded_by_its_days(engine, query):
    assert sqlglot.parse_one(query.sql, dialect="athena").sql("athena")
    tables = len(set(re.findall(r"playlake\.\w+", query.sql)))
    scanned = answer(engine, query.name, **ABOUT.get(query.name, {})).scanned
    # Each table once: Athena runs what is named in WITH anew, and charges it, for every use.
    assert (scanned.partitions_read, scanned.partitions_total) == (3 * tables, 4 * tables)


def test_only_queries_that_tell_plays_apart_read_the_event_ids():
    reading = {query.name for query in QUERIES if "event_id" in query.sql}
    assert reading == {
        "continuous_watch_by_user",
        "completion_by_video",
        "retention",
    }


def test_every_query_says_what_it_is_and_takes_a_range_of_days():
    assert {query.name for query in QUERIES} == set(COLUMNS)
    for query in QUERIES:
        assert query.title
        assert query.description
        assert [parameter.name for parameter in query.parameters[:2]] == ["since", "until"]


def test_days_are_counted_back_from_today():
    assert named_query("daily_plays").arguments({}, TODAY) == {
        "since": "2026-10-26",
        "until": "2026-11-24",
    }


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("sessions_by_platform", {}, ":user_id is required"),
        ("retention", {}, ":video_id is required. The video, as the player names it"),
        ("sessions_by_platform", {"user_id": "me"}, ":user_id is a bigint, not 'me'"),
        ("daily_plays", {"since": "yesterday"}, ":since is a date, not 'yesterday'"),
        ("daily_plays", {"from": "2026-11-24"}, "no parameter :from. It has :since, :until"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(name, given, sentence):
    with pytest.raises(UnknownName) as raised:
        named_query(name).arguments(given, TODAY)
    assert sentence in str(raised.value)


def test_a_query_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(UnknownName, match=r"There is: browser_mix, .*daily_plays, device_mix"):
        named_query("weekly_plays")


TOP = "-- title: T\n-- description: D\n"


def test_a_file_is_read_as_its_head_and_its_sql():
    query = parse_query("q", f"{TOP}-- :n bigint. How many.\nSELECT 1\n-- one\n")
    assert (query.title, query.description, query.sql) == ("T", "D", "SELECT 1\n-- one")
    (parameter,) = query.parameters
    assert (parameter.name, parameter.type, parameter.doc) == ("n", "bigint", "How many.")
    assert parameter.default is None


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "-- title: T\nSELECT 1",
        f"{TOP}-- :n number. No such type.\nSELECT 1",
        f"{TOP}-- :since date = yesterday. No such default.\nSELECT 1",
        f"{TOP}-- a remark\nSELECT 1",
    ],
)
def test_a_file_without_a_proper_head_is_refused(text):
    with pytest.raises(DeclarationError, match=r"q\.sql"):
        parse_query("q", text)
