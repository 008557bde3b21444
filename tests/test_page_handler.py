"""The page's Lambda, called as an HTTP API calls it."""

import asyncio
import base64
import copy
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from playlake.web.handler import page
from tests.lambda_context import CONTEXT

ROOT = Path(__file__).parents[1]
GET = json.loads((ROOT / "tests" / "events" / "http_api_get.json").read_text())
FILES = sorted(
    path.relative_to(ROOT / "webapp").as_posix()
    for path in (ROOT / "webapp").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
)
MOST_BYTES = 6 * 1024 * 1024
"""Lambda's limit on what a function answers (quotas, "Invocation payload, synchronous")."""


def get(path: str, **headers: str) -> dict[str, Any]:
    event = copy.deepcopy(GET)
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["headers"] |= headers
    return in_a_loop_of_its_own(event)


def in_a_loop_of_its_own(event: dict[str, Any]) -> dict[str, Any]:
    """As Lambda calls it, in a process where no loop runs: in this one Playwright's may."""

    def call() -> dict[str, Any]:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return page(event, CONTEXT)
        finally:
            loop.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()


def body(answer: dict[str, Any]) -> bytes:
    text = answer["body"]
    return base64.b64decode(text) if answer["isBase64Encoded"] else text.encode()


def test_the_root_is_the_player_page_and_says_what_it_may_load():
    answer = get("/")
    assert answer["statusCode"] == 200
    assert b"<video" in body(answer)
    assert answer["headers"]["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_served_whole_and_within_lambdas_limit(name):
    answer = get(f"/{name}")
    assert answer["statusCode"] == 200
    assert body(answer) == (ROOT / "webapp" / name).read_bytes()
    assert len(json.dumps(answer)) < MOST_BYTES


def test_a_player_that_seeks_gets_the_range_it_asks_for():
    answer = get("/videos/tide.mp4", range="bytes=100-199")
    whole = (ROOT / "webapp" / "videos" / "tide.mp4").read_bytes()
    assert answer["statusCode"] == 206
    assert body(answer) == whole[100:200]
    assert answer["headers"]["content-range"] == f"bytes 100-199/{len(whole)}"


@pytest.mark.parametrize("path", ["/api/place", "/api/reports/daily_plays", "/api/live"])
def test_the_pages_questions_are_refused_with_the_command_that_answers_them(path):
    answer = get(path)
    assert answer["statusCode"] == 404
    assert answer["headers"]["cache-control"] == "no-store"
    error = json.loads(body(answer))["error"]
    assert error["code"] == "not_asked_here"
    assert "`playlake dashboard --identifier NAME`" in error["message"]


@pytest.mark.parametrize("path", ["/nothing.js", "/../pyproject.toml", "/%2e%2e/pyproject.toml"])
def test_what_is_not_there_or_not_the_webapps_is_not_found(path):
    assert get(path)["statusCode"] == 404
