"""The collector's Lambda, driven by API Gateway's events."""

import base64
import copy
import gzip
import json
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from events.errors import SettingsError
from ingest import settings
from ingest.body import MAX_BODY_BYTES
from ingest.drivers.spool import read_backlog
from ingest.handler import collect
from ingest.refusals import STATUS_OF
from playlake.testing.stream import MemoryStream
from tests.lambda_context import CONTEXT

EVENTS = Path(__file__).parent / "events"
HTTP_API, REST_API, FUNCTION_URL = (
    json.loads((EVENTS / f"{name}_post.json").read_text())
    for name in ("http_api", "rest_api", "function_url")
)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryStream]:
    """The stream that the handler's environment names."""
    memory = MemoryStream()
    monkeypatch.setitem(settings.OPENERS, "memory", lambda url: memory)
    monkeypatch.setenv("PLAYLAKE_STREAM", "memory://")
    monkeypatch.delenv("PLAYLAKE_ALLOWED_ORIGINS", raising=False)
    settings.wire.cache_clear()
    yield memory
    settings.wire.cache_clear()


def http_api(body: bytes | None, method: str = "POST", **headers: str) -> dict[str, Any]:
    """An HTTP API event with this body, base64 as API Gateway sends what is no plain text."""
    event: dict[str, Any] = copy.deepcopy(HTTP_API)
    event["requestContext"]["http"]["method"] = method
    event["body"] = None if body is None else base64.b64encode(body).decode()
    event["isBase64Encoded"] = True
    event["headers"] = {name.replace("_", "-"): value for name, value in headers.items()}
    return event


def call(event: dict[str, Any]) -> dict[str, Any]:
    """The handler's answer, known to be one that API Gateway can pass on."""
    answer = collect(event, CONTEXT)
    assert answer.keys() == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert answer["isBase64Encoded"] is False
    assert json.loads(json.dumps(answer)) == answer
    return answer


def stored(stream: MemoryStream) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(stream.records).splitlines()]


def refused(event: dict[str, Any], stream: MemoryStream) -> tuple[int, str]:
    """Status and code of a refusal that left nothing on the stream."""
    answer = call(event)
    error = json.loads(answer["body"])["error"]
    assert error.keys() == {"code", "message"}
    assert stream.records == []
    assert STATUS_OF[error["code"]] == answer["statusCode"]
    assert answer["headers"]["content-type"] == "application/json"
    return answer["statusCode"], error["code"]


# --- the three fronts ---


@pytest.mark.parametrize(
    ("event", "agent"),
    [
        (HTTP_API, "curl/8.5.0"),
        (REST_API, "PostmanRuntime/2.4.5"),
        (FUNCTION_URL, FUNCTION_URL["headers"]["user-agent"]),
    ],
    ids=["http_api", "rest_api", "function_url"],
)
def test_each_kind_of_gateway_event_is_collected(
    event: dict[str, Any], agent: str, stream: MemoryStream
) -> None:
    answer = call(event)
    assert answer["statusCode"] == 200
    assert answer["body"] == '{"data":{"success":true,"accepted":1}}'
    [kept] = stored(stream)
    assert kept["action"] == "click"
    assert kept["user_agent"] == agent
    assert kept.get("referer") == event["headers"].get("referer")
    assert abs(kept["received_at"] - time.time() * 1000) < 60_000


@pytest.mark.parametrize("shouting", [str.upper, str.title, str.lower])
def test_header_names_have_any_case(shouting: Any, stream: MemoryStream) -> None:
    event = http_api(gzip.compress(b"{}"))
    headers = {"content-encoding": "gzip", "content-type": "text/plain", "user-agent": "TV/1"}
    event["headers"] = {shouting(name): value for name, value in headers.items()}
    assert call(event)["statusCode"] == 200
    assert stored(stream)[0]["user_agent"] == "TV/1"


def test_a_rest_api_event_without_multi_value_headers_has_its_headers(stream: MemoryStream) -> None:
    event = copy.deepcopy(REST_API)
    event["multiValueHeaders"] = None
    assert call(event)["statusCode"] == 200
    assert stored(stream)[0]["user_agent"] == "PostmanRuntime/2.4.5"


def test_null_headers_are_none_and_a_null_body_is_empty(stream: MemoryStream) -> None:
    event = copy.deepcopy(REST_API) | {"headers": None, "multiValueHeaders": None}
    assert call(event)["statusCode"] == 200
    event["body"] = None
    stream.records.clear()
    assert refused(event, stream) == (400, "empty_body")


def test_repeated_headers_do_not_hide_one_another(stream: MemoryStream) -> None:
    event = copy.deepcopy(REST_API)
    event["multiValueHeaders"]["Content-Type"] = ["application/xml", "application/json"]
    assert refused(event, stream) == (415, "unsupported_media_type")


