"""The metrics of docs/metrics.md on small tables, their numbers computed by hand."""

from datetime import datetime, timedelta

import pytest

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from catalog.named import named_query
from tests.catalog_suite import Lake

DAY = "2026-11-23"
NEXT_DAY = "2026-11-24"
TEN = datetime(2026, 11, 23, 10)  # noqa: DTZ001 (as the lake has it: UTC, without a zone)


class Site:
    """Writes what viewers of one site do, and asks for its reports."""

    def __init__(self, root):
        self._root = root
        self._lake = Lake(root / "lake")
        self._events = 0

    def played(self, play, *spans, dt=DAY, **more):
        """A play's intervals in order, `spans` in ms of content; a second of wall time apart."""
        self._write("video_play_events", dt, [self._interval(play, span, more) for span in spans])

    def told(self, play, event, dt=DAY, **more):
        """A signal of the play's player."""
        self._write("video_player_events", dt, [{**self._head(play), "event": event, **more}])

    def report(self, name, **about):
        """The report's rows over both days."""
        query = named_query(name)
        given = {"since": DAY, "until": NEXT_DAY, **about}
        with LocalCatalog(self._lake.root, self._root / "catalog.db") as catalog:
            catalog.sync()
            with DuckDBEngine(catalog) as engine:
                return list(engine.query(query.sql, parameters=query.arguments(given, TEN.date())))

    def _interval(self, play, span, more):
        begun, ended = span
        length = {"started_at": begun, "ended_at": ended, "duration": ended - begun}
        return {**self._head(play), **length, "video_duration": 10_000, **more}

    def _head(self, play):
        """The n-th event is the n-th of its play too, and is logged n seconds after ten."""
        self._events += 1
        return {
            "event_id": f"e{self._events}",
            "play_id": play,
            "seq": self._events,
            "video_id": "v",
            "viewer_id": "x",
            "logged_at": TEN + timedelta(seconds=self._events),
        }

    def _write(self, table, dt, rows):
        self._lake.write(dt, rows, table=table)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


ALL = (
    "continuous_watch_by_user",
    "unique_viewers",
    "completion_by_video",
    "startup_and_rebuffering",
    "exits_before_start",
    "concurrent_viewers",
    "os_mix",
    "browser_mix",
)


@pytest.mark.parametrize("name", ALL)
def test_nothing_comes_of_bots_and_of_other_days(site, name):
    site.played("p", (0, 5_000), is_bot=True)
    site.played("q", (0, 5_000), dt="2026-11-22")
    site.told("p", "play_intent", is_bot=True)
    site.told("p", "heartbeat", is_bot=True)
    site.told("p", "first_frame", is_bot=True, startup_ms=5)
    site.told("q", "play_intent", dt="2026-11-25")
    site.told("q", "first_frame", dt="2026-11-25", startup_ms=5)
    assert site.report(name) == []


# --- continuous watch --------------------------------------------------------------------------


def test_intervals_that_follow_one_another_are_one_stretch_and_a_jump_begins_another(site):
    # 0-3 s and on to 5 s; then a jump to 8 s. Stretches of 5 s and 2 s: 7 s, 3.5 s on average.
    site.played("p", (0, 3_000), (3_000, 5_000), (8_000, 10_000))
    assert site.report("continuous_watch_by_user") == [("x", 2, 7_000, 3_500.0, 5_000)]


@pytest.mark.parametrize(("begun", "stretches"), [(3_250, 1), (3_251, 2), (2_750, 1), (2_749, 2)])
def test_a_quarter_of_a_second_either_way_is_no_jump(site, begun, stretches):
    site.played("p", (0, 3_000), (begun, 5_000))
    ((_, count, total, *_),) = site.report("continuous_watch_by_user")
    assert (count, total) == (stretches, 3_000 + 5_000 - begun)


