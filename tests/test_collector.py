"""The collector as a function: a request in, a response and raw records out."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.limits import MAX_DEPTH, MAX_EVENT_BYTES
from ingest.body import MAX_BODY_BYTES
from ingest.collector import Collected, Collector
from ingest.packing import pack
from ingest.parsing import MAX_EVENTS
from ingest.recording import MAX_HEADER_CHARACTERS
from ingest.refusals import STATUS_OF
from ingest.request import Request

NOW_MS = 1_732_406_400_123
COLLECTOR = Collector(max_record_bytes=1_024_000, now_ms=lambda: NOW_MS, new_id=lambda: "id-1")


def post(body: bytes, collector: Collector = COLLECTOR, **headers: str) -> Collected:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return collector.collect(Request("POST", "/events", named, body))


def accepted(collected: Collected) -> list[dict[str, Any]]:
    """The events on the stream, once the answer is known to be exactly the contract's."""
    lines = b"".join(collected.records).splitlines()
    assert collected.response.status == 200
    answer = json.loads(collected.response.body)
    assert answer == {"data": {"success": True, "accepted": len(lines)}}
    return [json.loads(line) for line in lines]


def refused(collected: Collected) -> tuple[int, str, str]:
    """Status, code and message, once the answer is known to be the error envelope."""
    assert collected.records == []
    answer = json.loads(collected.response.body)
    assert answer.keys() == {"error"}
    assert answer["error"].keys() == {"code", "message"}
    code = answer["error"]["code"]
    assert collected.response.status == STATUS_OF[code]
    return collected.response.status, code, answer["error"]["message"]


