"""Hostile input over real HTTP and through the Lambdas: refused in the contract's words or kept."""

import base64
import gzip
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from events.registry import REGISTRY
from ingest import settings
from ingest.body import MAX_BODY_BYTES
from ingest.handler import collect
from playlake.local.folder import DataFolder
from playlake.testing.stream import MemoryStream
from tests.conftest import Dev, eventually, running_dev
from tests.lambda_context import CONTEXT
from tests.records import LAB_PLAY
from tests.test_transform_handler import firehose_event
from tests.torture.fuzz_oracle import objects_of
from tests.torture.hostile import strings, texts
from transform.handler import transform

CLICK = b'{"action":"click"}'


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with running_dev(tmp_path_factory.mktemp("hostile"), "--quiet") as running:
        yield running


def post(dev: Dev, body: Any, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{dev.url}/events", content=body, headers=named, timeout=30)


def rows(dev: Dev, sql: str) -> list[tuple[Any, ...]]:
    folder = DataFolder(dev.data)
    with (
        LocalCatalog(folder.lake, folder.catalog) as catalog,
        DuckDBEngine(catalog) as engine,
        engine.query(sql, full_scan=True) as answer,
    ):
        return list(answer)


def answers(dev: Dev) -> None:
    """It takes an event, and soon."""
    began = time.monotonic()
    assert post(dev, CLICK).status_code == 200
    assert time.monotonic() - began < 2


# --- what is stored comes back ---


def test_hostile_strings_come_back_from_sql_letter_for_letter(dev: Dev) -> None:
    sent = {f"play {n}": text for n, text in enumerate(strings()) if text}
    plays = [
        LAB_PLAY
        | {"event_id": own, "video_id": text, "viewer_id": f"v{text}", "note": text, f"k{text}": 1}
        for own, text in sent.items()
    ]
    _post_all(dev, plays)

    def all_there() -> None:
        stored = rows(
            dev,
            "SELECT event_id, video_id, viewer_id, properties FROM video_play_events"
            " WHERE event_id LIKE 'play %'",
        )
        assert len(stored) == len(sent)
        for own, video_id, viewer_id, properties in stored:
            text = sent[own]
            assert (video_id, viewer_id) == (text, f"v{text}")
            assert json.loads(properties) == {"note": text, f"k{text}": 1}

    eventually(all_there, seconds=15)


def test_hostile_strings_as_types_name_custom_events_or_nothing(dev: Dev) -> None:
    types = {f"type {n}": text for n, text in enumerate(strings())}
    _post_all(dev, [{"event_id": own, "type": text, "x": 1} for own, text in types.items()])

    def all_there() -> None:
        stored = rows(
            dev, "SELECT event_id, event_name FROM custom_events WHERE event_id LIKE 'type %'"
        )
        assert dict(stored) == {own: text or None for own, text in types.items()}

    eventually(all_there, seconds=15)


def test_a_rejected_payload_comes_back_byte_for_byte(dev: Dev) -> None:
    bodies = {
        f"bad {n}": json.dumps(
            {"event_id": f"bad {n}", "type": "video_play", "video_id": text},
            ensure_ascii=bool(n % 2),
        ).encode()
        for n, text in enumerate(strings())
    }
    for some in _batched(bodies.values(), 400):
        assert post(dev, b"[" + b",".join(some) + b"]").status_code == 200

    def all_there() -> None:
        stored = dict(
            rows(dev, "SELECT event_id, payload FROM rejected_events WHERE event_id LIKE 'bad %'")
        )
        assert stored.keys() == bodies.keys()
        for own, payload in stored.items():
            assert payload.encode().startswith(bodies[own][:-1] + b",")

    eventually(all_there, seconds=15)


def _batched(found: Iterable[Any], size: int) -> Iterator[list[Any]]:
    every = list(found)
    return (every[at : at + size] for at in range(0, len(every), size))


def _post_all(dev: Dev, events: Sequence[dict[str, Any]]) -> None:
    for number, some in enumerate(_batched(events, 400)):
        body = json.dumps(some, ensure_ascii=bool(number % 2)).encode()
        assert post(dev, body).json() == {"data": {"success": True, "accepted": len(some)}}


def test_of_keys_sent_twice_the_last_counts_and_received_at_is_the_collectors(dev: Dev) -> None:
    body = b'{"type":"twice","event_id":"no","event_id":"yes","received_at":1,"received_at":9}'
    assert post(dev, body).status_code == 200

    def once() -> None:
        found = rows(
            dev, "SELECT event_id, year(received_at) FROM custom_events WHERE event_name = 'twice'"
        )
        assert [own for own, _ in found] == ["yes"]
        assert all(year >= 2024 for _, year in found)

    eventually(once, seconds=10)


# --- what is refused is refused in the contract's words ---


@pytest.mark.parametrize("name", texts())
def test_a_text_is_taken_exactly_when_a_second_reader_takes_it(dev: Dev, name: str) -> None:
    body = texts()[name].encode()
    answer = post(dev, body)
    objects = objects_of(body)
    if objects is None:
        assert answer.status_code == 400
        assert answer.json()["error"].keys() == {"code", "message"}
    else:
        assert answer.json() == {"data": {"success": True, "accepted": len(objects)}}


def test_a_number_that_is_none_after_one_too_large_is_refused(dev: Dev) -> None:
    """Found by fuzzing: `1e400+` was taken for a number, and the server answered 500."""
    answer = post(dev, b'{"a":1e400+}')
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "number_out_of_range"


LARGE = {
    "nested 100,000 deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects 40,000 deep": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "arrays that never end": b"[" * 1_000_000,
    "a number of 100,000 digits": b'{"a":' + b"1" * 100_000 + b"}",
    "an exponent of 100,000 digits": b'{"a":1e' + b"1" * 100_000 + b"}",
    "a fraction of 100,000 digits": b'{"a":1e400,"b":0.' + b"1" * 100_000 + b"}",
    "a string of escapes": b'{"a":"' + b'\\"' * 120_000 + b'","b":1e400}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "overlong UTF-8": b'{"a":"\xc0\xaf"}',
    "surrogates in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "beyond Unicode": b'{"a":"\xf4\x90\x80\x80"}',
    "Latin-1": '{"a":"é"}'.encode("latin-1"),
    "nothing but NUL": bytes(1000),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_too_deep_too_long_or_no_utf8_is_refused_at_once(dev: Dev, name: str) -> None:
    began = time.monotonic()
    answer = post(dev, LARGE[name])
    assert (answer.status_code, answer.json().keys()) == (400, {"error"})
    assert time.monotonic() - began < 2


HEADERS = {
    "gzip twice": ({"content_encoding": "gzip, gzip"}, 415),
    "gzip in capitals": ({"content_encoding": "GZIP"}, 200),
    "an unknown compression": ({"content_encoding": "br"}, 415),
    "a compression of no letters": ({"content_encoding": ";;,"}, 415),
    "UTF-16": ({"content_type": "application/json; charset=utf-16"}, 415),
    "two charsets": ({"content_type": "text/plain; charset=utf-8; charset=utf-16"}, 415),
    "XML": ({"content_type": "application/xml"}, 415),
    "a type of no letters": ({"content_type": ";" * 1000}, 200),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_says_something_else_is_answered_by_its_name(dev: Dev, name: str) -> None:
    headers, status = HEADERS[name]
    body = gzip.compress(CLICK) if "content_encoding" in headers else CLICK
    assert post(dev, body, **headers).status_code == status


# --- bombs ---

_TEN_MEGABYTES = gzip.compress(bytes(10_485_760), 9)
_WRONG_SUM = bytearray(gzip.compress(CLICK))
_WRONG_SUM[-8] ^= 1

BOMBS = {
    "1 GB in 1 MB": (_TEN_MEGABYTES * (MAX_BODY_BYTES // len(_TEN_MEGABYTES)), 413),
    "10 GB in 10 MB": (_TEN_MEGABYTES * 1000, 413),
    "a bomb in a bomb": (gzip.compress(_TEN_MEGABYTES * 100), 400),
    "a bomb that is cut short": (_TEN_MEGABYTES[:5000], 413),
    "a small one that is cut short": (gzip.compress(CLICK)[:-1], 400),
    "a wrong checksum": (bytes(_WRONG_SUM), 400),
    "garbage after it": (gzip.compress(CLICK) + b"garbage", 400),
    "two members": (gzip.compress(CLICK[:5]) + gzip.compress(CLICK[5:]), 200),
    "fifty thousand empty members": (gzip.compress(b"") * 50_000, 400),
    "a file name without an end": (b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 1_000_000, 400),
    "no gzip": (b"no gzip", 400),
}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_answered_and_costs_no_memory(dev: Dev, name: str, chunked: bool) -> None:
    body, status = BOMBS[name]
    before = peak_megabytes(dev)
    try:
        answer = post(dev, iter([body]) if chunked else body, content_encoding="gzip")
    except httpx.TransportError:
        # A server that stops reading may close the connection before its answer was read.
        assert len(body) > MAX_BODY_BYTES
    else:
        assert answer.status_code == status
    assert peak_megabytes(dev) - before < 64
    answers(dev)


def peak_megabytes(dev: Dev) -> float:
    status = Path(f"/proc/{dev.process.pid}/status")
    if not status.exists():
        pytest.skip("there is no /proc here to read a process's memory from")
    [line] = [each for each in status.read_text().splitlines() if each.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


# --- the same through the Lambdas ---


def test_hostile_texts_go_through_the_lambdas_alike(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stream = MemoryStream()
    monkeypatch.setitem(settings.OPENERS, "memory", lambda url: stream)
    monkeypatch.setenv("PLAYLAKE_STREAM", "memory://hostile")
    monkeypatch.setenv("PLAYLAKE_LAKE_URI", tmp_path.as_uri())
    bodies = [*(text.encode() for text in texts().values()), *LARGE.values()]
    accepted = sum(_collected(body) for body in bodies)
    event = firehose_event(*stream.records)
    response = transform(event, CONTEXT)
    assert [each["result"] for each in response["records"]] == ["Ok"] * len(stream.records)
    assert accepted > 20
    assert _stored(tmp_path) == accepted


def _collected(body: bytes) -> int:
    """How many events the collector's Lambda takes of a body, which the second reader agrees to."""
    event = {
        "version": "2.0",
        "rawPath": "/events",
        "requestContext": {"http": {"method": "POST"}},
        "headers": {},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    answer = collect(event, CONTEXT)
    objects = objects_of(body)
    assert answer["statusCode"] == (400 if objects is None else 200)
    return len(objects or ())


def _stored(lake: Path) -> int:
    import pyarrow.parquet as pq

    files = [path for table in REGISTRY.tables for path in lake.glob(f"{table.name}/*/*.parquet")]
    return sum(pq.ParquetFile(path).metadata.num_rows for path in files)