def test_a_stage_in_front_of_the_path_is_not_part_of_it(stream: MemoryStream) -> None:
    event = http_api(b"{}")
    event["requestContext"]["stage"] = "prod"
    event["rawPath"] = "/prod/events"
    assert call(event)["statusCode"] == 200
    event["requestContext"]["stage"] = "events"
    event["rawPath"] = "/events"
    assert call(event)["statusCode"] == 200


def test_half_a_surrogate_pair_in_a_text_body_is_refused(stream: MemoryStream) -> None:
    event = copy.deepcopy(HTTP_API) | {"body": '{"a":"\ud800"}'}
    assert refused(event, stream) == (400, "invalid_utf8")


# --- what the lab's users send ---


@pytest.mark.parametrize(
    "sent",
    [
        {"action": "click", "userId": 404444, "buttonName": "helloWorld"},
        {
            "video_id": "dawn",
            "user_id": 404444,
            "started_at": 0,
            "ended_at": 5000,
            "logged_at": 1_732_406_400_000,
        },
        {
            "video_id": "dawn",
            "user_id": 404444,
            "started_at": 0,
            "ended_at": 5000,
            "logged_at": 1_732_406_400,
        },
    ],
    ids=["click", "play logged in milliseconds", "play logged in seconds"],
)
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"]
)
def test_the_labs_requests_are_collected_as_sent(
    sent: dict[str, Any], content_type: str, stream: MemoryStream
) -> None:
    body = json.dumps(sent).encode()
    answer = call(http_api(body, content_type=content_type, user_agent="curl/8.5.0"))
    assert json.loads(answer["body"]) == {"data": {"success": True, "accepted": 1}}
    assert stream.records[0].startswith(body[:-1])
    [kept] = stored(stream)
    assert kept.keys() == sent.keys() | {"event_id", "received_at", "user_agent"}


# --- routes ---


def test_another_path_is_not_found(stream: MemoryStream) -> None:
    for path in ("/", "/events/", "/event", "/events/1"):
        assert refused(http_api(b"{}") | {"rawPath": path}, stream) == (404, "not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "post"])
def test_another_method_is_told_which_are_allowed(method: str, stream: MemoryStream) -> None:
    event = http_api(b"{}", method=method)
    assert refused(event, stream) == (405, "method_not_allowed")
    assert call(event)["headers"]["allow"] == "POST, OPTIONS"


# --- media types and compression ---


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "Application/JSON; charset=utf-8",
        "text/plain;charset=UTF-8",
        'TEXT/PLAIN ; format=flowed; Charset = "utf8"',
    ],
)
def test_what_can_carry_json_is_accepted(content_type: str, stream: MemoryStream) -> None:
    assert call(http_api(b"{}", content_type=content_type))["statusCode"] == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content_type": "application/xml"}, "unsupported_media_type"),
        ({"content_type": "multipart/form-data; boundary=x"}, "unsupported_media_type"),
        ({"content_type": "application/json; charset=utf-16"}, "unsupported_charset"),
        ({"content_type": "text/plain; charset=utf-8; charset=latin1"}, "unsupported_charset"),
        ({"content_encoding": "br"}, "unsupported_content_encoding"),
        ({"content_encoding": "gzip, gzip"}, "unsupported_content_encoding"),
    ],
)
def test_what_cannot_is_refused_with_what_to_send(
    headers: dict[str, str], code: str, stream: MemoryStream
) -> None:
    event = http_api(b"{}", **headers)
    assert refused(event, stream) == (415, code)
    assert json.loads(call(event)["body"])["error"]["message"].startswith("send ")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP ", "x-gzip"])
def test_gzip_of_one_member_or_several_is_inflated(encoding: str, stream: MemoryStream) -> None:
    body = gzip.compress(b'[{"n":1},') + gzip.compress(b'{"n":2}]')
    assert call(http_api(body, content_encoding=encoding))["statusCode"] == 200
    assert [event["n"] for event in stored(stream)] == [1, 2]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        gzip.compress(b"{}")[:-1],
        gzip.compress(b"{}")[:12],
        gzip.compress(b"{}") + b"{}",
        gzip.compress(b"{}")[:-8] + bytes(8),
    ],
    ids=["plain", "cut in its length", "cut in its data", "more behind it", "wrong checksum"],
)
def test_what_is_not_whole_gzip_is_refused(body: bytes, stream: MemoryStream) -> None:
    assert refused(http_api(body, content_encoding="gzip"), stream) == (400, "invalid_gzip")


def test_an_inflated_body_is_held_to_the_limit_too(stream: MemoryStream) -> None:
    at_limit = gzip.compress(b"{}".ljust(MAX_BODY_BYTES))
    assert call(http_api(at_limit, content_encoding="gzip"))["statusCode"] == 200
    stream.records.clear()
    over = gzip.compress(b"{}".ljust(MAX_BODY_BYTES + 1))
    assert refused(http_api(over, content_encoding="gzip"), stream) == (413, "body_too_large")


