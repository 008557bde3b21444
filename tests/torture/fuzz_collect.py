"""The collector's target: bytes → a request → an answer that is right → rows, one an event.

A case's first three bytes choose the media type, the compression and the other headers; the rest
is the body before it is compressed. `python -m tests.torture.fuzz_run fuzz_collect` runs it.
"""

import gzip
import itertools
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from ingest import body, collector, cors, packing, parsing, recording, refusals, request
from ingest.collector import Collected, Collector
from ingest.refusals import STATUS_OF
from ingest.request import Request, headers_of
from playlake.simulation import Scenario, Simulation
from tests.records import ARRIVED, LAB_CLICK, LAB_PLAY
from tests.torture.fuzz_oracle import Batch, fields_of, objects_of
from tests.torture.hostile import strings, texts

COVERED = (body, collector, cors, packing, parsing, recording, refusals, request)
"""The modules whose lines are counted."""
HEAD = 3
_DELIVERED_TWICE = 128
"""From here on a case's third byte says that its records come twice, as a stream may give them."""
"""How many bytes of a case choose its headers."""

_RECORD_BYTES = 3_000  # small, so that some requests are several records, and some events too large

_TYPES = (
    *(("application/json", True),) * 9,
    ("text/plain;charset=UTF-8", True),
    (None, True),
    ('APPLICATION/JSON ; charset="utf-8"', True),
    ("application/x-www-form-urlencoded", True),
    ("application/json; charset=utf-16", False),
    ("application/json; charset=utf-8; charset=utf-7", False),
    ("multipart/form-data; boundary=x", False),
)


class Coded(NamedTuple):
    """A Content-Encoding, what is sent under it, and whether the body comes back from that."""

    header: str | None
    encode: Callable[[bytes], bytes]
    readable: bool


def _same(plain: bytes) -> bytes:
    return plain


def _packed(plain: bytes) -> bytes:
    return gzip.compress(plain, 1, mtime=0)


def _wrong_sum(plain: bytes) -> bytes:
    packed = bytearray(_packed(plain))
    packed[-8] ^= 1
    return bytes(packed)


_BOMB = _packed(bytes(body.MAX_BODY_BYTES + 1))

_CODINGS = (
    *(Coded(None, _same, True),) * 21,
    Coded("identity", _same, True),
    Coded("gzip", _packed, True),
    Coded(" X-GZIP ", _packed, True),
    Coded("gzip", lambda plain: _packed(plain[:9]) + _packed(plain[9:]) + bytes(3), True),
    Coded("gzip", lambda plain: _packed(plain)[:-1], False),
    Coded("gzip", _wrong_sum, False),
    Coded("gzip", lambda plain: _packed(plain) + b"garbage", False),
    Coded("gzip", lambda plain: b"\x1f\x8b" + plain, False),
    Coded("gzip", lambda plain: _packed(plain) + _BOMB, False),
    Coded("gzip, gzip", lambda plain: _packed(_packed(plain)), False),
    Coded("deflate", zlib.compress, False),
)

_OTHERS: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (("User-Agent", "TV/1"),),
    (("user-agent", "a\x00b\xff\ud800\r\nX: y"), ("Referer", "https://example.com/\u202e")),
    (("referer", "a"), ("REFERER", "b"), ("origin", "https://example.com")),
    (("user-agent", " "), ("referer", '"}\n{"')),
    (("content-length", "9" * 40),),
    (("content-length", "\u0663"), ("content-length", "-1")),
    (("user-agent", "x" * 5_000),),
)


_ROUTES = (
    *((("POST", "/events", None),) * 13),
    ("OPTIONS", "/events", 204),
    ("GET", "/events", 405),
    ("POST", "/events/", 404),
)
"""Method, path and, where it is none that takes events, the status."""

_ORIGINS = (frozenset({"*"}), frozenset({"https://example.com"}))