def test_a_stretch_ends_with_its_play_its_video_and_its_viewer(site):
    site.played("p", (0, 1_000))
    site.played("q", (1_000, 2_000))
    site.played("q", (2_000, 3_000), video_id="w")
    site.played("q", (3_000, 4_000), video_id="w", viewer_id="y")
    site.played(None, (4_000, 5_000), (5_000, 6_000), viewer_id="z")  # each a play of its own
    rows = site.report("continuous_watch_by_user")
    assert [row[:2] for row in rows] == [("x", 3), ("z", 2), ("y", 1)]


def test_a_stretch_goes_on_over_midnight(site):
    site.played("p", (0, 1_000))
    site.played("p", (1_000, 4_000), dt=NEXT_DAY)
    assert site.report("continuous_watch_by_user") == [("x", 1, 4_000, 4_000.0, 4_000)]


def test_a_play_is_followed_by_its_numbers_and_not_as_it_was_logged(site):
    site.played("p", (3_000, 5_000), seq=2)
    site.played("p", (0, 3_000), seq=1)
    assert site.report("continuous_watch_by_user") == [("x", 1, 5_000, 5_000.0, 5_000)]


# --- unique viewers ----------------------------------------------------------------------------


def test_a_viewer_is_new_on_the_first_day_of_the_range_alone(site):
    site.played("p", (0, 1_000), (0, 1_000))
    site.played("q", (0, 1_000), viewer_id=None, user_id=7)
    site.played("r", (0, 1_000), dt=NEXT_DAY, viewer_id=None, user_id=7)
    site.played("s", (0, 1_000), dt=NEXT_DAY, viewer_id="y")
    # The first day: x and 7. The second: 7 again and y, which makes three.
    assert site.report("unique_viewers") == [(DAY, 2, 2, 2), (NEXT_DAY, 2, 1, 3)]


# --- completion --------------------------------------------------------------------------------


def test_what_is_seen_twice_counts_once(site):
    # 0-6 s and 2-8 s are 8 s of 10 s: three quarters are reached, 95 % are not.
    site.played("p", (0, 6_000), (2_000, 8_000))
    assert site.report("completion_by_video") == [
        ("v", 10_000, 1, 1, 1, 1, 0, 0.0, pytest.approx(0.8), 1, 0)
    ]


def test_a_viewer_completes_a_video_in_several_plays(site):
    site.played("p", (0, 5_000))
    site.played("q", (5_000, 9_500))
    site.played("r", (0, 2_500), viewer_id="y")
    # Shares of plays: 0.5, 0.45 and 0.25; of viewers: 0.95 and 0.25.
    assert site.report("completion_by_video") == [
        ("v", 10_000, 3, 3, 1, 0, 0, 0.0, pytest.approx(0.4), 2, 1)
    ]


def test_what_lies_behind_the_videos_end_is_not_seen(site):
    site.played("p", (9_000, 10_100))
    site.played("q", (0, 9_499), video_duration=None)
    # 1 s and 9.499 s of 10 s, and 10 s by the viewer; one millisecond lacks to 95 %.
    assert site.report("completion_by_video") == [
        ("v", 10_000, 2, 1, 1, 1, 0, 0.0, pytest.approx(0.52495), 1, 1)
    ]


def test_completion_is_unknown_where_no_player_says_how_long_the_video_is(site):
    site.played("p", (0, 5_000), video_duration=None)
    unknown = (None,) * 6
    assert site.report("completion_by_video") == [("v", None, 1, *unknown, 1, None)]


# --- retention ---------------------------------------------------------------------------------


def test_each_second_has_its_plays_its_views_and_its_skips(site):
    length = {"video_duration": 6_000}
    # p sees 0-2 s, jumps to 4 s and sees the rest; then it goes back and sees 1-3 s.
    site.played("p", (0, 2_000), (4_000, 6_000), (1_000, 3_000), **length)
    site.played("q", (0, 1_000), **length)
    assert site.report("retention", video_id="v") == [
        (0, 2, 2, 0, 1.0),
        (1, 1, 2, 0, 0.5),
        (2, 1, 1, 1, 0.5),
        (3, 0, 0, 1, 0.0),
        (4, 1, 1, 0, 0.5),
        (5, 1, 1, 0, 0.5),
    ]


