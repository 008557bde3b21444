"""Make the README's pictures anew: `python docs/images/make.py`, where there is a Chromium.

With names after it, only those: demo, player, dashboard.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

import httpx
from playwright.sync_api import Browser, Locator, Page, ViewportSize, sync_playwright
from rich.console import Console
from rich.text import Text

from playlake.viewing import CHROMIUM_OPTIONS, browser_path

AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/130.0.0.0 Safari/537.36"
)


class Look(NamedTuple):
    """What a page is shown in."""

    name: str
    scheme: Literal["light", "dark"]
    window: ViewportSize


WIDE, NARROW = ViewportSize(width=1280, height=860), ViewportSize(width=360, height=780)
LOOKS = (
    Look("light", "light", WIDE),
    Look("dark", "dark", WIDE),
    Look("narrow-light", "light", NARROW),
    Look("narrow-dark", "dark", NARROW),
)

SIMULATE = (sys.executable, "-m", "playlake", "simulate", "--viewers", "500", "--days", "30")
HERE = Path(__file__).parent
WIDTH = 100


def demo_picture() -> None:
    """`make demo`, as a terminal shows it."""
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [sys.executable, "-m", "playlake", "demo", "--data", "demo-data"],
            cwd=folder,
            env=os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH)},
            capture_output=True,
            text=True,
            check=True,
        )
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("$ make demo\n" + ran.stdout.rstrip()), soft_wrap=False)
    svg = console.export_svg(title="playlake")
    # The picture loads nothing from anywhere: whoever sees it has a monospaced font.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    (HERE / "demo.svg").write_text(re.sub(r"[ \t]+\n", "\n", svg))


@contextmanager
def playlake_dev(folder: str) -> Iterator[str]:
    """The URL of `playlake dev` over the folder `data` in that one: what the pages say of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "playlake", "dev", "--quiet", "--port", "0", "--data", "data"],
        cwd=folder,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        lines = iter(process.stdout.readline, "")
        yield next(found[1] for line in lines if (found := re.search(r"serves (http\S+?)/ ", line)))
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser, as the tests start it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path(), args=list(CHROMIUM_OPTIONS)
        )
        yield browser
        browser.close()


def player_pictures() -> None:
    """The player page after a play with a seek in it, light and dark, wide and narrow."""
    with (
        tempfile.TemporaryDirectory() as folder,
        playlake_dev(folder) as url,
        chromium() as browser,
    ):
        for look in LOOKS:
            page = browser.new_page(viewport=look.window, color_scheme=look.scheme)
            page.goto(url)
            video = page.locator("video")
            video.evaluate("video => { video.muted = true; return video.play() }")
            page.wait_for_timeout(3_000)
            video.evaluate("video => { video.currentTime += 4 }")
            page.wait_for_timeout(2_500)
            video.evaluate("video => video.pause()")
            page.locator(".state[data-state=accepted]").nth(1).wait_for()
            page.screenshot(path=HERE / f"player-{look.name}.png")
            page.close()


def dashboard_pictures() -> None:
    """The dashboard over nothing and over a simulated month; its retention; the live page."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        with playlake_dev(folder) as url:
            for look in LOOKS:
                picture(browser, f"{url}/dashboard/", "dashboard-empty", look)
        subprocess.run([*SIMULATE, "--data", "data"], cwd=folder, check=True)
        with playlake_dev(folder) as url:
            clip_is_watched(url)
            for look in LOOKS:
                seen = f"{url}/dashboard/?video=dawn"
                picture(browser, seen, "dashboard", look)
                picture(browser, seen, "dashboard-retention", look, retention)
                live = partial(events_arrive, url)
                picture(browser, f"{url}/dashboard/live.html", "live", look, live)


def picture(
    browser: Browser,
    url: str,
    name: str,
    look: Look,
    prepare: Callable[[Page], Locator | None] = lambda _page: None,
) -> None:
    """What the window shows of a page once it is quiet; or the part of it that `prepare` gives."""
    page = browser.new_page(viewport=look.window, color_scheme=look.scheme)
    page.goto(url)
    page.wait_for_timeout(2_000)
    part = prepare(page)
    page.wait_for_timeout(500)
    (part or page).screenshot(path=HERE / f"{name}-{look.name}.png")
    page.close()


def clip_is_watched(url: str) -> None:
    """Plays of the page's own clip, 15 s long: fewer and fewer go on, some skip."""
    chance, now = Random(1), time.time_ns() // 1_000_000
    plays = []
    for viewer in range(400):
        stops = min(15_000, round(chance.expovariate(1 / 11_000)))
        skips = chance.random() < 0.35 and stops > 9_000
        for start, end in [(0, 5_000), (8_000, stops)] if skips else [(0, stops)]:
            plays.append(interval(viewer, start, end, now))
        if chance.random() < 0.2 and stops > 13_000:
            plays.append(interval(viewer, 10_000, 12_500, now))
    httpx.post(f"{url}/events", json=plays).raise_for_status()
    time.sleep(3)  # until they are in the lake


def interval(viewer: int, start: int, end: int, now: int) -> dict[str, object]:
    """A part of the clip that somebody watched."""
    play = {"video_id": "dawn", "viewer_id": f"v{viewer}", "play_id": f"p{viewer}"}
    times = {"started_at": start, "ended_at": end, "video_duration": 15_000, "logged_at": now}
    return {"type": "video_play", **play, **times, "user_agent": AGENT}


def retention(page: Page) -> Locator:
    """The retention curve under the player, after a click on it."""
    part = page.locator("#retention")
    part.scroll_into_view_if_needed()
    part.and_(page.locator("[data-state=shown]")).wait_for()
    curve = part.locator(".u-over")
    curve.wait_for()
    curve.click(position={"x": 0.4 * curve.bounding_box()["width"], "y": 60})
    page.wait_for_timeout(1_000)
    page.locator("#player").evaluate("video => video.pause()")
    return part


def events_arrive(url: str, page: Page) -> None:
    """The lab's two events, and one that is rejected, its payload open."""
    play = {"video_id": "dawn", "viewer_id": "ada", "started_at": 0, "ended_at": 14_000}
    now = time.time_ns() // 1_000_000
    for event in (
        {"action": "click", "userId": 404444, "buttonName": "helloWorld"},
        {**play, "logged_at": now},
        {**play, "logged_at": now, "ended_at": "14 s"},
    ):
        httpx.post(f"{url}/events", json=event).raise_for_status()
    page.locator("li.rejected summary").first.click(timeout=20_000)


PICTURES = {"demo": demo_picture, "player": player_pictures, "dashboard": dashboard_pictures}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or PICTURES:
        PICTURES[wanted]()
