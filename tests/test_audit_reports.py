"""The reports on the pipeline, their numbers computed by hand."""

from datetime import timedelta

import pytest

from tests.test_metrics import DAY, NEXT_DAY, TEN, Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def gaps(site):
    return [row[2:6] for row in site.report("sequence_gaps")]


def test_a_number_that_no_row_has_is_missing_and_the_end_of_a_play_is_not_known(site):
    for seq in (0, 1, 3, 3, 6):
        site.played("p", (0, 1), dt=NEXT_DAY, seq=seq)
    assert gaps(site) == [(1, 1, 7, 3)]


def test_intervals_and_signals_that_are_numbered_each_by_themselves_do_not_fill_each_others_gaps(
    site,
):
    for seq in (0, 2):
        site.played("p", (0, 1), dt=NEXT_DAY, seq=seq)
    for seq in (0, 1, 3):
        site.told("p", "heartbeat", dt=NEXT_DAY, seq=seq)
    assert gaps(site) == [(1, 1, 7, 2)]


def test_where_they_share_one_row_of_numbers_they_do(site):
    for seq in (1, 3):
        site.played("p", (0, 1), dt=NEXT_DAY, seq=seq)
    for seq in (0, 2):
        site.told("p", "heartbeat", dt=NEXT_DAY, seq=seq)
    assert gaps(site) == [(1, 0, 4, 0)]


def test_a_play_of_the_first_day_counts_from_where_it_is_known(site):
    site.played("p", (0, 1), dt=DAY, seq=7)
    site.played("p", (0, 1), dt=NEXT_DAY, seq=9)
    site.played("q", (0, 1), dt=NEXT_DAY, seq=1)
    assert gaps(site) == [(1, 1, 3, 1), (1, 1, 2, 1)]


def test_plays_are_told_apart_by_browser_and_those_without_a_number_left_out(site):
    for name in ("Chrome", "Safari"):
        site.played(f"p {name}", (0, 1), dt=NEXT_DAY, seq=0, browser_name=name)
    site.played("s", (0, 1), dt=NEXT_DAY, seq=2, browser_name="Safari", is_bot=True)
    site.played("r", (0, 1), dt=NEXT_DAY, seq=None)
    site.played(None, (0, 1), dt=NEXT_DAY, seq=5)
    rows = site.report("sequence_gaps")
    assert rows == [
        (NEXT_DAY, "Chrome", 1, 0, 1, 0, 0.0),
        (NEXT_DAY, "Safari", 2, 1, 4, 2, 0.5),
    ]


def test_an_event_is_late_past_an_hour_and_the_newest_is_told(site):
    hour = timedelta(hours=1)
    for late in (timedelta(0), hour, hour + timedelta(milliseconds=1)):
        site.played("p", (0, 1), logged_at=TEN, received_at=TEN + late, clock_suspect=False)
    site.told("p", "heartbeat", logged_at=TEN, received_at=TEN, clock_suspect=True)
    assert site.report("lateness") == [
        (DAY, 4, 1, 0.25, 1, 0.25, TEN + hour + timedelta(milliseconds=1))
    ]