def test_a_gzip_bomb_costs_no_more_than_the_limit(stream: MemoryStream) -> None:
    bomb = 64 * gzip.compress(bytes(16 * 1024 * 1024))
    assert len(bomb) <= MAX_BODY_BYTES  # a gibibyte of zeros, and small enough as sent
    event = http_api(bomb, content_encoding="gzip")
    tracemalloc.start()
    began = time.perf_counter()
    try:
        assert refused(event, stream) == (413, "body_too_large")
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_BODY_BYTES
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - began < 1


# --- the stream ---


def test_a_stream_that_fails_is_a_503_that_says_when_to_try_again(
    stream: MemoryStream, caplog: pytest.LogCaptureFixture
) -> None:
    stream.fail_next()
    event = http_api(b'{"secret":1}', origin="https://videos.example")
    answer = call(event)
    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["error"]["code"] == "stream_unavailable"
    assert int(answer["headers"]["retry-after"]) > 0
    assert answer["headers"]["access-control-expose-headers"] == "retry-after"
    assert "told to fail" in caplog.text
    assert "secret" not in caplog.text
    assert call(event)["statusCode"] == 200
    assert len(stored(stream)) == 1


def test_an_empty_array_does_not_trouble_the_stream(stream: MemoryStream) -> None:
    stream.fail_next()
    assert call(http_api(b"[]"))["body"] == '{"data":{"success":true,"accepted":0}}'


def test_the_stream_is_opened_once_for_the_same_settings(
    stream: MemoryStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = iter([stream])
    monkeypatch.setitem(settings.OPENERS, "memory", lambda url: next(streams))
    call(http_api(b"{}"))
    call(http_api(b"{}"))
    assert len(stored(stream)) == 2


def test_a_spool_is_a_stream_that_a_url_can_name(
    tmp_path: Path, stream: MemoryStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a folder" / "spool.db"
    monkeypatch.setenv("PLAYLAKE_STREAM", f"spool://{quote(str(path))}")
    assert call(http_api(b"{}"))["statusCode"] == 200
    assert read_backlog(path).records == 1


# --- CORS ---


def cors(event: dict[str, Any]) -> dict[str, str]:
    headers = call(event)["headers"]
    return {name: value for name, value in headers.items() if name.startswith(("access-", "vary"))}


def test_any_page_may_read_the_answer_unless_told_otherwise(stream: MemoryStream) -> None:
    headers = cors(http_api(b"{}", origin="https://videos.example"))
    assert headers["access-control-allow-origin"] == "*"


def test_an_allowed_page_may_read_the_answer_and_errors_too(
    stream: MemoryStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYLAKE_ALLOWED_ORIGINS", " https://a.example, http://localhost:8000")
    for body in (b"{}", b"nonsense"):
        for origin in ("https://a.example", "http://localhost:8000"):
            headers = cors(http_api(body, origin=origin))
            assert headers["access-control-allow-origin"] == origin
            assert headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "https://b.example"}, {"origin": "https://a.example.evil"}]
)
def test_a_page_that_is_not_allowed_is_heard_but_not_answered(
    headers: dict[str, str], stream: MemoryStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYLAKE_ALLOWED_ORIGINS", "https://a.example")
    assert cors(http_api(b"{}", **headers)) == {"vary": "Origin"}
    assert cors(http_api(None, method="OPTIONS", **headers)) == {"vary": "Origin"}
    assert len(stored(stream)) == 1


def test_a_preflight_is_answered_with_what_may_be_sent(stream: MemoryStream) -> None:
    event = http_api(None, method="OPTIONS", origin="https://videos.example")
    answer = call(event)
    assert (answer["statusCode"], answer["body"]) == (204, "")
    headers = cors(event)
    assert headers["access-control-allow-methods"] == "POST, OPTIONS"
    assert headers["access-control-allow-headers"] == "content-type, content-encoding"
    assert int(headers["access-control-max-age"]) > 0
    assert stream.records == []


# --- settings ---


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PLAYLAKE_STREAM", "", "PLAYLAKE_STREAM is not set"),
        ("PLAYLAKE_STREAM", "kafka://events", "streams are known by "),
        ("PLAYLAKE_STREAM", "spool.db", "streams are known by "),
        ("PLAYLAKE_STREAM", "spool://spool.db", "names no file"),
        ("PLAYLAKE_STREAM", "spool:///", "names no file"),
        ("PLAYLAKE_ALLOWED_ORIGINS", "example.com", "write an origin as https://example.com"),
        ("PLAYLAKE_ALLOWED_ORIGINS", "https://a.example/", "without a path"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_its_remedy(
    name: str, value: str, said: str, stream: MemoryStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        collect(http_api(b"{}"), CONTEXT)
