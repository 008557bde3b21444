"""The local server over real HTTP, with a stream that the test controls."""

import gzip
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from events.errors import StreamUnavailable
from ingest.body import MAX_BODY_BYTES
from ingest.collector import Collector
from playlake.testing.stream import MemoryStream
from playlake.web.protocol import Take
from playlake.web.server import Site as ServedSite
from playlake.web.server import create_app
from playlake.web.site import site as pages_of
from tests.serving_apps import CLICK, client_of, serving


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "index.html").write_text("<!doctype html><title>home</title>")
    (folder / "app.js").write_text("export {}")
    (folder / "clip.mp4").write_bytes(bytes(range(256)) * 64)
    (folder.parent / "secret.txt").write_text("secret")
    return folder


@dataclass
class Site:
    client: httpx.Client
    stream: MemoryStream

    def stored(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in b"".join(self.stream.records).splitlines()]


@pytest.fixture(scope="module", params=["past ASGI", "through ASGI"])
def running_site(pages: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    async def hello(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    stream = MemoryStream()
    collector = Collector(stream.max_record_bytes)
    app = create_app(collector, stream.submit, routes=[Route("/api/hello", hello)], pages=pages)
    with client_of(app, app.events.take if request.param == "past ASGI" else None) as client:
        yield Site(client, stream)


@pytest.fixture
def site(running_site: Site) -> Site:
    running_site.stream.records.clear()
    return running_site


Way = Callable[[ServedSite], Take | None]


@pytest.fixture(params=["past ASGI", "through ASGI"])
def way(request: pytest.FixtureRequest) -> Way:
    """What a server is given as `take`, of an application."""
    return lambda app: app.events.take if request.param == "past ASGI" else None


# --- events ---


def test_an_event_is_collected_with_its_headers(site: Site) -> None:
    headers = {"user-agent": "TV/1", "referer": "https://videos.example/watch"}
    answer = site.client.post("/events", json=CLICK, headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {"data": {"success": True, "accepted": 1}}
    assert answer.headers["content-type"] == "application/json"
    [kept] = site.stored()
    assert kept.items() >= CLICK.items()
    assert kept["user_agent"] == "TV/1"
    assert kept["referer"] == "https://videos.example/watch"


def test_header_bytes_of_no_charset_are_kept_as_valid_text(site: Site) -> None:
    headers = {b"user-agent": b"caf\xe9 \xff\x81"}
    site.client.post("/events", content=b"{}", headers=headers)
    assert site.stored()[0]["user_agent"] == "caf\xe9 \xff\ufffd"


def test_gzip_and_chunks_are_taken(site: Site) -> None:
    body = gzip.compress(json.dumps([CLICK] * 50).encode())
    pieces = (body[at : at + 10] for at in range(0, len(body), 10))
    answer = site.client.post("/events", content=pieces, headers={"content-encoding": "gzip"})
    assert answer.json() == {"data": {"success": True, "accepted": 50}}
    assert len(site.stored()) == 50


def test_errors_have_the_same_envelope_here(site: Site) -> None:
    answer = site.client.post("/events", content=b"nonsense")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json"
    answer = site.client.get("/events")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert site.stream.records == []


def test_whoever_posts_to_a_path_that_is_mistyped_is_told_the_right_one(site: Site) -> None:
    answer = site.client.post("/event", content=json.dumps(CLICK))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert "send events to /events" in answer.json()["error"]["message"]


def test_a_preflight_has_no_body(site: Site) -> None:
    answer = site.client.options("/events", headers={"origin": "https://videos.example"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "retry-after"
    assert "content-length" not in answer.headers
    assert "transfer-encoding" not in answer.headers


def test_a_stream_that_fails_is_a_503_and_the_same_events_can_be_sent_again(site: Site) -> None:
    site.stream.fail_next()
    answer = site.client.post("/events", json=CLICK)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "stream_unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert site.client.post("/events", json=CLICK).status_code == 200
    assert len(site.stored()) == 1


def test_a_body_at_the_limit_is_taken_and_over_it_refused(site: Site) -> None:
    at_limit = b"{}".ljust(MAX_BODY_BYTES)
    assert site.client.post("/events", content=at_limit).status_code == 200
    for over in (at_limit + b" ", iter([at_limit, b" "])):
        answer = site.client.post("/events", content=over)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "body_too_large"
    assert site.client.post("/events", json=CLICK).status_code == 200


def exchange(site: Site, head: bytes) -> bytes:
    """What the server answers to the head of a request whose body never comes."""
    address = (site.client.base_url.host, site.client.base_url.port)
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(head)
        return connection.recv(65536)


def test_a_declared_length_over_the_limit_is_refused_before_the_body_is_sent(site: Site) -> None:
    head = b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n"
    for expectation in (b"", b"Expect: 100-continue\r\n"):
        assert exchange(site, head + expectation + b"\r\n").startswith(b"HTTP/1.1 413 ")


def test_an_endless_body_is_refused_at_the_limit(site: Site) -> None:
    head = b"POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
    assert exchange(site, head + chunk * 5).startswith(b"HTTP/1.1 413 ")


def test_what_a_client_had_sent_before_it_hung_up_is_not_an_event(site: Site) -> None:
    address = (site.client.base_url.host, site.client.base_url.port)
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{}")
    assert site.client.post("/events", json=CLICK).status_code == 200
    assert [event.get("action") for event in site.stored()] == ["click"]


# --- acknowledgement ---


class Held:
    """A stream whose acknowledgement the test gives."""

    def __init__(self) -> None:
        self.submitted = threading.Event()
        self.future: Future[None] = Future()

    def submit(self, records: Sequence[bytes]) -> Future[None]:
        self.submitted.set()
        return self.future


def acknowledge(held: Held) -> None:
    held.future.set_result(None)


def fail(held: Held) -> None:
    held.future.set_exception(StreamUnavailable("disk full"))


def break_down(held: Held) -> None:
    held.future.set_exception(ValueError("an error of ours"))


@pytest.mark.parametrize(
    ("outcome", "status"), [(acknowledge, 200), (fail, 503), (break_down, 503)]
)
def test_nothing_is_answered_before_the_stream_has(
    outcome: Callable[[Held], None], status: int, pages: Path, way: Way
) -> None:
    held = Held()
    answers: list[httpx.Response] = []
    app = create_app(Collector(1_000_000), held.submit, pages=pages)
    with client_of(app, way(app)) as client:
        sender = threading.Thread(target=lambda: answers.append(client.post("/events", json=CLICK)))
        sender.start()
        assert held.submitted.wait(5)
        # Others are served meanwhile: waiting for the stream holds up neither loop nor thread.
        assert client.get("/healthz").status_code == 200
        assert answers == []
        outcome(held)
        sender.join(5)
    assert [answer.status_code for answer in answers] == [status]


def test_open_requests_end_before_the_server_does(pages: Path, way: Way) -> None:
    held = Held()
    answers: list[httpx.Response] = []
    app = create_app(Collector(1_000_000), held.submit, pages=pages)
    with serving(app, way(app)) as url:
        sender = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{url}/events", json=CLICK, timeout=5))
        )
        sender.start()
        assert held.submitted.wait(5)
        threading.Timer(0.3, acknowledge, [held]).start()  # while the server waits to end
    sender.join(5)
    assert [answer.status_code for answer in answers] == [200]


# --- pages ---


def test_the_page_is_served_with_what_it_may_load(site: Site) -> None:
    answer = site.client.get("/")
    assert answer.status_code == 200
    assert "home" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert "server" not in answer.headers


def test_scripts_have_the_type_that_a_browser_asks_of_them(site: Site) -> None:
    assert site.client.get("/app.js").headers["content-type"].startswith("text/javascript")


def test_a_script_is_sent_again_when_it_changed_though_its_length_and_its_time_did_not(
    tmp_path: Path,
) -> None:
    """As after a deployment: in Lambda's package every file is of 1980."""

    def deployed(script: str) -> AbstractContextManager[httpx.Client]:
        (folder := tmp_path / script).mkdir()
        (folder / "app.js").write_text(script)
        os.utime(folder / "app.js", (315_532_800, 315_532_800))
        return client_of(pages_of(pages=folder))

    with deployed("old()") as client:
        first = client.get("/app.js").headers
        asking = {
            "if-none-match": first["etag"],
            "if-modified-since": first["last-modified"],
        }
        assert client.get("/app.js", headers=asking).status_code == 304
    with deployed("new()") as client:
        assert client.get("/app.js", headers=asking).text == "new()"
    assert first["cache-control"] == "no-cache"  # else a browser would not ask for years


def test_a_video_is_served_by_ranges(site: Site) -> None:
    answer = site.client.get("/clip.mp4", headers={"range": "bytes=256-511"})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == "bytes 256-511/16384"
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content == bytes(range(256))


@pytest.mark.parametrize("path", ["/nothing", "/../secret.txt", "/%2e%2e/secret.txt"])
def test_what_is_not_a_page_is_not_found(path: str, site: Site) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(site, head.encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"nosniff" in answer


def test_other_routes_and_health_stand_beside_the_pages(site: Site) -> None:
    assert site.client.get("/api/hello").text == "hello"
    assert site.client.get("/healthz").json() == {"data": {"status": "ok"}}


def test_the_shipped_webapp_is_served_unless_another_is_given() -> None:
    stream = MemoryStream()
    with client_of(create_app(Collector(1_000_000), stream.submit)) as client:
        answer = client.get("/videos/dawn.mp4", headers={"range": "bytes=4-11"})
    assert answer.status_code == 206
    assert answer.content.startswith(b"ftyp")
