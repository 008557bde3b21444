"""The player page in a real browser: what it counts is what was really played."""

import json
import uuid

import pytest

pytestmark = pytest.mark.alone

FRAME = 1 / 30  # s, of the sample clips


# Playwright's own wait_for_function evaluates strings in the page, which the policy forbids.
UNTIL = """
([condition, value]) => new Promise((done) => {
  const video = document.querySelector("video");
  const conditions = {
    ready: () => video.readyState >= 4,
    advanced: () => video.currentTime >= value || video.ended,
  };
  const look = () => (conditions[condition]() ? done() : setTimeout(look, 10));
  look();
})
"""


def play_for(page, seconds):
    """Plays through the browser's own controls until so much more of the video was shown."""
    page.evaluate(UNTIL, ["ready", 0])
    page.locator("video").focus()
    page.keyboard.press("Space")
    watch(page, seconds)


def watch(page, seconds):
    start = page.evaluate("document.querySelector('video').currentTime")
    page.evaluate(UNTIL, ["advanced", start + seconds])


def pause(page):
    page.locator("video").focus()
    page.keyboard.press("Space")


def on_video(page, statement):
    page.evaluate(f"const video = document.querySelector('video'); {statement}")


def shown(page):
    """The media time, in seconds, of each frame the browser has shown."""
    return page.evaluate("window.shownFrames")


def ms(seconds):
    return round(seconds * 1000)


def slow_down(page, bytes_per_second):
    """Limits what the page may download; -1 lifts the limit."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    limits = {"offline": False, "latency": 0, "uploadThroughput": -1}
    limits["downloadThroughput"] = bytes_per_second
    network.send("Network.emulateNetworkConditions", limits)


def choose(page, title):
    page.locator("#clips label", has_text=title).click()
    page.evaluate(UNTIL, ["ready", 0])


def test_playing_then_pausing_is_one_interval_of_what_was_shown(page, site, eventually):
    play_for(page, 1.5)
    pause(page)
    [event] = eventually(site.events)
    frames = shown(page)
    assert abs(event["ended_at"] - event["started_at"] - ms(frames[-1] - frames[0])) <= 250
    assert abs(event["ended_at"] - ms(frames[-1])) <= 250
    assert event["end_reason"] == "pause"


def test_an_event_says_all_that_the_collector_is_told_of_a_play(page, site, eventually):
    play_for(page, 0.3)
    pause(page)
    [event] = eventually(site.events)
    assert uuid.UUID(event["event_id"]).version == 7
    opened_at = uuid.UUID(event["event_id"]).int >> 80
    assert abs(opened_at + event["wall_ms"] - event["logged_at"]) <= 50
    uuid.UUID(event["play_id"])
    assert event["viewer_id"]
    assert "user_id" not in event
    known = {"type": "video_play", "seq": 0, "video_id": "dawn", "started_at": 0}
    known |= {"playback_rate": 1, "video_duration": 15000, "visible": True}
    assert event | known == event
    assert event["sent_at"] >= event["logged_at"]
    assert 0 < event["ended_at"] <= event["wall_ms"] + 250


def test_a_seek_ends_the_interval_where_playing_was_not_where_it_went(page, site, eventually):
    play_for(page, 1)
    on_video(page, "video.currentTime = 10")
    watch(page, 0.5)
    pause(page)
    before, after = eventually(lambda: len(site.events()) == 2 and site.events())
    last_before = max(time for time in shown(page) if time < 9)
    assert before["end_reason"] == "seek"
    assert abs(before["ended_at"] - ms(last_before + FRAME)) <= 100
    assert abs(after["started_at"] - 10000) <= 50
    assert (before["seq"], after["seq"]) == (0, 1)
    assert before["play_id"] == after["play_id"]


def test_dragging_the_thumb_counts_nothing_that_was_dragged_over(page, site, eventually):
    """The browser's thumb pauses first and moves next, so the pause already sees the target."""
    play_for(page, 0.8)
    on_video(page, "video.pause(); video.currentTime = 12")
    [event] = eventually(site.events)
    assert abs(event["ended_at"] - ms(max(time for time in shown(page) if time < 11))) <= 100
    assert event["end_reason"] == "seek"


def test_the_end_closes_at_the_end_and_playing_again_is_another_play(page, site, eventually):
    on_video(page, "video.currentTime = 14.2")
    play_for(page, 0.2)
    [first] = eventually(site.events)
    assert (first["ended_at"], first["end_reason"]) == (15000, "ended")
    play_for(page, 0.3)
    pause(page)
    second = eventually(lambda: site.events()[1:])[0]
    assert second["started_at"] == 0
    assert second["play_id"] != first["play_id"]
    assert second["seq"] == 0


def test_a_change_of_speed_splits_the_interval_without_a_gap(page, site, eventually):
    play_for(page, 0.5)
    on_video(page, "video.playbackRate = 2")
    watch(page, 1)
    pause(page)
    slow, fast = eventually(lambda: len(site.events()) == 2 and site.events())
    assert (slow["playback_rate"], fast["playback_rate"]) == (1, 2)
    assert slow["end_reason"] == "rate"
    assert slow["ended_at"] == fast["started_at"]
    content = fast["ended_at"] - fast["started_at"]
    assert abs(content - 2 * fast["wall_ms"]) <= 250