class Target:
    """Takes cases; a batch of them goes through the transform when it is asked to settle."""

    def __init__(self) -> None:
        self.batch = Batch()
        numbers = itertools.count()
        self._collectors = [
            Collector(_RECORD_BYTES, origins, lambda: ARRIVED, lambda: f"made {next(numbers)}")
            for origins in _ORIGINS
        ]

    def take(self, case: bytes) -> None:
        """Send one request, and judge its answer."""
        head, plain = case[:HEAD].ljust(HEAD, b"\0"), case[HEAD:]
        media_type, known_type = _TYPES[head[0] % len(_TYPES)]
        coding = _CODINGS[head[1] % len(_CODINGS)]
        others = _OTHERS[head[2] % len(_OTHERS)]
        method, path, status = _ROUTES[head[2] // len(_OTHERS) % len(_ROUTES)]
        asked = _request(media_type, coding, others, plain)
        asked = replace(asked, method=method, path=path)
        collected = self._collectors[head[0] // len(_TYPES) % len(_ORIGINS)].collect(asked)
        if status is not None:
            assert (collected.response.status, collected.records) == (status, [])
            return
        objects = objects_of(plain) if coding.readable and known_type else None
        if asked.declared_length > body.MAX_BODY_BYTES:
            objects = None
        check_answer(collected, objects, asked)
        for record in collected.records * (2 if head[2] >= _DELIVERED_TWICE else 1):
            self.batch.add(record)


def _request(
    media_type: str | None, coding: Coded, others: tuple[tuple[str, str], ...], plain: bytes
) -> Request:
    named = (("Content-Type", media_type), ("Content-Encoding", coding.header))
    given = [(name, value) for name, value in named if value is not None]
    return Request("POST", "/events", headers_of([*given, *others]), coding.encode(plain))


def check_answer(collected: Collected, objects: list[str] | None, asked: Request) -> None:
    """Raise AssertionError unless the answer and the records are what the contract says of them."""
    response, records = collected
    said = json.loads(response.body)
    if objects is None:
        assert response.status in {400, 413, 415}, response
        assert said.keys() == {"error"}
        assert said["error"].keys() == {"code", "message"}
        assert STATUS_OF[said["error"]["code"]] == response.status
        assert (records, response.accepted) == ([], 0)
        return
    if response.status == 413:  # few bytes, but many events, or one that outgrew the record
        assert len(objects) > parsing.MAX_EVENTS or _longest(objects, asked) > _RECORD_BYTES
        return
    assert response.status == 200, response
    assert said == {"data": {"success": True, "accepted": len(objects)}}
    assert response.accepted == len(objects)
    _check_records(records, objects, asked)


def _longest(objects: list[str], asked: Request) -> int:
    """What the longest line has at most, in bytes."""
    kept = [asked.headers.get(name, "") for name in ("user-agent", "referer")]
    added = sum(4 * min(len(value), recording.MAX_HEADER_CHARACTERS) for value in kept)
    return max(len(text.encode()) for text in objects) + added + 200


def _check_records(records: list[bytes], objects: list[str], asked: Request) -> None:
    lines = [line + b"\n" for line in b"".join(records).split(b"\n")[:-1]]
    assert len(lines) == len(objects)
    assert all(len(record) <= _RECORD_BYTES and record.endswith(b"\n") for record in records)
    for line, text in zip(lines, objects, strict=True):
        _check_line(line, text, asked)


def _check_line(line: bytes, text: str, asked: Request) -> None:
    """The client's bytes as they were; then, before the last brace, only what may be added."""
    kept = text.encode().translate(bytes.maketrans(b"\r\n", b"  "))[:-1]
    assert line.startswith(kept), (line, kept)
    sent = fields_of(text.encode())
    assert sent is not None
    added = fields_of(b"{" + line[len(kept) :].removeprefix(b"," if sent else b""))
    assert added is not None, line
    assert added.pop("received_at") == ARRIVED
    assert line.endswith(b'"received_at":%d}\n' % ARRIVED)
    absent = {name for name in ("event_id", "user_agent", "referer") if sent.get(name) is None}
    assert added.keys() <= absent, line
    assert ("event_id" in added) == ("event_id" in absent), line
    for name, header in (("user_agent", "user-agent"), ("referer", "referer")):
        value = asked.headers.get(header, "").strip()
        assert (name in added) == (name in absent and bool(value)), line


def seeds() -> Iterator[bytes]:
    """Cases to begin with: what players send, and what has broken others."""
    for number, each in enumerate(bodies()):
        yield (
            bytes((number % 9, number % 22, number % len(_OTHERS) + number % 2 * _DELIVERED_TWICE))
            + each
        )
    for coding in range(len(_CODINGS)):
        for other in range(len(_OTHERS)):
            yield bytes((coding % len(_TYPES), coding, other)) + json.dumps(LAB_PLAY).encode()
    for number in range(256):
        yield bytes((number, 0, number)) + json.dumps(LAB_CLICK).encode()


def bodies() -> Iterator[bytes]:
    """Bodies: the simulator's, the lab's, the hostile lists'."""
    yield json.dumps([LAB_PLAY, LAB_CLICK]).encode()
    yield b"[" + b",".join([b"{}"] * (parsing.MAX_EVENTS + 1)) + b"]"
    yield b'{"a":"' + b"x" * _RECORD_BYTES + b'"}'
    simulation = Simulation(Scenario(until=date(2026, 3, 31), viewers=30, days=2, malformed=0.2))
    yield from itertools.islice((each.body for each in simulation.requests()), 150)
    yield from (text.encode("utf-8") for text in texts().values())
    for text in strings():
        fields = LAB_PLAY | {"video_id": text, "viewer_id": text, text: text}
        yield json.dumps(fields, ensure_ascii=False).encode()
        yield json.dumps({"type": text, "event_id": text, "action": text}).encode()
