"""The dashboard and the live page in a real browser, over a lake with simulated viewers in it."""

import base64
import csv
import io
import json
import re
import time
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.conftest import run_playlake, running_dev

AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text()
WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PANELS = ["trend", "videos", "mix", "retention", "concurrent", "startup", "viewers", "exits"]

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)


def dawn(viewer, ended_at):
    """A play of the page's own clip, from its beginning."""
    now = time.time_ns() // 1_000_000
    event = {
        "type": "video_play",
        "video_id": "dawn",
        "viewer_id": viewer,
        "play_id": f"p-{viewer}",
    }
    interval = {"started_at": 0, "ended_at": ended_at, "video_duration": 15_000, "seq": 0}
    return {**event, **interval, "logged_at": now, "user_agent": CHROME}


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """A `playlake dev` over a simulated month, in which three viewers played Dawn, two of them
    to its tenth second."""
    data = tmp_path_factory.mktemp("month") / "data"
    ran = run_playlake("simulate", "--viewers", "40", "--days", "30", "--seed", "3", "--data", data)
    assert ran.code == 0, ran.err
    with running_dev(data, "--quiet") as dev:
        dev.post([dawn("a", 15_000), dawn("b", 10_000), dawn("c", 10_000)])
        deadline = time.monotonic() + 10
        while "dawn" not in httpx.get(f"{dev.url}/api/videos").text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield dev


@pytest.fixture
def context(browser):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context


def opened(context, dev, path="dashboard/"):
    """The page, with everything on it asked for and shown, and no fault of its own."""
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(error.message))
    page.on("console", lambda line: page.faults.append(line.text))
    page.goto(f"{dev.url}/{path}")
    return page


def settled(page, panels=PANELS):
    for name in panels:
        page.locator(f"#{name}").scroll_into_view_if_needed()
        expect(page.locator(f"#{name}")).to_have_attribute("data-state", "shown")
    return page


def axe(page):
    """What axe-core finds, each finding with the elements it is about."""
    page.evaluate(AXE)
    options = {"runOnly": {"type": "tag", "values": WCAG_AA}}
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        (each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]
    ]


def day_before(day):
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def report(dev, name, **query):
    answer = httpx.get(f"{dev.url}/api/reports/{name}", params=query, timeout=30).json()
    names = [column["name"] for column in answer["columns"]]
    return [dict(zip(names, row, strict=True)) for row in answer["rows"]]


def test_the_figures_are_those_of_the_reports(context, month):
    page = settled(opened(context, month))
    figures = {
        each.get_attribute("data-figure"): each.locator("b").inner_text()
        for each in page.locator(".figure").all()
    }
    plays = sum(row["plays"] for row in report(month, "device_mix"))
    assert figures["plays"] == f"{plays:,}"
    assert figures["viewers"] == f"{report(month, 'unique_viewers')[-1]['viewers_so_far']:,}"
    played = sum(row["total_play_duration"] for row in report(month, "daily_plays"))
    assert figures["play_time"].startswith(f"{played // 3_600_000} h")
    videos = report(month, "completion_by_video")
    done = sum(row["plays_95"] for row in videos) / sum(row["plays"] for row in videos)
    assert figures["completion"] == f"{done:.0%}"
    assert page.faults == []


def test_a_figure_chooses_what_the_chart_shows(context, month):
    page = settled(opened(context, month), ["trend"])
    chart = page.locator("#trend .plot")
    assert chart.get_attribute("aria-label").startswith("Plays. Day by day; the most on ")
    page.get_by_role("button", name="Rebuffering").click()
    expect(chart).to_have_attribute("aria-label", re.compile("^Rebuffering"))
    expect(page.get_by_role("button", name="Rebuffering")).to_have_attribute("aria-pressed", "true")


