"""How the dashboard comes to its numbers: what it asks and when, and what it says without them."""

import re
from datetime import date, timedelta

import httpx
from playwright.sync_api import expect

from tests.browser.pages import axe, opened, report, settled


def test_days_in_which_nothing_was_played_say_what_to_do(context, month):
    page = opened(context, month, "dashboard/?since=2020-01-01&until=2020-01-07")
    expect(page.get_by_role("heading", name="Nothing was played in these days")).to_be_visible()
    expect(page.locator("#panels")).to_be_hidden()
    assert axe(page) == []
    page.get_by_label("30 days").check(force=True)
    settled(page, ["trend", "videos"])
    assert page.faults == []


def test_a_report_that_fails_says_why_alone_and_can_be_tried_again(context, month):
    page = context.new_page()
    error = {"error": {"code": "unavailable", "message": "Athena does not answer: try again."}}
    page.route("**/reports/device_mix*", lambda route: route.fulfill(status=503, json=error))
    page.goto(f"{month.url}/dashboard/")
    alert = page.locator("#mix").get_by_role("alert")
    expect(alert).to_contain_text("Athena does not answer: try again.")
    settled(page, ["trend", "videos"])
    assert axe(page) == []
    page.unroute("**/reports/device_mix*")
    page.get_by_role("button", name="Try again").click()
    settled(page, ["mix"])


def test_while_numbers_are_fetched_their_place_is_kept(context, month):
    page = context.new_page()
    held = []
    page.route("**/reports/daily_plays*", lambda route: held.append(route))  # noqa: PLW0108
    page.goto(f"{month.url}/dashboard/")
    expect(page.locator("#trend .loading")).to_be_visible()
    expect(page.locator("#trend")).to_have_attribute("aria-busy", "true")
    before = page.locator("#videos").bounding_box()["y"]
    held[0].continue_()
    settled(page, ["trend"])
    assert abs(page.locator("#videos").bounding_box()["y"] - before) <= 2


def asked_by(page):
    """The API's addresses that the page asks from now on, in order."""
    addresses = []
    page.on("request", lambda each: addresses.append(each.url) if "/api/" in each.url else None)
    return addresses


def test_a_page_that_was_seen_to_its_end_has_asked_each_question_once(context, month):
    page = context.new_page()
    addresses = asked_by(page)
    page.goto(f"{month.url}/dashboard/")
    settled(page)
    assert len([each for each in addresses if "startup_and_rebuffering" in each]) == 1
    assert sorted(addresses) == sorted(set(addresses))


def test_a_question_begun_early_is_not_asked_again_where_its_script_comes_late(context, month):
    page = context.new_page()
    addresses, held = asked_by(page), []
    page.route("**/early.js", lambda route: held.append(route))  # noqa: PLW0108
    page.goto(f"{month.url}/dashboard/", wait_until="commit")
    settled(page)
    with page.expect_event("load"):
        held[0].continue_()
    assert any(each.endswith("/api/place") for each in addresses)
    assert sorted(addresses) == sorted(set(addresses))


def test_the_first_chart_waits_for_no_other_answer(context, month):
    page = context.new_page()
    addresses, held = asked_by(page), []
    page.route("**/api/place", lambda route: held.append(route))  # noqa: PLW0108
    with page.expect_request("**/api/reports/daily_plays?*") as asking:
        page.goto(f"{month.url}/dashboard/?days=7")
    since, until = re.search(r"since=(.+)&until=(.+)", asking.value.url).groups()
    assert date.fromisoformat(until) - date.fromisoformat(since) == timedelta(days=6)
    assert len(addresses) == 2
    held[0].continue_()
    settled(page, ["trend"])
    assert len([each for each in addresses if "daily_plays" in each]) == 1


def test_the_servers_day_counts_when_this_machines_clock_is_wrong(context, month):
    page = context.new_page()
    page.clock.set_fixed_time("2030-01-01T12:00:00Z")
    page.goto(f"{month.url}/dashboard/")
    settled(page, ["trend"])
    today = httpx.get(f"{month.url}/api/place").json()["today"]
    assert page.get_by_label("Last day").input_value() == today
    plays = sum(row["plays"] for row in report(month, "device_mix"))
    expect(page.locator('[data-figure="plays"] b')).to_have_text(f"{plays:,}")


def test_pages_without_a_server_behind_them_say_which_one_to_start(context, month):
    page = context.new_page()
    page.route("**/api/**", lambda route: route.fulfill(status=404, body="Not Found"))
    page.goto(f"{month.url}/dashboard/")
    said = page.locator("#elsewhere")
    expect(said.get_by_role("heading")).to_have_text(
        "The numbers are asked for from your own machine"
    )
    expect(said).to_contain_text("playlake dashboard --identifier NAME")
    expect(page.locator("#panels")).to_be_hidden()
    assert page.get_by_role("alert").count() == 0
    assert axe(page) == []
    page.goto(f"{month.url}/dashboard/live.html")
    expect(page.get_by_role("heading", name="Events do not arrive here")).to_be_visible()
    expect(page.locator("#newest-rejected")).to_have_text(
        "playlake rejected --identifier NAME", use_inner_text=True
    )
