"""A tab that is really hidden. A page that Playwright drives never is: it emulates focus. So the
browser is told over DevTools' plain HTTP to open and to raise tabs, and Playwright joins when the
viewing is over, to read what the page has told."""

import subprocess
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

import msgspec
from playwright.sync_api import Playwright

from playlake.viewing import CHROMIUM_OPTIONS
from tests.browser.oracle import Oracle

_STARTUP_SECONDS = 15


def watch_behind_another_tab(playwright: Playwright, path: str, profile: Path, url: str) -> Oracle:
    """Play 2 s, 2 s behind another tab, 2 s in front again."""
    options = [*CHROMIUM_OPTIONS, "--headless=new", "--remote-debugging-port=0"]
    browser = subprocess.Popen(
        [path, *options, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        devtools = f"http://127.0.0.1:{devtools_port(profile)}"
        tab = devtools_put(f"{devtools}/json/new?{quote(f'{url}&play', safe='')}")
        time.sleep(3)
        devtools_put(f"{devtools}/json/new?about:blank")
        time.sleep(2)
        devtools_put(f"{devtools}/json/activate/{tab['id']}")
        time.sleep(2)
        return _heard(playwright, devtools)
    finally:
        browser.terminate()
        browser.wait()


def _heard(playwright: Playwright, devtools: str) -> Oracle:
    joined = playwright.chromium.connect_over_cdp(devtools)
    page = next(page for page in joined.contexts[0].pages if "/truth" in page.url)
    page.evaluate("void video.pause()")
    page.wait_for_timeout(1000)
    oracle = Oracle()
    for words in page.evaluate("window.said"):
        oracle.hear(*words)
    joined.close()
    return oracle


def devtools_port(profile: Path) -> int:
    """Where the browser of that profile is steered, once it has begun."""
    file = profile / "DevToolsActivePort"
    deadline = time.monotonic() + _STARTUP_SECONDS
    while not (file.exists() and (lines := file.read_text().splitlines())):
        assert time.monotonic() < deadline, "Chromium did not open its DevTools port"
        time.sleep(0.05)
    return int(lines[0])


def devtools_put(url: str) -> dict[str, str]:
    """What it answers to a PUT: an object, or nothing."""
    request = urllib.request.Request(url, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = answer.read()
    return msgspec.json.decode(body) if body.startswith(b"{") else {}