def nested(depth: int) -> bytes:
    """An event of so many levels."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def sized(size: int) -> bytes:
    """An event of so many bytes."""
    return b'{"a":"%s"}' % (b"x" * (size - 8))


# --- what the raw record is ---


def test_the_record_is_the_clients_bytes_and_what_was_added() -> None:
    collected = post(
        b'{"b": 1.50,"a":"\\u00e9"}', user_agent="curl/8", referer="https://a.example/"
    )
    assert collected.records == [
        b'{"b": 1.50,"a":"\\u00e9","event_id":"id-1","user_agent":"curl/8",'
        b'"referer":"https://a.example/","received_at":1732406400123}\n'
    ]


def test_what_the_client_says_of_itself_is_kept() -> None:
    body = b'{"event_id":"mine","user_agent":"TV/1","referer":"app://x"}'
    collected = post(body, user_agent="curl/8", referer="https://a.example/")
    assert collected.records == [body[:-1] + b',"received_at":1732406400123}\n']


def test_null_counts_as_absent() -> None:
    body = b'{"event_id":null,"user_agent":null,"referer":null}'
    [event] = accepted(post(body, user_agent="curl/8", referer="https://a.example/"))
    assert event["event_id"] == "id-1"
    assert event["user_agent"] == "curl/8"
    assert event["referer"] == "https://a.example/"


def test_received_at_is_the_collectors_whatever_the_client_says() -> None:
    [event] = accepted(post(b'{"received_at":1,"\\u0072eceived_at":2}'))
    assert event["received_at"] == NOW_MS


@pytest.mark.parametrize("body", [b"{}", b"{ }", b" {\n} ", b"[{}]", b"\xef\xbb\xbf{}"])
def test_an_empty_object_is_an_event(body: bytes) -> None:
    assert accepted(post(body)) == [{"event_id": "id-1", "received_at": NOW_MS}]


def test_a_pretty_printed_event_is_one_line() -> None:
    collected = post(b'[\r\n{\r\n\t"a":\n"x\\ny"\r\n}\r\n]\n')
    assert b"".join(collected.records).count(b"\n") == 1
    assert accepted(collected)[0]["a"] == "x\ny"


def test_events_keep_their_order_and_get_ids_of_their_own() -> None:
    body = json.dumps([{"n": n} for n in range(MAX_EVENTS)]).encode()
    events = accepted(post(body, Collector(max_record_bytes=1_024_000)))
    assert [event["n"] for event in events] == list(range(MAX_EVENTS))
    ids = [event["event_id"] for event in events]
    assert len(set(ids)) == MAX_EVENTS
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}", found) for found in ids)


def test_an_empty_array_is_accepted_and_puts_nothing_on_the_stream() -> None:
    collected = post(b" [ ] ")
    assert accepted(collected) == []
    assert collected.records == []


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(["event_id", "user_agent", "referer", "received_at"]) | st.text()
objects = st.dictionaries(names, json_values, max_size=6)
header_values = st.sampled_from(["", "curl/8.5.0", 'a "quoted" \\ one'])
layouts = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 0, 2])}
)


@settings(deadline=None)
@given(objects, layouts, header_values, header_values)
def test_any_object_comes_back_with_only_the_added_fields(
    sent: dict[str, Any], layout: dict[str, Any], agent: str, referer: str
) -> None:
    body = json.dumps(sent, **layout).encode()
    collected = post(body, user_agent=agent, referer=referer)
    offered = {"event_id": "id-1", "user_agent": agent, "referer": referer}
    added = {name: value for name, value in offered.items() if value and sent.get(name) is None}
    assert accepted(collected) == [sent | added | {"received_at": NOW_MS}]
    one_line = body.translate(bytes.maketrans(b"\r\n", b"  "))
    assert collected.records[0].startswith(one_line[:-1])


@settings(deadline=None)
@given(st.lists(objects, max_size=8))
def test_any_array_is_accepted_event_by_event(sent: list[dict[str, Any]]) -> None:
    events = accepted(post(json.dumps(sent).encode()))
    assert len(events) == len(sent)
    for event, original in zip(events, sent, strict=True):
        assert event.keys() == original.keys() | {"event_id", "received_at"}


# --- headers that go into the record ---


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ('He said "hi" \\', 'He said "hi" \\'),
        ("caf\xe9", "caf\xe9"),
        ("a\x00b\r\nc\x85", "a\ufffdb\ufffd\ufffdc"),
        ("a\u2028b\ud800c", "a\ufffdb\ufffdc"),
        ("x" * (MAX_HEADER_CHARACTERS + 1), "x" * MAX_HEADER_CHARACTERS),
        ("  curl/8 ", "curl/8"),
    ],
)
def test_a_header_becomes_valid_text(header: str, kept: str) -> None:
    [event] = accepted(post(b"{}", user_agent=header, referer=header))
    assert event["user_agent"] == kept
    assert event["referer"] == kept


@settings(deadline=None)
@given(st.text(st.characters(), max_size=2 * MAX_HEADER_CHARACTERS))
def test_no_header_breaks_the_line(header: str) -> None:
    [event] = accepted(post(b"{}", user_agent=header))
    agent = event.get("user_agent", "")
    assert len(agent) <= MAX_HEADER_CHARACTERS
    assert agent == "" or agent.isprintable()


def test_an_empty_header_adds_nothing() -> None:
    [event] = accepted(post(b"{}", user_agent=" ", referer=""))
    assert event.keys() == {"event_id", "received_at"}


# --- strict JSON ---

HOSTILE = {
    b"": "empty_body",
    b" \r\n": "empty_body",
    b"\xef\xbb\xbf": "empty_body",
    b'"{}"': "not_an_object",
    b"null": "not_an_object",
    b"17": "not_an_object",
    b"[[{}]]": "not_an_object",
    b"[null]": "not_an_object",
    b"{": "invalid_json",
    b"[": "invalid_json",
    b"[{}": "invalid_json",
    b"{}{}": "invalid_json",
    b"{}\n{}": "invalid_json",
    b"[{},]": "invalid_json",
    b'{"a":1,}': "invalid_json",
    b"{'a':1}": "invalid_json",
    b"{a:1}": "invalid_json",
    b'{"a":NaN}': "invalid_json",
    b'{"a":-Infinity}': "invalid_json",
    b'[{"a":Infinity}]': "invalid_json",
    b'{"a":01}': "invalid_json",
    b'{"a":+1}': "invalid_json",
    b'{"a":0x1}': "invalid_json",
    b'{"a":"x\ny"}': "invalid_json",
    b'{"a":"\x00"}': "invalid_json",
    b'{"a":"\\x41"}': "invalid_json",
    b'{"a":1}//': "invalid_json",
    b"action=click&userId=1": "invalid_json",
    b'{"a":"\\ud800"}': "invalid_json",
    b'{"\\udc00":1,"bbbbbbbb":2}': "invalid_json",
    b'[{"a":"\\ud800\\ud800"}]': "invalid_json",
    b'{"a":"\xff"}': "invalid_utf8",
    b'{"\xed\xa0\x80":1}': "invalid_utf8",
    b"\xff\xfe{\x00}\x00": "invalid_utf8",
    b'{"a":9223372036854775808}': "number_out_of_range",
    b'{"a":-9223372036854775809}': "number_out_of_range",
    b'[{"a":{"b":[18446744073709551615]}}]': "number_out_of_range",
    b'{"a":"1","b":' + b"9" * 5000 + b"}": "number_out_of_range",
    b'{"a":1e400}': "number_out_of_range",
    b'[{"a":[-1E+309]}]': "number_out_of_range",
    nested(MAX_DEPTH + 1): "nested_too_deep",
    nested(5_000): "nested_too_deep",
    b"[" * 500_000: "nested_too_deep",
    b'{"a":' * 50_000: "nested_too_deep",
}


@pytest.mark.parametrize(("body", "code"), HOSTILE.items(), ids=lambda value: repr(value)[:40])
def test_what_is_not_strict_json_is_refused(body: bytes, code: str) -> None:
    status, found, message = refused(post(body))
    assert (status, found) == (400, code)
    assert len(message) < 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'[{"b":1},{"a":"x\\udc00"}]', "surrogate"),
        (b'{"a":"\\ud83d\\ude00","b":NaN}', "byte"),
        (b'{"a":"\\ud83d', "ends too early"),
    ],
)
def test_half_a_character_is_called_that(body: bytes, said: str) -> None:
    assert said in refused(post(body))[2]


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":9223372036854775807,"b":-9223372036854775808}',
        b'{"a":"99999999999999999999","\\"12345678901234567890":1}',
        b'{"a":1.7976931348623157e308,"b":12345678901234567890.5,"c":1e-400}',
        b'{"a":"\\ud83d\\ude00","b":"\xf0\x9f\x98\x80","c":"\\u0000"}',
        b'{"brackets":"' + b"[{" * 100 + b'"}',
        b'{"a":[' + b"[]," * 100 + b"{}]}",
        nested(MAX_DEPTH),
        nested(MAX_DEPTH)[:-1] + b',"b":[[{}]]}',
    ],
)
def test_what_only_looks_hostile_is_accepted(text: bytes) -> None:
    [event] = accepted(post(text))
    assert event == json.loads(text) | {"event_id": "id-1", "received_at": NOW_MS}


def test_of_duplicate_keys_the_last_counts() -> None:
    assert accepted(post(b'{"event_id":"a","event_id":null}'))[0]["event_id"] == "id-1"
    assert accepted(post(b'{"event_id":null,"event_id":"a"}'))[0]["event_id"] == "a"


@settings(deadline=None)
@given(st.integers(-(10**25), 10**25))
def test_an_integer_is_accepted_exactly_when_it_has_64_bits(number: int) -> None:
    status = post(b'{"a":[%d]}' % number).response.status
    assert status == (200 if -(2**63) <= number < 2**63 else 400)


@settings(deadline=None)
@given(st.integers(1, 9_999_999_999_999_999_999), st.integers(280, 320))
def test_a_number_is_accepted_exactly_when_it_is_finite(digits: int, exponent: int) -> None:
    number = f"{digits}e{exponent}"
    status = post(b'{"a":%s}' % number.encode()).response.status
    assert status == (200 if math.isfinite(float(number)) else 400)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[{},{},7,{},{}]", "event 3 of 5 is not a JSON object"),
        (b'[{},{"a":[1e400]}]', "event 2 of 2 has a number at its byte 6 that"),
        (
            b'[{},{"a":"1","b":9223372036854775808}]',
            "event 2 of 2 has a number at its byte 13 that",
        ),
        (b"[{}," + nested(MAX_DEPTH + 1) + b"]", "event 2 of 2 is nested deeper than 32 levels"),
        (b'{"a":\xff}', "the body is not UTF-8 at byte 5"),
        (b' {"a" 1}', "the event is not valid JSON: expected ':' at byte 5"),
        (b'[{},{"a"}]', "the body is not valid JSON: expected ':' at byte 8"),
        (b'\xef\xbb\xbf[{},{"a"}]', "the body is not valid JSON: expected ':' at byte 11"),
        (b"[{}, " + sized(MAX_EVENT_BYTES + 1) + b"]", "event 2 of 2 is larger than 262,144 bytes"),
    ],
)
def test_a_refusal_names_the_place(body: bytes, said: str) -> None:
    assert refused(post(body))[2].startswith(said)


@pytest.mark.parametrize(
    "shape", [b'{"%s":NaN}', b'[{"a":"%s"},1]', b'{"%s":1e999}', b"%s", b'"%s"']
)
def test_a_refusal_repeats_nothing_the_client_sent(shape: bytes) -> None:
    collected = post(shape % b"s3cret", content_type="text/plain", user_agent="s3cret")
    assert collected.response.status == 400
    assert b"s3cret" not in collected.response.body


# --- limits ---


def test_events_up_to_the_limit_are_accepted_and_one_more_is_refused() -> None:
    assert len(accepted(post(b"[" + b",".join([b"{}"] * MAX_EVENTS) + b"]"))) == MAX_EVENTS
    too_many = b"[" + b",".join([b"{}"] * (MAX_EVENTS + 1)) + b"]"
    assert refused(post(too_many))[:2] == (413, "too_many_events")


def test_an_event_up_to_its_limit_is_accepted_and_one_more_byte_is_refused() -> None:
    assert len(accepted(post(sized(MAX_EVENT_BYTES)))) == 1
    assert refused(post(sized(MAX_EVENT_BYTES + 1)))[:2] == (413, "event_too_large")


def test_a_body_up_to_its_limit_is_accepted_and_one_more_byte_is_refused() -> None:
    assert len(accepted(post(b"{}".ljust(MAX_BODY_BYTES)))) == 1
    assert refused(post(b"{}".ljust(MAX_BODY_BYTES + 1)))[:2] == (413, "body_too_large")


def test_a_declared_length_over_the_limit_is_believed() -> None:
    declared = refused(post(b"{}", content_length=str(MAX_BODY_BYTES + 1)))
    assert declared[:2] == (413, "body_too_large")
    assert refused(post(b"{}", content_length="9" * 5000))[:2] == (413, "body_too_large")
    assert len(accepted(post(b"{}", content_length="\xb2"))) == 1


def test_an_event_that_outgrows_the_streams_record_is_refused_by_its_place() -> None:
    small = Collector(max_record_bytes=200, new_id=lambda: "id-1")
    assert len(accepted(post(b"[{}," + sized(100) + b"]", small))) == 2
    status, code, message = refused(post(b"[{}," + sized(190) + b"]", small))
    assert (status, code) == (413, "event_too_large")
    assert message.startswith("event 2 of 2 ")


# --- packing ---

line_lists = st.lists(st.binary(max_size=30).map(lambda text: text + b"\n"), max_size=40)


def fewest(sizes: list[int], limit: int) -> int:
    """The fewest records there can be, found by trying every way to cut."""
    best = [0]
    for end in range(1, len(sizes) + 1):
        starts = (start for start in range(end) if sum(sizes[start:end]) <= limit)
        best.append(1 + min(best[start] for start in starts))
    return best[-1]


@settings(deadline=None)
@given(line_lists, st.integers(31, 120))
def test_packing_keeps_every_line_in_as_few_records_as_there_can_be(
    lines: list[bytes], limit: int
) -> None:
    records = pack(lines, limit)
    assert b"".join(records) == b"".join(lines)
    assert all(record.endswith(b"\n") and len(record) <= limit for record in records)
    assert len(records) == fewest([len(line) for line in lines], limit)


def test_a_line_over_the_limit_is_never_cut() -> None:
    with pytest.raises(ValueError, match="exceeds 3"):
        pack([b"1234\n"], 3)


def test_the_events_of_a_request_share_a_record() -> None:
    body = b"[" + b",".join([b"{}"] * 50) + b"]"
    line = len(b"".join(post(b"{}").records))
    tight = Collector(max_record_bytes=25 * line, now_ms=lambda: NOW_MS, new_id=lambda: "id-1")
    assert len(post(body).records) == 1
    assert len(post(body, tight).records) == 2
