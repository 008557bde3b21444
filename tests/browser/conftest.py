"""The browser, and the site it visits.

`site` is anything with a `url` and with `events()`, which answers what `POST /events` has accepted
so far, in order. Here it is a small server of the static files with the collector's envelope; the
tests know nothing else of it.
"""

import json
import mimetypes
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

WEBAPP = Path(__file__).parents[2] / "webapp"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

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


class _Handler(BaseHTTPRequestHandler):
    """The files of webapp/, with the ranges that seeking a video needs, and `POST /events`."""

    server: "StandInSite"

    def do_GET(self) -> None:
        path = WEBAPP / self.path.lstrip("/") if self.path != "/" else WEBAPP / "index.html"
        if not path.is_file():
            return self._answer(404, "text/plain", b"not found")
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        body = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if not asked:
            return self._answer(200, media_type, body)
        first, last = int(asked[1]), min(int(asked[2] or len(body)), len(body) - 1)
        extent = {"content-range": f"bytes {first}-{last}/{len(body)}"}
        return self._answer(206, media_type, body[first : last + 1], extent)

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        events = sent if isinstance(sent, list) else [sent]
        self.server.accepted.extend(events)
        answer = {"data": {"success": True, "accepted": len(events)}}
        self._answer(200, "application/json", json.dumps(answer).encode())

    def _answer(
        self, status: int, media_type: str, body: bytes, extra: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        headers = {
            "content-type": media_type,
            "content-length": str(len(body)),
            "accept-ranges": "bytes",
            "content-security-policy": POLICY,
        }
        for name, value in (headers | (extra or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Stays quiet: what matters of a request is in the events."""


class StandInSite(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.accepted: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def events(self) -> list[dict[str, Any]]:
        return list(self.accepted)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser drops a video's connection whenever it has enough of it."""


@pytest.fixture
def site() -> Iterator[StandInSite]:
    with StandInSite() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _chromium() -> str:
    for name in ("chromium", "google-chrome"):
        if path := shutil.which(name):
            return path
    reason = "Chromium is not installed: the browser tests need `chromium` or `google-chrome`"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = _chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: StandInSite) -> Iterator[Page]:
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
