"""A page with one tracked video and nothing else; a collector whose answers a test may script."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from typing import Any

import msgspec
from playwright.sync_api import BrowserContext, Page
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalog.drivers.duckdb_engine import DuckDBEngine
from playlake.local.folder import DataFolder
from playlake.local.pipeline import LocalPipeline
from playlake.web.server import create_app
from playlake.web.serving import serving_app

Event = dict[str, Any]

PAGE = '<!doctype html><title>tracked</title><video muted src="videos/dawn.mp4"></video>'
ELSEWHERE = "<!doctype html><title>elsewhere</title>"
PLAYING = """<!doctype html><title>playing</title><video></video>
<script type="module" src="playing.js"></script>"""
PLAYING_JS = """
import { track } from "/tracker.js";
const video = document.querySelector("video");
track(video, { videoId: "tone", viewerId: "v", endpoint: "/events" });
video.src = `tone.wav${location.search}`;
video.play();
"""
START = """
async (options) => {
  const { track } = await import("/tracker.js");
  window.video = document.querySelector("video");
  window.states ??= [];
  const onEvent = (event, state) => window.states.push([event.event_id, state]);
  const fixed = { videoId: "dawn", viewerId: "v", endpoint: "/events", onEvent };
  window.tracker = track(video, { ...fixed, ...options });
  window.fail = () => video.dispatchEvent(new Event("error")); // makes one event, at once
}
"""
ROWS = """
SELECT event_id, properties FROM playlake.video_play_events
UNION ALL SELECT event_id, properties FROM playlake.video_player_events
"""


@dataclass(frozen=True, slots=True)
class Post:
    """One request to the collector: its page's path, what it held, how it was answered."""

    sender: str
    events: Sequence[Event]
    status: int

    @property
    def ids(self) -> list[str]:
        return [event["event_id"] for event in self.events]


@dataclass(slots=True)
class Answering:
    """The server, but for requests that `answer` has something to say to: it is asked first."""

    app: ASGIApp
    answer: Callable[[Sequence[Event]], Response | None] = lambda _events: None
    posts: list[Post] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        events = msgspec.json.decode(body)
        scripted = self.answer(events)

        async def again() -> Message:
            return {"type": "http.request", "body": body}

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                sender = request.headers.get("referer", "").removeprefix(str(request.base_url))
                self.posts.append(Post(sender, events, message["status"]))
            await send(message)

        await (scripted or self.app)(scope, again, noted)


class Tone:
    """Ten seconds of silence, of which `?given=` says how many come; the rest waits for `release`.

    Sound, because Chromium plays no video without it in a hidden page. It begins with two of them.
    """

    def __init__(self) -> None:
        self._wav = _silence(seconds=10)
        self._released = Flag()

    def release(self) -> None:
        self._released.set()

    async def answer(self, request: Request) -> Response:
        given = int(len(self._wav) * float(request.query_params.get("given", 0)) / 10)
        length = {"content-length": str(len(self._wav))}
        return StreamingResponse(self._parts(given), media_type="audio/wav", headers=length)

    async def _parts(self, given: int) -> AsyncIterator[bytes]:
        yield self._wav[:given]
        while not self._released.is_set():
            await asyncio.sleep(0.02)
        yield self._wav[given:]


class House:
    """The collector, what came to it, and the lake behind it; a tone that it can hold back."""

    def __init__(self, url: str, answering: Answering, pipeline: LocalPipeline, tone: Tone) -> None:
        self.url = url
        self.tone = tone
        self._answering = answering
        self._pipeline = pipeline

    @property
    def posts(self) -> list[Post]:
        return self._answering.posts

    def answer(self, answer: Callable[[Sequence[Event]], Response | None]) -> None:
        """From now on; None from `answer` lets the collector do its work."""
        self._answering.answer = answer

    def refuse_all(self, status: int = 503) -> None:
        self.answer(lambda _events: refusal(status))

    def accept_all(self) -> None:
        self.answer(lambda _events: None)

    def accepted(self) -> list[Event]:
        """Every event of every request that the collector answered with 200, in order."""
        return [event for post in self.posts if post.status == 200 for event in post.events]

    def named(self, name: str) -> list[Event]:
        """The accepted events of a player of one name."""
        return [event for event in self.accepted() if event.get("event") == name]

    def lake(self) -> dict[str, Event]:
        """Everything delivered and compacted: properties by event id. No id has two rows."""
        self._pipeline.settle()
        with (
            DuckDBEngine(self._pipeline.catalog) as engine,
            engine.query(ROWS, full_scan=True) as answer,
        ):
            rows = list(answer)
        assert len({row[0] for row in rows}) == len(rows), "an event has two rows"
        return {row[0]: msgspec.json.decode(row[1]) if row[1] else {} for row in rows}


def refusal(status: int, headers: Mapping[str, str] | None = None) -> Response:
    error = {"code": "scripted", "message": "By the test."}
    return JSONResponse({"error": error}, status, headers)


@contextmanager
def opened(folder: Path) -> Iterator[House]:
    """The house, with pages at /tracked, /elsewhere and /playing, which plays the tone."""
    tone = Tone()
    pages = {"/tracked": PAGE, "/elsewhere": ELSEWHERE, "/playing": PLAYING}
    routes = [_text(path, text) for path, text in pages.items()]
    routes.append(_text("/playing.js", PLAYING_JS, "text/javascript"))
    routes.append(Route("/tone.wav", tone.answer))
    with LocalPipeline(DataFolder(folder)) as pipeline:
        app = Answering(create_app(pipeline.collector, pipeline.spool.submit, routes=routes))
        with serving_app(app) as url:
            yield House(url, app, pipeline, tone)
            tone.release()


def visit(context: BrowserContext, house: House, name: str = "page", **options: object) -> Page:
    """A new tab on the tracked page; the collector's log calls it `name`."""
    page = context.new_page()
    page.goto(f"{house.url}/tracked?{name}")
    page.evaluate(START, options)
    return page


def watch(page: Page, seconds: float) -> None:
    page.evaluate("() => video.play()")
    page.wait_for_timeout(1000 * seconds)
    page.evaluate("() => video.pause()")


def fail(page: Page, times: int = 1) -> list[str]:
    """Makes that many events; gives the ids of those the page has made so far."""
    page.evaluate("times => { while (times--) fail() }", times)
    return made(page)


def made(page: Page, state: str = "new") -> list[str]:
    """The ids of the events that have come to this state, in order."""
    states: list[list[str]] = page.evaluate("states")
    return [event_id for event_id, reached in states if reached == state]


def retry(page: Page) -> None:
    """What the browser says when it is online again: not to wait any longer."""
    page.evaluate("() => { dispatchEvent(new Event('online')) }")


def _text(path: str, text: str, media_type: str = "text/html") -> Route:
    async def page(_request: Request) -> Response:
        return Response(text, media_type=media_type)

    return Route(path, page)


def _silence(seconds: int) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((2, 2, 48_000, 0, "NONE", ""))
        sound.writeframes(bytes(4 * 48_000 * seconds))
    return file.getvalue()