def test_another_clip_is_another_play_and_ends_the_one_before(page, site, eventually):
    play_for(page, 0.5)
    choose(page, "Tide")
    play_for(page, 0.5)
    pause(page)
    dawn, tide = eventually(lambda: len(site.events()) == 2 and site.events())
    assert (dawn["video_id"], dawn["end_reason"]) == ("dawn", "source")
    assert (tide["video_id"], tide["video_duration"], tide["seq"]) == ("tide", 30000, 0)
    assert dawn["play_id"] != tide["play_id"]


def test_a_stall_ends_the_interval_and_its_wait_is_not_playing_time(page, site, eventually):
    slow_down(page, 14_000)
    page.locator("#clips label", has_text="Tide").click()
    on_video(page, "video.play()")
    [stalled] = eventually(site.events)
    page.wait_for_timeout(500)
    slow_down(page, -1)
    watch(page, 0.5)
    pause(page)
    resumed = eventually(lambda: site.events()[-1]["end_reason"] == "pause" and site.events()[1])
    assert stalled["end_reason"] == "stall"
    assert stalled["ended_at"] == resumed["started_at"]
    for event in (stalled, resumed):
        assert abs(event["wall_ms"] - (event["ended_at"] - event["started_at"])) <= 250


def test_leaving_while_playing_delivers_the_interval_by_beacon(page, site, eventually):
    page.evaluate("void (window.fetch = () => new Promise(() => {}))")  # leaves only the beacon
    play_for(page, 0.8)
    page.goto("about:blank")
    [event] = eventually(site.events)
    assert event["end_reason"] == "unload"
    assert 750 <= event["ended_at"] <= event["wall_ms"] + 250


def test_a_failing_server_loses_nothing_and_doubles_nothing(page, site, eventually):
    failing = {"status": 500, "json": {"error": {"code": "broken", "message": "The disk is full."}}}
    attempts = []

    def fail(route):
        attempts.extend(route.request.post_data_json)
        route.fulfill(**failing)

    page.route("**/events", fail)
    play_for(page, 0.3)
    pause(page)
    page.locator(".state[data-state=kept]", has_text="The disk is full.").wait_for()
    page.unroute("**/events")
    play_for(page, 0.3)
    pause(page)
    first, second = eventually(lambda: len(site.events()) == 2 and site.events())
    assert first in [tried | {"sent_at": first["sent_at"]} for tried in attempts]
    assert first["event_id"] != second["event_id"]
    assert (first["seq"], second["seq"]) == (0, 1)
    assert first["ended_at"] == second["started_at"]
    page.locator(".state[data-state=accepted]").nth(1).wait_for()


def test_what_could_not_be_sent_goes_along_when_the_page_is_left(page, site, eventually):
    page.route("**/events", lambda route: route.abort())
    play_for(page, 0.3)
    pause(page)
    page.locator(".state[data-state=kept]").wait_for()
    page.unroute("**/events")
    page.goto("about:blank")
    [event] = eventually(site.events)
    assert event["end_reason"] == "pause"


def test_a_typed_user_id_names_the_visitor_from_then_on(page, site, eventually):
    play_for(page, 0.3)
    page.get_by_label("User id").fill("404444")
    page.keyboard.press("Enter")
    watch(page, 0.3)
    pause(page)
    anonymous, known = eventually(lambda: len(site.events()) == 2 and site.events())
    assert "user_id" not in anonymous
    assert known["user_id"] == 404444
    assert "viewer_id" not in known
    assert anonymous["ended_at"] == known["started_at"]


def test_the_page_shows_the_event_its_bar_and_the_query_that_finds_it(page, site, eventually):
    play_for(page, 1)
    pause(page)
    page.locator(".event .state[data-state=accepted]").wait_for()
    [event] = eventually(site.events)
    width = page.locator("#timeline .played").get_attribute("width")
    assert abs(float(width.rstrip("%")) - event["ended_at"] / 150) < 0.01
    assert "WHERE dt = '" in page.locator("#sql").inner_text()
    assert "video_id = 'dawn'" in page.locator("#sql").inner_text()


def test_a_visit_leaves_no_error_in_the_console_and_no_cookie(browser, site):
    with browser.new_context() as context:
        page = context.new_page()
        faults, lines = [], []
        page.on("pageerror", lambda error: faults.append(error.message))
        page.on("console", lambda line: lines.append((line.type, line.text)))
        page.goto(site.url)
        choose(page, "Colony")
        play_for(page, 0.3)
        pause(page)
        page.locator(".state[data-state=accepted]").wait_for()
        [event] = site.events()
        assert faults == []
        assert {kind for kind, _ in lines} == {"debug", "log"}
        [text] = [text for kind, text in lines if kind == "log"]
        assert json.loads(text) == {key: event[key] for key in event if key != "sent_at"}
        assert context.cookies() == []


def test_a_missing_list_of_clips_is_said_in_a_sentence(browser, site):
    with browser.new_context() as context:
        page = context.new_page()
        page.route("**/videos.json", lambda route: route.fulfill(status=404))
        page.goto(site.url)
        page.get_by_role("alert").filter(has_text="could not be loaded").wait_for()


def test_a_small_screen_needs_no_sideways_scrolling(browser, site, eventually):
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto(site.url)
        choose(page, "Dawn")
        play_for(page, 0.3)
        pause(page)
        page.locator(".event summary").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_clips_are_what_their_list_says(page):
    for clip in page.evaluate("fetch('videos/videos.json').then(answer => answer.json())"):
        choose(page, clip["title"])
        assert page.evaluate("document.querySelector('video').duration") == clip["duration"]
        assert page.request.get(f"{page.url}videos/{clip['poster']}").ok
        assert clip["licence"] == "CC0-1.0"