def test_a_second_belongs_to_the_interval_that_played_its_middle(site):
    # The pause at 1.4 s leaves second 1 to the second interval, the one at 2.5 s second 2 to the
    # third; 3.5 s is the middle of second 3, which the last interval does not play.
    site.played("p", (0, 1_400), (1_400, 2_500), (2_500, 3_500), video_duration=4_000)
    rows = site.report("retention", video_id="v")
    assert [row[:4] for row in rows] == [(0, 1, 1, 0), (1, 1, 1, 0), (2, 1, 1, 0), (3, 0, 0, 0)]


@pytest.mark.parametrize(("begun", "skips"), [(1_650, 0), (1_651, 1)])
def test_a_gap_of_a_quarter_of_a_second_is_no_skip(site, begun, skips):
    site.played("p", (0, 1_400), (begun, 3_000), video_duration=3_000)
    assert site.report("retention", video_id="v")[1] == (1, 0, 0, skips, 0.0)


def test_the_curve_has_every_second_of_the_video_and_none_behind_it(site):
    site.played("p", (0, 1_000), (12_000_000, 12_003_000), video_duration=12_001_000)
    rows = site.report("retention", video_id="v")
    # More seconds than one of Athena's sequences may have.
    assert [row[0] for row in rows] == list(range(12_001))
    assert rows[0] == (0, 1, 1, 0, 1.0)
    assert rows[1] == (1, 0, 0, 1, 0.0)
    assert rows[11_999] == (11_999, 0, 0, 1, 0.0)
    assert rows[12_000] == (12_000, 1, 1, 0, 1.0)


def test_without_a_length_the_curve_ends_where_the_last_viewer_did(site):
    site.played("p", (0, 2_000), video_duration=None)
    site.played("q", (0, 3_000), video_duration=None)
    assert [row[:2] for row in site.report("retention", video_id="v")] == [(0, 2), (1, 2), (2, 1)]


def test_a_claim_of_a_century_of_video_makes_a_day_of_curve(site):
    site.played("p", (0, 3_155_760_000_000), video_duration=None)
    rows = site.report("retention", video_id="v")
    assert len(rows) == 86_400
    assert rows[-1] == (86_399, 1, 1, 0, 1.0)


def test_retention_is_of_the_video_that_is_asked_for(site):
    site.played("p", (0, 1_000), video_duration=1_000)
    site.played("q", (0, 1_000), video_id="it's", video_duration=1_000)
    site.played("r", (0, 1_000), video_id="it's", is_bot=True, video_duration=1_000)
    assert site.report("retention", video_id="it's") == [(0, 1, 1, 0, 1.0)]
    assert site.report("retention", video_id="nothing") == []


# --- startup and rebuffering -------------------------------------------------------------------


def test_startup_is_the_nearest_rank_and_rebuffering_a_share_of_wall_time(site):
    for waited in (900, 100, 300, 200):
        site.told("p", "first_frame", startup_ms=waited)
    site.told("p", "first_frame")  # a player that did not measure
    site.told("p", "stall", stall_ms=600)
    site.told("p", "stall", stall_ms=400)
    site.played("p", (0, 4_000), wall_ms=8_000)
    site.played("p", (4_000, 5_000))  # no wall time: the content's stands in
    # Of four, the second is the median and the fourth p95. 1 s of 10 s stood still.
    assert site.report("startup_and_rebuffering") == [(DAY, 4, 200, 900, 2, 1_000, 9_000, 0.1)]