def test_a_click_on_the_retention_curve_plays_that_second(context, month):
    page = settled(opened(context, month, "dashboard/?video=dawn"), ["retention"])
    assert page.locator("#video").input_value() == "dawn"
    player, curve = page.locator("#player"), page.locator("#retention .u-over")
    video, plot = player.bounding_box(), curve.bounding_box()
    assert abs(video["x"] - plot["x"]) <= 1
    assert abs(video["width"] - plot["width"]) <= 1
    curve.click(position={"x": plot["width"] * 8.2 / 15, "y": plot["height"] / 2})
    page.wait_for_timeout(600)
    at, paused = player.evaluate("video => [video.currentTime, video.paused]")
    assert not paused
    assert 8.2 < at < 10
    head = page.locator(".playhead").bounding_box()
    assert abs((head["x"] + 1 - plot["x"]) / plot["width"] * 15 - at) < 0.5


def test_the_curve_is_a_slider_for_the_keyboard(context, month):
    page = settled(opened(context, month, "dashboard/?video=dawn"), ["retention"])
    slider = page.get_by_role("slider", name="Second of the video")
    slider.focus()
    for key in ("PageDown", "PageUp", "ArrowRight"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
    expect(slider).to_have_attribute("aria-valuenow", "11")
    expect(slider).to_have_attribute("aria-valuetext", "0:11, seen by 33%")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    at, paused = page.locator("#player").evaluate("video => [video.currentTime, video.paused]")
    assert not paused
    assert 11 < at < 13


def test_a_video_whose_file_is_elsewhere_has_its_curve_alone(context, month):
    page = settled(opened(context, month), ["retention"])
    longest = report(month, "play_time_by_video")[0]["video_id"]
    page.get_by_role("combobox", name="Video").select_option(longest)
    expect(page.locator("#player")).to_be_hidden()
    settled(page, ["retention"])
    assert page.locator("#retention .plot").get_attribute("role") == "img"


def test_the_csv_that_is_saved_is_the_report(context, month):
    page = settled(opened(context, month), ["videos"])
    with page.expect_download() as saving:
        page.get_by_role("link", name="CSV of Play time by video").click()
    saved = saving.value
    assert saved.suggested_filename.startswith("play_time_by_video_")
    rows = list(csv.DictReader(io.StringIO(Path(saved.path()).read_text())))
    expected = report(month, "play_time_by_video")
    assert [row["video_id"] for row in rows] == [row["video_id"] for row in expected]
    assert [int(row["total_play_duration"]) for row in rows] == [
        row["total_play_duration"] for row in expected
    ]


LOOK_AT = """
source => new Promise((done, fail) => {
  const image = new Image();
  image.onerror = () => fail(new Error("it is no picture"));
  image.onload = () => {
    const { width, height } = image;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
    const [ground] = pixels;
    const drawn = pixels.reduce((count, pixel) => count + (pixel !== ground), 0);
    done({ width, height, ground: ground.toString(16), drawn: drawn / pixels.length });
  };
  image.src = source;
})
"""


@pytest.mark.parametrize("panel", PANELS)
def test_each_chart_can_be_saved_as_a_picture(context, month, panel):
    page = settled(opened(context, month, "dashboard/?video=dawn"), [panel])
    with page.expect_download() as saving:
        page.locator(f"#{panel}").get_by_role("button", name="PNG").click()
    picture = Path(saving.value.path()).read_bytes()
    assert picture.startswith(b"\x89PNG")
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    seen = page.evaluate(LOOK_AT, source)
    assert seen["width"] >= 600
    assert seen["height"] >= 200
    assert seen["ground"] == "ffffffff"
    assert seen["drawn"] > 0.01
    assert page.faults == []


def test_beside_each_chart_are_its_table_its_sql_and_what_it_cost(context, month):
    page = settled(opened(context, month))
    for name in PANELS:
        panel = page.locator(f"#{name}")
        panel.get_by_role("button", name="Table of").click()
        assert panel.locator(".scroll tbody tr").count() > 0
        panel.get_by_role("button", name="SQL of").click()
        expect(panel.locator("pre")).to_contain_text("dt BETWEEN '20")
        expect(panel.locator(".drawer .quiet").last).to_contain_text("Athena would charge $0.000")
    assert "This page has asked 1" in page.locator("#bill").inner_text()


def test_other_days_are_asked_for_and_stay_in_the_address(context, month):
    page = settled(opened(context, month), ["trend"])
    page.get_by_label("7 days").check(force=True)
    page.wait_for_url("**?days=7")
    week = page.locator('[data-figure="plays"] b')
    first = page.get_by_label("First day").input_value()
    plays = sum(row["plays"] for row in report(month, "device_mix", since=first))
    expect(week).to_have_text(f"{plays:,}")
    page.reload()
    assert page.get_by_label("First day").input_value() == first
    page.get_by_label("First day").fill(day_before(first))
    page.wait_for_url(re.compile(f"since={day_before(first)}&until="))
    page.go_back()
    assert page.get_by_label("First day").input_value() == first


def test_axe_finds_what_is_wrong_when_something_is(context, month):
    page = settled(opened(context, month), ["mix"])
    page.evaluate("void (document.getElementById('place').style.color = '#bbb')")
    assert [finding for finding, _ in axe(page)] == ["color-contrast"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("path", ["dashboard/?video=dawn", "dashboard/live.html"])
def test_axe_finds_nothing_that_keeps_anybody_out(browser, month, path, width, scheme):
    size = {"width": width, "height": 800}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:
        page = opened(context, month, path)
        if "live" in path:
            page.locator("#events summary").first.click()
        else:
            settled(page)
            page.get_by_role("button", name="Table of Viewers").click()
            page.get_by_role("button", name="SQL of Viewers").click()
        page.wait_for_timeout(700)  # what comes in by fading is there
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.faults == []


def test_everything_can_be_reached_by_the_keyboard_and_is_seen_to_be(context, month):
    page = settled(opened(context, month, "dashboard/?video=dawn"))
    page.evaluate("void scrollTo(0, 0)")
    reached = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        name, ringed = page.evaluate(FOCUSED)
        if name is None or name in reached:
            break
        assert ringed, name
        reached.add(name)
    for panel in PANELS:
        for tool in ("Table", "SQL", "CSV", "PNG"):
            title = page.locator(f"#{panel} h2").inner_text()
            assert any(f"{tool} of {title}" in name for name in reached), (panel, tool)
    for control in ("Skip to", "30", "Rebuffering", "Second of the video"):
        assert any(control in name for name in reached), control


FOCUSED = """
() => {
  window.stops = window.stops ?? new Map();
  const focused = document.activeElement;
  if (!focused || focused === document.body) return [null, true];
  if (!stops.has(focused)) stops.set(focused, stops.size);
  const words = focused.ariaLabel ?? focused.textContent.trim();
  const ring = [focused, focused.parentElement].some(
    (each) =>
      getComputedStyle(each).outlineStyle !== "none" &&
      each.matches(":focus-visible, :has(:focus-visible)"),
  );
  const inside = ["date", "radio"].includes(focused.type) || focused.tagName === "VIDEO";
  const place = inside ? Math.random() : stops.get(focused);
  return [`${place} ${focused.value ?? ""} ${words}`, ring || inside];
}
"""


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


def test_pages_without_a_server_behind_them_say_which_one_to_start(context, month):
    page = context.new_page()
    page.route("**/api/**", lambda route: route.fulfill(status=404, body="Not Found"))
    page.goto(f"{month.url}/dashboard/")
    expect(page.locator("#trend").get_by_role("alert")).to_contain_text("`playlake dashboard`")
    page.goto(f"{month.url}/dashboard/live.html")
    expect(page.get_by_role("heading", name="Events do not arrive here")).to_be_visible()


def test_the_live_page_shows_what_is_accepted_and_what_is_rejected_and_why(context, dev):
    page = opened(context, dev, "dashboard/live.html")
    expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
    assert f"curl {dev.url}/events" in page.locator("#curl").inner_text()
    assert axe(page) == []
    dev.post([dawn("a", 4000), {**dawn("b", 4000), "started_at": "0", "note": "<b>x</b>"}])
    rejected = page.locator("li.rejected")
    expect(rejected).to_contain_text("wrong_type")
    expect(rejected).to_contain_text("started_at is not right: expected int, got str.")
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
