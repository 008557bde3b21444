"""Which days the dashboard is about: how they are chosen, and figures that are of no others."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.pages import axe, failing, figures, opened, report, settled

SEEN_FIRST = ["trend", "videos", "mix"]
DASH = "\N{EN DASH}"
PAUSE = 800
"""Milliseconds without a key after which a typed date is asked for."""


def plays(dev, **days):
    return f"{sum(row['plays'] for row in report(dev, 'device_mix', **days)):,}"


def the_week(page):
    """Choose seven days; gives the first of them."""
    page.get_by_label("7 days").check(force=True)
    return page.get_by_label("First day").input_value()


def figure(page, name):
    return page.locator(f'[data-figure="{name}"] b')


def settled_figures(page):
    """The figures, once each of them is known."""
    for name in figures(page):
        expect(figure(page, name)).not_to_have_text(DASH)
    return figures(page)


def test_trying_again_repairs_all_that_depends_on_a_report(context, month):
    expected = settled_figures(opened(context, month))
    page = context.new_page()
    reports = ("device_mix", "play_time_by_video", "startup_and_rebuffering", "unique_viewers")
    mended = failing(page, *reports)
    page.goto(f"{month.url}/dashboard/")
    expect(page.get_by_role("alert")).to_have_count(len(reports))
    expect(page.locator("#trend")).to_contain_text("Viewers: Athena does not answer: try again.")
    expect(page.locator("#retention")).to_be_hidden()
    expect(page.get_by_role("status")).to_be_empty()
    assert axe(page) == []
    mended()
    # Not counted before each click: while a panel is drawn anew its alert is away for a moment.
    for left in reversed(range(len(reports))):
        page.get_by_role("button", name="Try again").first.click()
        expect(page.get_by_role("alert")).to_have_count(left)
    settled(page, [*SEEN_FIRST, "retention", "startup"])
    assert settled_figures(page) == expected


def test_completion_that_is_not_known_is_told_as_a_failure_and_can_be_tried_again(context, month):
    page = context.new_page()
    mended = failing(page, "completion_by_video")
    page.goto(f"{month.url}/dashboard/?video=dawn")
    settled(page, SEEN_FIRST)
    seen, share = page.locator("#seen"), page.locator('#videos td[data-column="Completed"]').first
    expect(seen.get_by_role("alert")).to_contain_text("Athena does not answer: try again.")
    assert "does not say how long" not in seen.inner_text()
    expect(share).to_have_text(DASH)
    mended()
    seen.get_by_role("button", name="Try again").click()
    expect(seen.locator("dt")).to_have_text(["25%", "50%", "75%", "95%"])
    expect(share).to_contain_text("%")
    expect(figure(page, "completion")).to_contain_text("%")


def test_a_system_chosen_while_days_are_loading_leaves_no_figure_of_other_days(context, month):
    page = settled(opened(context, month), SEEN_FIRST)
    page.route("**/reports/device_mix*", lambda _: None)
    with page.expect_request("**/reports/device_mix*"):
        first = the_week(page)
    page.get_by_label("System").check(force=True)
    expect(page.locator("#mix thead")).to_contain_text("System")
    assert plays(month, since=first) != plays(month)
    expect(figure(page, "plays")).to_have_text(plays(month, since=first))
    expect(page.get_by_role("status")).to_contain_text(f"Numbers of {first} to")


def test_a_figure_is_a_dash_until_it_is_that_of_the_days_chosen(context, month):
    page = settled(opened(context, month), [*SEEN_FIRST, "startup"])
    page.get_by_role("button", name="Rebuffering").click()
    settled_figures(page)
    held = []
    page.route("**/api/reports/**", lambda route: held.append(route))  # noqa: PLW0108
    the_week(page)
    assert set(figures(page).values()) == {DASH}
    expect(page.get_by_role("status")).to_be_empty()
    expect(page.locator("#seen dt")).to_have_count(0)
    for name in ("trend", "videos", "mix", "retention", "startup"):
        expect(page.locator(f"#{name}")).to_have_attribute("aria-busy", "true")
    page.route("**/api/reports/**", lambda route: route.continue_())
    failing(page, "startup_and_rebuffering", "completion_by_video")
    for route in held:
        route.continue_()
    settled(page, SEEN_FIRST)
    label = "Rebuffering. Not known."
    expect(page.locator("#trend .plot")).to_have_attribute("aria-label", label)
    expect(figure(page, "viewers")).not_to_have_text(DASH)
    shown = figures(page)
    assert (shown["rebuffering"], shown["completion"]) == (DASH, DASH)
    assert set(page.locator('#videos td[data-column="Completed"]').all_inner_texts()) == {DASH}


def test_a_report_that_fails_leaves_no_figure_of_the_days_before(context, month):
    page = settled(opened(context, month), SEEN_FIRST)
    settled_figures(page)
    failing(page, "device_mix", "daily_plays")
    the_week(page)
    expect(page.locator("#mix").get_by_role("alert")).to_be_visible()
    expect(figure(page, "viewers")).not_to_have_text(DASH)
    shown = figures(page)
    assert (shown["plays"], shown["play_time"]) == (DASH, DASH)
    expect(page.get_by_role("status")).to_be_empty()


def test_a_failure_is_not_hidden_behind_days_in_which_nothing_was_played(context, month):
    page = opened(context, month, "dashboard/?since=2020-01-01&until=2020-01-07")
    expect(page.locator("#nothing")).to_be_visible()
    failing(page, "daily_plays")
    the_week(page)
    expect(page.locator("#trend").get_by_role("alert")).to_be_visible()
    expect(page.locator("#nothing")).to_be_hidden()


def test_a_picture_saved_while_days_are_loading_is_named_by_its_own(context, month):
    page = settled(opened(context, month), ["trend"])
    first, last = (page.get_by_label(each).input_value() for each in ("First day", "Last day"))
    page.route("**/reports/daily_plays*", lambda _: None)
    the_week(page)
    with page.expect_download() as saving:
        page.get_by_role("button", name="PNG of Overview").click()
    assert saving.value.suggested_filename == f"daily_plays_{first}_{last}.png"


@pytest.fixture
def typed(browser, month):
    """The dashboard about three weeks, its clock stopped; what it asks is in `page.asked`."""
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=25), today - timedelta(days=4)
    size = {"width": 1280, "height": 900}
    with browser.new_context(viewport=size, locale="en-US") as context:
        page = context.new_page()
        page.clock.install()
        page.faults, page.asked = [], []
        page.on("pageerror", lambda error: page.faults.append(error.message))
        page.on("request", lambda each: page.asked.append(each.url))
        page.goto(f"{month.url}/dashboard/?since={first}&until={last}")
        settled(page, SEEN_FIRST)
        page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
        page.asked.clear()
        page.first, page.last, page.day = first, last, today - timedelta(days=9)
        yield page
        assert page.faults == []


def days_asked(page):
    found = [re.search(r"daily_plays\?since=(.+)&until=(.+)", url) for url in page.asked]
    return [each.groups() for each in found if each]


def dates(page):
    return tuple(page.get_by_label(each).input_value() for each in ("First day", "Last day"))


def type_date(page, label, day):
    """A key at a time, as a person does; gives both dates after each."""
    page.get_by_label(label).focus()
    for _ in range(2):  # to the month, from wherever it was left
        page.keyboard.press("ArrowLeft")
    passed = []
    for key in f"{day:%m%d%Y}":
        page.clock.run_for(PAUSE - 100)
        page.keyboard.press(key)
        passed.append(dates(page))
    return passed


def test_a_date_that_is_typed_is_asked_for_once_and_leaves_the_other_date_alone(typed):
    entries = typed.evaluate("history.length")
    passed = type_date(typed, "Last day", typed.day)
    assert f"0002-{typed.day:%m-%d}" in {until for _, until in passed}
    assert dates(typed) == (f"{typed.first}", f"{typed.day}")
    assert days_asked(typed) == []
    typed.clock.run_for(PAUSE)
    settled(typed, SEEN_FIRST)
    assert days_asked(typed) == [(f"{typed.first}", f"{typed.day}")]
    typed.keyboard.press("Tab")
    typed.clock.run_for(PAUSE)
    assert typed.evaluate("history.length") == entries + 1
    typed.go_back()
    expect(typed.get_by_label("Last day")).to_have_value(f"{typed.last}")


def test_the_other_date_follows_one_that_passes_it_while_a_key_says_so(typed):
    before = typed.first - timedelta(days=3)
    passed = type_date(typed, "Last day", before)
    assert passed[-1] == (f"{before}", f"{before}")
    assert passed[-2][0] == f"{typed.first}"  # the year is 0202: no day to follow
    type_date(typed, "Last day", typed.day)
    assert dates(typed) == (f"{typed.first}", f"{typed.day}")
    assert days_asked(typed) == []


@pytest.mark.parametrize("key", ["Enter", "Tab"])
def test_a_typed_date_is_asked_for_at_once_when_it_is_entered_or_left(typed, key):
    type_date(typed, "Last day", typed.day)
    with typed.expect_request("**/reports/daily_plays*"):
        for _ in range(3 if key == "Tab" else 1):  # past the button that opens the calendar
            typed.keyboard.press(key)
    assert days_asked(typed) == [(f"{typed.first}", f"{typed.day}")]


def test_both_dates_typed_one_after_the_other_are_one_choice(typed):
    first = typed.first + timedelta(days=2)
    type_date(typed, "First day", first)
    type_date(typed, "Last day", typed.day)
    typed.clock.run_for(PAUSE)
    settled(typed, SEEN_FIRST)
    assert days_asked(typed) == [(f"{first}", f"{typed.day}")]


def test_a_date_that_is_picked_is_asked_for_at_once(typed):
    with typed.expect_request("**/reports/daily_plays*"):
        typed.get_by_label("Last day").fill(f"{typed.day}")
    assert days_asked(typed) == [(f"{typed.first}", f"{typed.day}")]


@pytest.mark.parametrize("year", ["1999", "2999"])
def test_a_day_that_cannot_be_is_not_asked_for_and_does_not_stay(typed, year):
    day = typed.day.replace(day=1, month=2, year=int(year))
    type_date(typed, "Last day", day)
    typed.clock.run_for(PAUSE)
    assert dates(typed) == (f"{typed.first}", f"{day}")
    typed.get_by_role("link", name="Player").focus()
    assert dates(typed) == (f"{typed.first}", f"{typed.last}")
    typed.clock.run_for(PAUSE)
    assert days_asked(typed) == []


def test_charts_are_drawn_anew_while_a_date_is_not_whole(typed):
    typed.get_by_label("Last day").focus()
    typed.keyboard.press("Delete")
    assert typed.get_by_label("Last day").input_value() == ""
    drawn = typed.locator("#trend .plot").element_handle()
    typed.set_viewport_size({"width": 1000, "height": 900})
    typed.wait_for_function("innerWidth === 1000")
    typed.clock.run_for(PAUSE)
    expect(typed.locator("#trend .plot")).to_have_attribute("role", "img")
    assert drawn.evaluate("plot => plot.isConnected") is False


@pytest.mark.parametrize(
    "days",
    [
        "since=0002-01-01&until=2026-01-01",
        "since=2026-01-01&until=2999-01-01",
        "since=2026-02-31&until=2026-03-31",
    ],
)
def test_an_address_of_days_that_cannot_be_is_about_the_last_thirty(context, month, days):
    page = settled(opened(context, month, f"dashboard/?{days}"), ["trend"])
    today = httpx.get(f"{month.url}/api/place").json()["today"]
    assert dates(page)[1] == today
    expect(page.get_by_label("30 days")).to_be_checked()


def test_the_way_to_the_numbers_asks_nothing_anew(context, month):
    page = settled(opened(context, month), SEEN_FIRST)
    expect(page.get_by_role("status")).to_contain_text("Numbers of")
    asked = []
    page.on("request", lambda each: "/api/" in each.url and asked.append(each.url))
    page.get_by_role("link", name="Skip to the numbers").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**#main")
    page.wait_for_timeout(300)
    assert asked == []


def test_days_and_reports_of_any_length_are_drawn(context, month):
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(error.message))
    answer = httpx.get(f"{month.url}/api/reports/play_time_by_video").json()
    answer["rows"] = [[f"v{n}", 1, 1000, 1000.0] for n in range(150_000)]
    page.route("**/reports/play_time_by_video*", lambda route: route.fulfill(json=answer))
    page.goto(f"{month.url}/dashboard/?since=2000-01-01&until={datetime.now(UTC).date()}")
    settled(page, [*SEEN_FIRST, "concurrent"])
    page.locator("#videos .more").click()
    expect(page.locator("#videos tbody tr")).to_have_count(5000)
    assert faults == []