def test_a_day_needs_no_start_and_no_play(site):
    site.told("p", "first_frame", startup_ms=7)
    site.played("p", (0, 1_000), dt=NEXT_DAY)
    assert site.report("startup_and_rebuffering") == [
        (DAY, 1, 7, 7, 0, 0, 0, None),
        (NEXT_DAY, 0, None, None, 0, 0, 1_000, 0.0),
    ]


def test_p95_of_twenty_is_the_nineteenth(site):
    for waited in range(1, 21):
        site.told("p", "first_frame", startup_ms=waited)
    ((_, starts, median, p95, *_),) = site.report("startup_and_rebuffering")
    assert (starts, median, p95) == (20, 10, 19)


# --- exits before start ------------------------------------------------------------------------


def test_a_play_that_was_asked_for_and_showed_no_frame_is_an_exit(site):
    site.told("started", "play_intent")
    site.told("started", "first_frame", startup_ms=5)
    site.told("started", "error")  # later: it had started
    site.told("left", "play_intent")
    site.told("left", "play_intent")  # asked for twice, and one play
    site.told("failed", "play_intent")
    site.told("failed", "error")
    site.told("resumed", "first_frame")  # never asked for in these days
    site.told(None, "play_intent")  # belongs to no play
    site.told("other", "play_intent", video_id="w")
    site.told("other", "first_frame", video_id="w", dt=NEXT_DAY)
    assert site.report("exits_before_start") == [
        ("v", 3, 2, 1, pytest.approx(2 / 3)),
        ("w", 1, 0, 0, 0.0),
    ]


# --- concurrent viewers ------------------------------------------------------------------------


def test_a_viewer_is_there_in_each_minute_that_an_interval_touches(site):
    at = TEN + timedelta(minutes=5)
    # x from 10:03:30 to 10:05:00, which does not touch 10:05; y in 10:04 alone, twice.
    site.played("p", (0, 60_000), wall_ms=90_000, logged_at=at)
    site.played("q", (0, 5_000), viewer_id="y", logged_at=at - timedelta(seconds=10))
    site.played("r", (0, 5_000), viewer_id="y", logged_at=at - timedelta(seconds=20))
    site.played("s", (0, 0), viewer_id="z", logged_at=at)  # played nothing
    assert site.report("concurrent_viewers") == [
        (TEN + timedelta(minutes=3), 1),
        (TEN + timedelta(minutes=4), 2),
    ]


def test_a_heartbeat_tells_of_a_viewer_whose_interval_is_still_open(site):
    site.told("p", "heartbeat", logged_at=TEN + timedelta(seconds=30))
    site.told("p", "seek", logged_at=TEN + timedelta(minutes=3, seconds=30))
    assert site.report("concurrent_viewers") == [(TEN, 1)]


def test_minutes_are_those_of_the_days_asked_for(site):
    midnight = TEN.replace(hour=0)
    site.played("p", (0, 300_000), logged_at=midnight + timedelta(minutes=1))
    # A clock that is far ahead: its day is the one it was received on.
    site.played("q", (0, 60_000), viewer_id="y", logged_at=midnight + timedelta(days=90))
    assert site.report("concurrent_viewers") == [(midnight, 1)]


def test_an_interval_that_claims_a_century_is_believed_for_a_day(site):
    site.played("p", (0, 1_000), wall_ms=3_155_760_000_000)
    assert len(site.report("concurrent_viewers")) == 10 * 60 + 1  # midnight to ten o'clock


# --- mixes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column"), [("os_mix", "os_name"), ("browser_mix", "browser_name")]
)
def test_a_mix_tells_unknown_ones_last(site, name, column):
    site.played("p", (0, 1_000), **{column: "B"})
    site.played("q", (0, 2_000), (2_000, 3_000), **{column: "A"})
    site.played("r", (0, 4_000), viewer_id="y")
    assert site.report(name) == [("A", 1, 1, 3_000), ("B", 1, 1, 1_000), (None, 1, 1, 4_000)]
