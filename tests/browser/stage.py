"""Where a viewing takes place: a browser with the truth suite's page in it, and whoever listens."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Playwright

from playlake.viewing import CHROMIUM_OPTIONS
from tests.browser.oracle import Oracle

NO_STORAGE = """
for (const name of ["indexedDB", "localStorage"]) {
  const get = () => { throw new DOMException("blocked", "SecurityError"); };
  Object.defineProperty(window, name, { get });
}
"""


class Stage:
    """One viewing's browser context and page; `oracle` has what the page told."""

    def __init__(
        self,
        open_context: Callable[[], BrowserContext],
        url: str,
        *,
        storage: bool = True,
        profile: Path | None = None,
    ) -> None:
        self._open_context = open_context
        self._profile = profile
        self._url = url
        self._storage = storage
        self.oracle = Oracle()
        self.visit_again()

    def visit_again(self) -> None:
        """A new context on the same profile, if it has one, and the page in it."""
        self.context = self._open_context()
        self.context.on("console", self._hear)
        if not self._storage:
            self.context.add_init_script(NO_STORAGE)
        self.page: Page = self.context.new_page()
        self.page.goto(self._url)
        self.page.evaluate(
            "Promise.all(videos.map((video) => video.readyState >= 4 ||"
            " new Promise((done) => (video.oncanplaythrough = done))))"
        )

    def do(self, expression: str) -> None:
        """Evaluate in the page, not waiting for what it may promise."""
        self.page.evaluate(f"() => {{ {expression} }}")

    def network(self, bytes_per_second: int) -> None:
        """Limit what the page may download; -1 lifts the limit."""
        session = self.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        limits = {"offline": False, "latency": 0, "uploadThroughput": -1}
        limits["downloadThroughput"] = bytes_per_second
        session.send("Network.emulateNetworkConditions", limits)

    def kill(self) -> None:
        """SIGKILL the browser, which has a profile of its own."""
        os.kill(_process_of(f"--user-data-dir={self._profile}"), signal.SIGKILL)

    def close(self) -> None:
        with suppress(Error):  # the browser was killed
            self.context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.text.startswith("truth "):
            self.oracle.hear(*json.loads(message.text.removeprefix("truth ")))


def shared(browser: Browser) -> Callable[[], BrowserContext]:
    """A context of a browser that several viewings share."""
    return browser.new_context


def own(playwright: Playwright, path: str, profile: Path) -> Callable[[], BrowserContext]:
    """A browser of its own, on a profile that outlives it."""
    return lambda: playwright.chromium.launch_persistent_context(
        profile, executable_path=path, args=list(CHROMIUM_OPTIONS)
    )


def address(site: str, who: str, clips: str) -> str:
    """The page's URL for one viewing."""
    return f"{site}/truth?who={quote(who)}&clips={clips}"


def _process_of(argument: str) -> int:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            given = entry.read_text(errors="replace").split("\0")
            if argument in given and not any(word.startswith("--type=") for word in given):
                return int(entry.parent.name)
    raise RuntimeError(f"no browser runs with {argument}")
