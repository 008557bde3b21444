"""What the tracker tells of a player: when it was asked to play, when it began, what it waited."""

import subprocess
import time
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from playlake.viewing import CHROMIUM_OPTIONS, browser_path
from tests.browser.hidden import devtools_port, devtools_put
from tests.browser.tracked import visit
from tests.lacking import lacking

NEXT = (
    "name => { tracker.update({ videoId: name }); video.src = `videos/${name}.mp4`; video.play() }"
)
HEARD = "(given) => { video.src = `tone.wav?given=${given}`; video.play().catch(() => {}) }"


def life(house):
    """Which plays were asked for and which began, by video, in order."""
    told = [(event["video_id"], event.get("event")) for event in house.accepted()]
    return [(video, name) for video, name in told if name in {"play_intent", "first_frame"}]


def intervals(house):
    return [event for event in house.accepted() if event["type"] == "video_play"]


def plays(house):
    return {event["play_id"] for event in house.accepted()}


def watched(page, seconds=0.4):
    """Lets a video that was asked to play go on for so long once it runs, and pauses it."""
    page.evaluate(
        "async () => { while (!(video.currentTime > 0)) await new Promise(requestAnimationFrame) }"
    )
    page.wait_for_timeout(1000 * seconds)
    page.evaluate("() => video.pause()")


def test_the_next_video_while_one_plays_is_asked_for_once(context, house, eventually):
    page = visit(context, house)
    page.evaluate("() => { video.play() }")
    for name in ("tide", "colony"):
        page.wait_for_timeout(500)
        page.evaluate(NEXT, name)
    watched(page)
    eventually(lambda: len(house.named("first_frame")) == 3)
    names = ("dawn", "tide", "colony")
    assert life(house) == [
        (name, event) for name in names for event in ("play_intent", "first_frame")
    ]
    assert len(plays(house)) == 3


def test_another_id_for_the_video_that_plays_on_is_another_play(context, house, eventually):
    page = visit(context, house)
    page.evaluate("() => { video.play() }")
    page.wait_for_timeout(400)
    page.evaluate("() => tracker.update({ videoId: 'chapter' })")
    watched(page)
    eventually(lambda: len(house.named("first_frame")) == 2)
    assert life(house)[2:] == [("chapter", "play_intent"), ("chapter", "first_frame")]
    assert len(plays(house)) == 2


@pytest.mark.parametrize(
    ("options", "measure"),
    [
        pytest.param({"paused": True}, "tracker.resume()", id="consent"),
        pytest.param({"viewerId": None}, "tracker.update({ userId: 7 })", id="name"),
    ],
)
def test_what_was_waited_before_anything_might_be_measured_is_no_startup(
    context, house, eventually, options, measure
):
    page = visit(context, house, **options)
    page.evaluate("() => { video.play() }")
    page.wait_for_timeout(700)
    page.evaluate(f"() => {measure}")
    watched(page)
    [first_frame] = eventually(lambda: house.named("first_frame"))
    assert "startup_ms" not in first_frame
    assert life(house) == [("dawn", "play_intent"), ("dawn", "first_frame")]


def test_a_first_frame_that_came_unseen_has_no_startup(context, house, eventually):
    page = visit(context, house, videoId="tone")
    page.evaluate(HEARD, 0)
    page.evaluate("() => tracker.pause()")
    house.tone.release()
    page.wait_for_timeout(700)
    page.evaluate("() => tracker.resume()")
    watched(page)
    [first_frame] = eventually(lambda: house.named("first_frame"))
    assert "startup_ms" not in first_frame


def test_a_pause_before_the_first_frame_is_no_startup(context, house, eventually):
    page = visit(context, house, videoId="tone")
    page.evaluate(HEARD, 0)
    page.wait_for_timeout(1000)
    page.evaluate("() => video.pause()")
    house.tone.release()
    eventually(lambda: page.evaluate("video.readyState") == 4)
    page.wait_for_timeout(1000)
    page.evaluate("() => { video.play() }")
    watched(page)
    [first_frame] = eventually(lambda: house.named("first_frame"))
    assert first_frame["startup_ms"] < 1000
    assert life(house) == [("tone", "play_intent"), ("tone", "first_frame")]


def test_a_stall_ends_with_its_source(context, house, eventually):
    page = visit(context, house, videoId="tone")
    page.evaluate(HEARD, 2)
    [interval] = eventually(lambda: intervals(house))
    assert interval["end_reason"] == "stall"
    page.evaluate("() => { video.src = 'videos/dawn.mp4' }")
    [stall] = eventually(lambda: house.named("stall"))
    assert stall["play_id"] == interval["play_id"]
    assert stall["position"] == interval["ended_at"]
    page.evaluate("() => { video.play() }")
    watched(page)
    eventually(lambda: len(house.named("first_frame")) == 2)
    assert house.named("stall") == [stall]


@contextmanager
def tabs(profile):
    """A browser that Playwright does not drive: its tabs behind another are hidden."""
    options = [*CHROMIUM_OPTIONS, "--headless=new", "--remote-debugging-port=0"]
    path = browser_path() or lacking("Chromium is not installed; a page is hidden in it.")
    command = [path, *options, f"--user-data-dir={profile}", "about:blank"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as browser:
        try:
            devtools = f"http://127.0.0.1:{devtools_port(profile)}/json"
            yield lambda what, which: devtools_put(f"{devtools}/{what}{quote(which, safe='')}")
        finally:
            browser.terminate()


@pytest.fixture
def heard_behind_another_tab(house, eventually, tmp_path):
    """Hides the playing page once it has told `begun`, lets the tone come two seconds later and
    shows the page again once it has told `ended`. Gives the ms for which it waited, hidden."""

    def heard(page, begun, ended):
        with tabs(tmp_path / "profile") as tab:
            opened = tab("new?", f"{house.url}/playing{page}")
            eventually(begun)
            tab("new?", "about:blank")
            hidden = time.monotonic()
            time.sleep(2)
            house.tone.release()
            waited = 1000 * (time.monotonic() - hidden)
            eventually(ended)
            tab("activate/", opened["id"])
            eventually(
                lambda: intervals(house)[-1:] and intervals(house)[-1]["end_reason"] == "show"
            )
        return waited

    return heard


@pytest.mark.alone
def test_the_start_that_a_hidden_page_waits_for_is_no_playing(house, heard_behind_another_tab):
    intent, first_frame = (
        lambda name=name: house.named(name) for name in ("play_intent", "first_frame")
    )
    waited = heard_behind_another_tab("", intent, first_frame)
    [interval] = intervals(house)
    assert not interval["visible"]
    assert abs(interval["wall_ms"] - interval["ended_at"]) <= 250
    assert waited <= first_frame()[0]["startup_ms"] <= waited + 2000


@pytest.mark.alone
def test_a_stall_goes_on_in_a_hidden_page(house, heard_behind_another_tab):
    waited = heard_behind_another_tab(
        "?given=2", lambda: intervals(house), lambda: house.named("stall")
    )
    stalled, resumed = intervals(house)
    [stall] = house.named("stall")
    assert stalled["ended_at"] == resumed["started_at"]
    assert abs(resumed["wall_ms"] - (resumed["ended_at"] - resumed["started_at"])) <= 250
    assert waited <= stall["stall_ms"] <= waited + 2000
