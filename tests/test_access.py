"""Who may ask a server that listens on a network, and how they show it."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from events.errors import SettingsError
from ingest.collector import Collector
from playlake.testing.stream import MemoryStream
from playlake.web.access import OPEN, Key, guarded, key_from
from playlake.web.server import create_app
from playlake.web.serving import serving_app
from tests.conftest import PLAYLAKE, run_playlake, running_dev
from tests.records import LAB_CLICK

TOKEN = "correct-horse-battery"
KEY = Key(TOKEN, made=False)
BEARER = {"authorization": f"Bearer {TOKEN}"}


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(request.url))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    stream = MemoryStream()
    collector = Collector(stream.max_record_bytes)
    routes = [Route("/api/echo", echo, methods=["GET", "POST", "OPTIONS"])]
    app = guarded(create_app(collector, stream.submit, routes=routes), KEY)
    with serving_app(app) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url) as client:
        yield client


# --- the token ---


@pytest.mark.parametrize(
    "path", ["/", "/dashboard/", "/api/echo", "/api/reports", "/metrics", "/videos/dawn.mp4", "/no"]
)
def test_without_the_token_nothing_is_told_not_even_what_there_is(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_required")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"


def test_trackers_and_probes_are_let_in_without_it(client):
    assert client.post("/events", json=LAB_CLICK).status_code == 200
    preflight = client.options("/events", headers={"origin": "https://site.example"})
    assert preflight.status_code == 204
    assert "export" in client.get("/tracker.js").text
    assert client.get("/healthz").json() == {"data": {"status": "ok"}}
    assert {path for _, path in OPEN} == {"/events", "/tracker.js", "/healthz"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/events"),
        ("POST", "/events/"),
        ("POST", "//events"),
        ("POST", "/api/echo"),
        ("OPTIONS", "/api/echo"),
        ("POST", "/healthz"),
        ("GET", "/healthz/../api/echo"),
        ("GET", "/healthz/%2e%2e/api/echo"),
        ("GET", "/tracker.js/../api/echo"),
        ("GET", "/api/echo?x=/healthz"),
        ("GET", "/api/echo#/healthz"),
        ("GET", "/HEALTHZ"),
    ],
)
def test_what_only_looks_like_an_open_door_is_none(url, method, path):
    # By hand: a client would tidy the path.
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
        )
        status = connection.recv(4096).split(b" ", 2)[1]
    assert status in (b"401", b"400")


def test_a_program_shows_it_in_a_header(client):
    for scheme in ("Bearer", "bearer", "BEARER  "):
        answer = client.get("/api/echo", headers={"authorization": f"{scheme} {TOKEN}"})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": "Bearer"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": b"Bearer \xff\xfe"},
        {"cookie": f"playlake={TOKEN}"},
        {"cookie": f"playlake-80={KEY.cookie}"},
        {"x-playlake-token": TOKEN},
        {"host": "127.0.0.1", "x-forwarded-for": "127.0.0.1"},
    ],
)
def test_what_is_near_to_it_is_not_it(client, headers):
    assert client.get("/api/echo", headers=headers).status_code == 401


def test_a_cookie_is_the_key_of_one_server_and_does_not_say_the_token(client, url):
    port = url.rpartition(":")[2]
    for offered, status in ((KEY.cookie, 200), (TOKEN, 401), ("é", 401), ("", 401)):
        cookie = f"playlake-{port}={offered}".encode()
        assert client.get("/api/echo", headers={"cookie": cookie}).status_code == status


# --- a browser ---


def test_a_browser_shows_it_once_and_its_address_forgets_it(client):
    first = client.get("/api/echo", params={"since": "2026-11-01", "token": TOKEN, "x": "a b"})
    assert first.status_code == 303
    assert first.headers["location"] == "/api/echo?since=2026-11-01&x=a+b"
    assert first.headers["referrer-policy"] == "no-referrer"
    assert first.headers["cache-control"] == "no-store"
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    # httpx keeps it, as a browser does.
    second = client.get(first.headers["location"])
    assert second.status_code == 200
    assert TOKEN not in second.text
    assert client.get("/dashboard/").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/%2f/evil.example/"])
def test_the_redirect_leads_nowhere_else(url, path):
    answer = httpx.get(httpx.URL(url, raw_path=f"{path}?token={TOKEN}".encode()))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith(("//", "/\\"))


def test_a_wrong_one_in_the_address_is_refused_and_not_repeated(client):
    answer = client.get("/", params={"token": "not-it-at-all-really"})
    assert answer.status_code == 401
    assert "not-it-at-all" not in answer.text + str(answer.headers)
    assert TOKEN not in answer.text + str(answer.headers)


def test_nothing_is_done_for_a_token_in_the_address_of_a_post(client):
    assert client.post("/api/echo", params={"token": TOKEN}).status_code == 401


# --- where it comes from ---


def test_a_token_is_made_only_where_others_reach_the_server_and_none_was_given():
    made = key_from({}, exposed=True)
    assert made.made
    assert len(made.token) == 43
    assert made.token != key_from({}, exposed=True).token
    assert key_from({}, exposed=False) is None
    for exposed in (True, False):
        assert key_from({"PLAYLAKE_TOKEN": TOKEN}, exposed=exposed) == KEY


def test_neither_the_repr_nor_the_errors_of_a_token_say_it():
    assert TOKEN not in repr(KEY)
    for bad in ("short", "", "with a space in it all", "ümlaut-ümlaut-ümlaut", "new\nline" * 4):
        with pytest.raises(SettingsError) as refused:
            key_from({"PLAYLAKE_TOKEN": bad}, exposed=True)
        assert not bad or bad not in str(refused.value)
        assert "PLAYLAKE_TOKEN" in str(refused.value)


# --- the commands ---


def test_dev_on_loopback_asks_for_nothing(dev):
    assert httpx.get(f"{dev.url}/dashboard/").status_code == 200
    assert "token" not in dev.stop()


@contextmanager
def dashboard_on(data, *options: str) -> Iterator[tuple[str, list[str]]]:
    """A `playlake dashboard`: its address, and all that it printed once it has ended."""
    command = [*PLAYLAKE, "dashboard", "--port", "0", "--data", str(data), *options]
    printed: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            printed += [process.stdout.readline(), process.stdout.readline()]
            yield re.search(r"serves (http://\S+?)/", printed[0])[1], printed
        finally:
            process.send_signal(signal.SIGINT)
            printed += process.stdout.readlines()


def test_on_another_address_dev_and_dashboard_print_a_token_once_and_ask_for_it(tmp_path):
    # 127.0.0.2 is this machine's own, so that the test opens nothing to a network; playlake has no
    # name for it, and treats it as any other.
    data = tmp_path / "data"
    with running_dev(data, "--host", "127.0.0.2", "--quiet") as dev:
        assert httpx.get(f"{dev.url}/dashboard/").status_code == 401
        assert httpx.get(f"{dev.url}/metrics").status_code == 401
        assert dev.post(LAB_CLICK).status_code == 200
        assert httpx.get(f"{dev.url}/healthz").status_code == 200
        token = opened(dev.url, "".join(dev.lines))
        assert dev.stop().count(token) == 1
    with dashboard_on(data, "--host", "127.0.0.2") as (url, printed):
        assert httpx.get(f"{url}/api/place").status_code == 401
        other = opened(url, "".join(printed))
        # By any name: whoever has the token was let in, and a rebound page does not have it.
        bearer = {"authorization": f"Bearer {other}", "host": "lake.example"}
        assert httpx.get(f"{url}/api/place", headers=bearer).status_code == 200
    assert "".join(printed).count(other) == 1
    assert token != other


def opened(url: str, printed: str) -> str:
    """The token that was printed, after a browser has used its address."""
    address, token = re.search(r"(http://\S+/dashboard/\?token=(\S+)) shows", printed).groups()
    assert address.startswith(url)
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(address)
        assert (page.status_code, str(page.url)) == (200, f"{url}/dashboard/")
        assert browser.get(f"{url}/api/place").status_code == 200
    return token


def test_a_token_that_was_given_is_asked_for_on_loopback_too_and_never_printed(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("PLAYLAKE_TOKEN", TOKEN)
    with running_dev(tmp_path) as dev:
        assert httpx.get(f"{dev.url}/api/place").status_code == 401
        assert httpx.get(f"{dev.url}/api/place", headers=BEARER).status_code == 200
        rebound = BEARER | {"host": "rebound.example"}
        assert httpx.get(f"{dev.url}/api/place", headers=rebound).status_code == 403
        httpx.get(f"{dev.url}/dashboard/?token={TOKEN}")
        httpx.get(f"{dev.url}/%zz?token={TOKEN}")
        told = dev.stop()
    assert "token=$PLAYLAKE_TOKEN" in told
    assert TOKEN not in told
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]


def test_a_token_that_is_too_short_is_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PLAYLAKE_TOKEN", "hunter2")
    ran = run_playlake("dev", "--port", "0", "--data", tmp_path)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "hunter2" not in ran.err


@pytest.mark.skipif(sys.platform != "linux", reason="::1 is not everywhere")
def test_ipv6s_loopback_is_this_machine(tmp_path):
    with running_dev(tmp_path, "--host", "::1") as dev:
        assert dev.url.startswith("http://[::1]:")
        assert httpx.get(f"{dev.url}/api/place").status_code == 200
