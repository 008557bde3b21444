"""The dashboard in a real browser, over a lake with simulated viewers in it."""

import base64
import csv
import io
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.pages import PANELS, axe, figures, opened, report, settled

DRAWN = """
window.drawn = [];
const { fillText } = CanvasRenderingContext2D.prototype;
CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
  drawn.push(text);
  fillText.call(this, text, ...at);
};
"""
"""Notes each text that is written on a canvas."""
DASH = "\N{EN DASH}"


def day_before(day):
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def percent(share):
    """A share as the page says it: with as many places as it needs to say anything."""
    places = 0 if share == 0 or share >= 0.1 else 1 if share >= 0.01 else 2
    return f"{share:.{places}%}"


def test_the_figures_are_those_of_the_reports(context, month):
    page = settled(opened(context, month))
    shown = figures(page)
    plays = sum(row["plays"] for row in report(month, "device_mix"))
    assert shown["plays"] == f"{plays:,}"
    assert shown["viewers"] == f"{report(month, 'unique_viewers')[-1]['viewers_so_far']:,}"
    played = sum(row["total_play_duration"] for row in report(month, "daily_plays"))
    assert shown["play_time"].startswith(f"{played // 3_600_000} h")
    videos = report(month, "completion_by_video")
    done = sum(row["plays_95"] for row in videos) / sum(row["plays"] for row in videos)
    assert shown["completion"] == f"{done:.0%}"
    quality = report(month, "startup_and_rebuffering")
    stalled = sum(row["stall_duration"] for row in quality)
    watched = sum(row["play_wall_duration"] for row in quality)
    assert shown["rebuffering"] == percent(stalled / (stalled + watched))
    assert page.faults == []


def test_a_figure_chooses_what_the_chart_shows(context, month):
    page = settled(opened(context, month), ["trend"])
    chart = page.locator("#trend .plot")
    assert chart.get_attribute("aria-label").startswith("Plays. Day by day; the most on ")
    page.get_by_role("button", name="Rebuffering").click()
    expect(chart).to_have_attribute("aria-label", re.compile("^Rebuffering"))
    expect(page.get_by_role("button", name="Rebuffering")).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize("most", [40, 3_700, 100_000, 2_500_000, 5_400_000, 14_400_000, 39_600_000])
def test_the_steps_of_an_axis_of_times_are_as_long_as_they_say(context, month, most):
    def answer(route):
        real = route.fetch().json()
        route.fulfill(json={**real, "rows": [[real["rows"][-1][0], 1, 1, most]]})

    context.add_init_script(DRAWN)
    context.route("**/reports/daily_plays*", answer)
    page = settled(opened(context, month), ["trend", "startup"])
    page.evaluate("drawn.length = 0")
    page.locator("[data-figure=play_time]").click()
    expect(page.locator("#trend .plot")).to_have_attribute("aria-label", re.compile("^Play time"))
    units = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
    labels = [re.fullmatch(r"([\d.]+) (ms|s|min|h)", text) for text in page.evaluate("drawn")]
    steps = [round(float(label[1]) * units[label[2]]) for label in labels if label]
    assert len(steps) >= 2
    assert steps == [n * steps[1] for n in range(len(steps))]
    # As high as the steps say: the tallest bar ends between the last of them and the next.
    assert steps[-1] <= most * 1.08 < steps[-1] + steps[1]


def test_the_share_of_a_day_without_plays_is_not_known(context, month):
    first = min(row["dt"] for row in report(month, "daily_plays"))
    days = f"since={day_before(day_before(first))}&until={first}"
    page = settled(opened(context, month, f"dashboard/?{days}"), ["trend", "startup"])
    for figure, told in (("Plays", "Plays 0"), ("Rebuffering", f"Rebuffering {DASH}")):
        page.locator("#figures").get_by_role("button", name=figure).click()
        page.locator("#trend .u-over").hover(position={"x": 40, "y": 40})
        expect(page.locator("#trend .tip")).to_contain_text(told)


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


def test_the_sql_is_copied_by_the_keyboard_and_the_page_says_so(context, month):
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=month.url)
    page = settled(opened(context, month), ["mix"])
    panel = page.locator("#mix")
    expect(page.get_by_role("status")).to_contain_text("Numbers of")
    panel.get_by_role("button", name="SQL of").click()
    copy = panel.get_by_role("button", name="Copy the SQL of Played on")
    copy.focus()
    page.keyboard.press("Enter")
    expect(panel.locator(".copy")).to_contain_text("Copied")
    expect(page.get_by_role("status")).to_have_text("Copied the SQL of Played on.")
    sql = panel.locator("pre").inner_text()
    assert page.evaluate("navigator.clipboard.readText()").strip() == sql.strip() != ""
    expect(panel.get_by_role("button", name="Copy the SQL of Played on")).to_be_visible()


def test_without_a_clipboard_the_copy_button_says_what_to_do(context, month):
    page = context.new_page()
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.goto(f"{month.url}/dashboard/")
    panel = settled(page, ["mix"]).locator("#mix")
    expect(page.get_by_role("status")).to_contain_text("Numbers of")
    panel.get_by_role("button", name="SQL of").click()
    panel.get_by_role("button", name="Copy the SQL of Played on").click()
    expect(panel.locator(".copy")).to_contain_text("Not copied")
    expect(page.get_by_role("status")).to_contain_text("select the SQL instead")


def test_other_days_are_asked_for_and_stay_in_the_address(context, month):
    page = settled(opened(context, month), ["trend"])
    page.get_by_label("7 days").check(force=True)
    page.wait_for_url("**?days=7")
    week = page.locator('[data-figure="plays"] b')
    first = page.get_by_label("First day").input_value()
    plays = sum(row["plays"] for row in report(month, "device_mix", since=first))
    expect(week).to_have_text(f"{plays:,}")
    page.reload()
    expect(page.get_by_label("First day")).to_have_value(first)
    page.get_by_label("First day").fill(day_before(first))
    page.wait_for_url(re.compile(f"since={day_before(first)}&until="))
    page.go_back()
    expect(page.get_by_label("First day")).to_have_value(first)


def test_axe_finds_what_is_wrong_when_something_is(context, month):
    page = settled(opened(context, month), ["mix"])
    page.evaluate("void (document.getElementById('place').style.color = '#bbb')")
    assert [finding for finding, _ in axe(page)] == ["color-contrast"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("path", ["", "dashboard/?video=dawn", "dashboard/live.html"])
def test_axe_finds_nothing_that_keeps_anybody_out(  # noqa: PLR0917
    browser, month, path, width, scheme, tell
):
    size = {"width": width, "height": 800}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:
        page = opened(context, month, path)
        if "live" in path:
            page.locator("#events summary").first.click()
        elif path:
            settled(page)
            page.get_by_role("button", name="Table of Viewers").click()
            page.get_by_role("button", name="SQL of Viewers").click()
        page.wait_for_timeout(700)  # what comes in by fading is there
        found = axe(page)
        tell(f"axe-core on /{path}, {width} px, {scheme}: {len(found)} violations")
        assert found == []
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
