"""The browser, and the site it visits: playlake's server and collector, over a stream in memory."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from events.fields import COLLECTED
from ingest.collector import Collector
from playlake.testing.stream import MemoryStream
from playlake.viewing import CHROMIUM_OPTIONS, browser_path
from playlake.web.server import create_app
from playlake.web.serving import serving_app
from tests.browser import tracked
from tests.browser.pages import dawn
from tests.conftest import Dev, run_playlake, running_dev
from tests.lacking import lacking

# What the browser's own frame callback saw, recorded without any code of the page: the media time
# in seconds of each frame that was shown.
FRAME_ORACLE = """
window.shownFrames = [];
addEventListener("DOMContentLoaded", () => {
  const video = document.querySelector("video");
  const note = (now, frame) => {
    window.shownFrames.push(frame.mediaTime);
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
});
"""


class Site:
    """The server's URL, and what it has accepted so far, in order."""

    def __init__(self, url: str, stream: MemoryStream) -> None:
        self.url = url
        self._stream = stream

    def events(self) -> list[dict[str, Any]]:
        """The played intervals, with the page's own fields; the collector's are tested with it."""
        return [event for event in self.told() if event["type"] == "video_play"]

    def told(self) -> list[dict[str, Any]]:
        """All that the page told, of its player too."""
        collected = msgspec.json.Decoder().decode_lines(b"".join(self._stream.records))
        added = {field.name for field in COLLECTED}
        return [{k: v for k, v in event.items() if k not in added} for event in collected]


@pytest.fixture
def site() -> Iterator[Site]:
    stream = MemoryStream()
    app = create_app(Collector(stream.max_record_bytes), stream.submit)
    with serving_app(app) as url:
        yield Site(f"{url}/", stream)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    path = browser_path() or lacking("Chromium is not installed; the browser tests play in it.")
    browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_OPTIONS))
    yield browser
    browser.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """The player page, loaded, with the frame oracle running."""
    with browser.new_context() as context:
        page = context.new_page()
        page.add_init_script(FRAME_ORACLE)
        page.goto(site.url)
        yield page


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Waits until `found()` is truthy and returns it; fails after ten seconds."""

    def wait(found: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 10
        while not (result := found()):
            assert time.monotonic() < deadline, "what the test waits for did not come"
            time.sleep(0.02)
        return result

    return wait


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
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
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tracked.House]:
    """A site whose pages are tracked, and whose answers a test can script."""
    with tracked.opened(tmp_path) as house:
        yield house
