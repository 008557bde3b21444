"""The live page: what arrives here, and where else to look when it does not."""

import json

import httpx
from playwright.sync_api import expect

from tests.browser.pages import axe, dawn, opened


def test_where_others_deliver_the_live_page_names_the_commands_that_show_the_newest(browser, month):
    told = {
        "place": "playlake-demo-dev",
        "options": "--identifier demo --region eu-west-1",
        "today": "2026-11-24",
        "live": False,
    }
    size = {"width": 360, "height": 800}
    with browser.new_context(viewport=size, color_scheme="dark") as context:
        page = context.new_page()
        page.route("**/api/place", lambda route: route.fulfill(json=told))
        page.goto(f"{month.url}/dashboard/live.html")
        rejected = "playlake rejected --identifier demo --region eu-west-1"
        expect(page.locator("#newest-rejected")).to_have_text(rejected)
        expect(page.locator("#newest-plays")).to_contain_text("WHERE dt >= '2026-11-23'")
        expect(page.locator("#elsewhere-cost")).to_contain_text("10 MB at least, $0.00005")
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_live_page_shows_what_is_accepted_and_what_is_rejected_and_why(context, dev):
    page = opened(context, dev, "dashboard/live.html")
    expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
    assert f"curl {dev.url}/events" in page.locator("#curl").inner_text()
    assert axe(page) == []
    dev.post([dawn("a", 4000), {**dawn("b", 4000), "started_at": "0", "note": "<b>x</b>"}])
    rejected = page.locator("li.rejected")
    expect(rejected).to_contain_text("wrong_type")
    expect(rejected).to_contain_text("started_at is not right: expected integer, got string.")
    rejected.locator("summary").focus()
    page.keyboard.press("Enter")
    payload = json.loads(rejected.locator("pre").inner_text())
    assert (payload["started_at"], payload["note"]) == ("0", "<b>x</b>")
    expect(page.locator("li.accepted")).to_contain_text("dawn · 0:00 to 0:04 · by a · desktop")
    page.get_by_label("Rejected").check(force=True)
    expect(page.locator("li.accepted")).to_be_hidden()
    page.get_by_label("All").check(force=True)
    page.get_by_role("button", name="Pause").click()
    dev.post(dawn("c", 5000))
    expect(page.get_by_role("status")).to_have_text("Paused, 1 waiting")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("li.accepted").first).to_contain_text("by c")
    assert page.faults == []


def test_ids_and_payloads_are_shown_as_they_were_sent(context, dev):
    page = opened(context, dev, "dashboard/live.html")
    expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
    play = {key: value for key, value in dawn("x", 4000).items() if key != "viewer_id"}
    play["user_id"] = 1234567890123456789
    wrong = json.dumps({**play, "started_at": 1.0, "playback_rate": 1e2}).replace("100.0", "1e2")
    httpx.post(f"{dev.url}/events", content=f"[{json.dumps(play)},{wrong}]").raise_for_status()
    accepted, rejected = page.locator("li.accepted"), page.locator("li.rejected")
    expect(accepted.locator("summary")).to_contain_text("by 1234567890123456789 ")
    assert '"user_id": 1234567890123456789,' in accepted.locator("pre").text_content()
    payload = rejected.locator("pre").text_content()
    for sent in ('"user_id": 1234567890123456789', '"started_at": 1.0', '"playback_rate": 1e2'):
        assert sent.replace(" ", "") in payload.replace(" ", "")
    assert page.faults == []


def test_an_id_turns_no_other_words_around(context, dev):
    page = opened(context, dev, "dashboard/live.html")
    expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
    dev.post(dawn("\u202eeno", 4000) | {"video_id": "\u2067owt\u200b"})
    told = page.locator("li.accepted summary")
    expect(told).to_contain_text("\\u2067owt\\u200b · 0:00 to 0:04 · by \\u202eeno · desktop")
    page.goto(f"{dev.url}/dashboard/")
    expect(page.locator("#videos")).to_contain_text("\\u2067owt\\u200b")
    expect(page.locator("#video option")).to_have_text("\\u2067owt\\u200b")
    page.locator("#viewers").scroll_into_view_if_needed()
    expect(page.locator("#viewers .bars")).to_contain_text("\\u202eeno")
    page.get_by_role("button", name="Table of Viewers").click()
    expect(page.locator("#viewers .drawer td").first).to_have_text("\\u202eeno")
    assert page.faults == []
