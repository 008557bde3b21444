"""The tracker as a file, and what it does on a page beside measuring."""

import json

import pytest

from tests.browser.tracked import PAGE, START, watch


@pytest.fixture
def blank(browser, site):
    """A page of the site with one video and nothing that tracks it."""
    with browser.new_context() as context:
        context.route("**/blank", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        page = context.new_page()
        page.goto(f"{site.url}blank")
        yield page


def test_nothing_is_measured_before_consent_and_all_after(blank, site, eventually):
    blank.evaluate(START, {"viewerId": "v", "paused": True})
    watch(blank, 0.5)
    assert blank.evaluate("indexedDB.databases()") == []
    blank.evaluate("() => tracker.resume()")
    watch(blank, 0.5)
    [event] = eventually(site.events)
    assert event["started_at"] > 300


def test_nobody_is_tracked_who_was_not_named(blank, site, eventually):
    blank.evaluate(START, {"viewerId": None})
    watch(blank, 0.4)
    assert blank.evaluate("states") == []
    blank.evaluate("() => tracker.update({ userId: 7 })")
    watch(blank, 0.4)
    [event] = eventually(site.events)
    assert event["user_id"] == 7


def test_a_text_user_id_is_a_viewer_id(blank, site, eventually):
    blank.evaluate(START, {"userId": "u-7", "viewerId": None})
    watch(blank, 0.3)
    [event] = eventually(site.events)
    assert event["viewer_id"] == "u-7"
    assert "user_id" not in event


def test_the_page_notices_nothing_of_a_fault(blank, site, eventually):
    faults = []
    blank.on("pageerror", lambda error: faults.append(error.message))
    given = 'async () => (await import("/tracker.js")).track(null, {}).pause()'
    assert blank.evaluate(given) is None
    blank.evaluate(START, {"viewerId": "v"})
    blank.evaluate("() => { video.src = 'videos/nothing.mp4' }")
    player = eventually(lambda: [e for e in site.told() if e.get("event") == "error"])
    assert player[0]["error_code"] == "4"
    assert faults == []


@pytest.mark.alone  # a browser that gets no processor stalls, and rightly says so
def test_the_life_of_a_player_is_told(blank, site, eventually):
    blank.evaluate(START, {"viewerId": "v"})
    blank.evaluate("() => { video.play() }")
    blank.wait_for_timeout(700)
    blank.evaluate("() => { video.currentTime = 9 }")
    told = eventually(lambda: [e for e in site.told() if e.get("event") == "seek"] and site.told())
    life = {event["event"]: event for event in told if event["type"] == "video_player"}
    assert list(life) == ["play_intent", "first_frame", "seek"]
    assert 0 <= life["first_frame"]["startup_ms"] < 1000
    assert abs(life["seek"]["seek_from"] - 700) < 300
    assert abs(life["seek"]["seek_to"] - 9000) < 50
    assert [event["seq"] for event in life.values()] == [0, 1, 2], json.dumps(told)
