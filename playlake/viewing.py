"""A real video, played in a real browser: the demo's own play."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
)
"""Headless, as root in a container too, and without calls to anybody's servers."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Missing:
    """Why no video can be played here."""

    reason: str


@dataclass(frozen=True, slots=True)
class Viewed:
    """What was played, in the browser that was found."""

    browser: str
    seconds: float


def browser_path() -> str | None:
    """The system's Chromium, if it has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def view(url: str, seconds: float) -> Viewed | Missing:
    """Open the player page at `url`, play for `seconds`, seek once, and leave the page."""
    path = browser_path()
    if path is None:
        return Missing("no Chromium on this machine (on Debian: apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 (the demo alone needs it)
    except ImportError:
        return Missing("playwright is not installed (pip install playwright)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[*CHROMIUM_OPTIONS, f"--user-agent={_agent(playwright, path)}"],
        )
        try:
            _watch(browser.new_page(), url, seconds)
            return Viewed(f"Chromium {browser.version}", seconds)
        finally:
            browser.close()


def _agent(playwright: Playwright, path: str) -> str:
    """The agent that the browser would have on somebody's desk. A headless one says that it is
    headless, and is rightly counted as a bot; this one stands for the person at that desk."""
    browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_OPTIONS))
    agent = str(browser.new_page().evaluate("navigator.userAgent"))
    browser.close()
    return agent.replace("HeadlessChrome", "Chrome")


def _watch(page: Page, url: str, seconds: float) -> None:
    page.goto(url)
    video = page.locator("video")
    video.evaluate("video => { video.muted = true; return video.play() }")
    page.wait_for_timeout(seconds * 500)
    video.evaluate("video => { video.currentTime += 3 }")
    page.wait_for_timeout(seconds * 500)
    # Leaving while it plays: the last interval goes by beacon.
    page.goto("about:blank")
