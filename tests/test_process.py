"""The batch function: raw records in, enriched tables and one outcome per record out."""

import base64
import json
from collections import Counter
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records import ARRIVED, LAB_CLICK, LAB_PLAY, MAC_CHROME, lines, record
from transform.process import Processor, Settings, process
from transform.records import RawRecord, Result

PLAY = {**LAB_PLAY, "type": "video_play"}
DAY = 86_400_000


def rows(table, *records, **settings):
    tables, _ = Processor(settings=Settings(**settings)).process(records, ARRIVED)
    return tables[table].to_pylist() if table in tables else []


def test_the_labs_play_is_enriched():
    (row,) = rows("video_play_events", record("r", LAB_PLAY))
    assert {name: row[name] for name in ("video_id", "user_id", "duration", "dt")} == {
        "video_id": "foobarbaz",
        "user_id": 12345,
        "duration": 14000,
        "dt": "2018-08-29",
    }
    assert (row["device_type"], row["os_name"], row["browser_name"]) == (
        "desktop",
        "Mac OS X",
        "Chrome",
    )
    assert row["logged_at"].replace(tzinfo=UTC).isoformat() == "2018-08-29T06:21:56.167000+00:00"
    assert row["is_bot"] is False
    assert row["clock_suspect"] is False
    assert row["properties"] is None


@pytest.mark.parametrize("logged_at", [1535523716167, 1535523716.167, 1535523716167.0])
def test_seconds_and_milliseconds_are_told_apart(logged_at):
    (row,) = rows("video_play_events", record("r", {**LAB_PLAY, "logged_at": logged_at}))
    assert row["logged_at"].isoformat() == "2018-08-29T06:21:56.167000"


def test_the_labs_click_is_kept_with_its_properties():
    (row,) = rows("custom_events", record("r", LAB_CLICK))
    assert row["event_name"] == "click"
    assert json.loads(row["properties"]) == LAB_CLICK
    assert row["dt"] == "2026-09-21"


def test_fields_that_no_declaration_knows_are_kept_as_they_were_written():
    event = json.dumps(PLAY)[:-1] + ', "b": 1.50, "a": {"x":  [1e2]}, "t": "\\u00e9"}'
    (row,) = rows("video_play_events", record("r", event.encode()))
    assert row["properties"] == '{"b":1.50,"a":{"x":  [1e2]},"t":"\\u00e9"}'


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"type": "signup", "event": "x", "action": "y"}, "signup"),
        ({"event": "x", "action": "y"}, "x"),
        ({"action": "y"}, "y"),
        ({"event": 5, "action": "y"}, "y"),
        ({"type": None, "action": "y"}, "y"),
        ({"a": 1}, None),
    ],
)
def test_any_other_object_is_named_by_its_type_event_or_action(event, name):
    (row,) = rows("custom_events", record("r", event))
    assert row["event_name"] == name


def test_an_object_is_recognised_by_its_fields_when_it_names_no_type():
    half = {"video_id": "v", "user_id": 1, "ended_at": 5, "logged_at": ARRIVED}
    (row,) = rows("rejected_events", record("r", half))
    assert (row["event_type"], row["reason"], row["field"]) == (
        "video_play",
        "missing_field",
        "started_at",
    )


def test_records_of_many_lines_and_blank_lines_are_taken_apart():
    data = b"\n" + lines(PLAY) + b"  \n" + lines({**PLAY, "seq": 1})[:-1]
    (first, second) = rows(
        "video_play_events", RawRecord("r", base64.b64encode(data).decode(), ARRIVED)
    )
    assert {first["seq"], second["seq"]} == {None, 1}


def test_of_events_with_one_id_the_first_is_kept():
    first = {**PLAY, "event_id": "e1", "seq": 1}
    again = {**PLAY, "event_id": "e1", "seq": 2}
    other = {**PLAY, "event_id": "e2", "seq": 3}
    found = rows("video_play_events", record("r0", first, other), record("r1", again))
    assert sorted((row["event_id"], row["seq"]) for row in found) == [("e1", 1), ("e2", 3)]


# The design's rule of dt.


def test_a_late_event_is_of_the_day_it_happened():
    (row,) = rows("video_play_events", record("r", {**PLAY, "logged_at": ARRIVED - 400 * DAY}))
    assert (row["dt"], row["clock_suspect"]) == ("2025-08-17", False)


def test_lateness_is_bounded_when_that_is_set():
    late = {**PLAY, "logged_at": ARRIVED - 31 * DAY}
    fresh = {**PLAY, "logged_at": ARRIVED - 30 * DAY}
    (row,) = rows("rejected_events", record("r", late, fresh), max_late_days=30)
    assert row["reason"] == "too_late"
    assert len(rows("video_play_events", record("r", late, fresh), max_late_days=30)) == 1


@pytest.mark.parametrize(("ahead", "suspect"), [(600_000, False), (600_001, True), (DAY, True)])
def test_a_clock_more_than_ten_minutes_ahead_is_not_believed(ahead, suspect):
    (row,) = rows("video_play_events", record("r", {**PLAY, "logged_at": ARRIVED + ahead}))
    assert row["clock_suspect"] is suspect
    assert row["dt"] == "2026-09-21"
    assert row["logged_at"].replace(tzinfo=UTC).timestamp() * 1000 == ARRIVED + ahead


def test_received_at_is_the_collectors_word_then_the_streams():
    told = {**PLAY, "received_at": ARRIVED - DAY, "logged_at": ARRIVED}
    (row,) = rows("video_play_events", record("r", told))
    assert (row["clock_suspect"], row["dt"]) == (True, "2026-09-20")
    absurd = {**PLAY, "received_at": 5, "logged_at": ARRIVED}
    (row,) = rows("video_play_events", record("r", absurd))
    assert row["received_at"].replace(tzinfo=UTC).timestamp() * 1000 == ARRIVED
    silent = record("r", {**PLAY, "logged_at": ARRIVED}, arrived_at=None)
    (row,) = rows("video_play_events", silent)
    assert row["received_at"].replace(tzinfo=UTC).timestamp() * 1000 == ARRIVED


@pytest.mark.parametrize("logged_at", [0, -1, 946_684_799_999, 946_684_799, 1e300, 253402300800000])
def test_a_time_before_2000_or_beyond_dates_is_rejected(logged_at):
    (row,) = rows("rejected_events", record("r", {**PLAY, "logged_at": logged_at}))
    assert (row["reason"], row["field"]) == ("impossible_clock", "logged_at")


@pytest.mark.parametrize(
    ("wall_ms", "rate", "content", "taken"),
    [
        (1000, None, 2000, True),
        (1000, None, 2001, False),
        (1000, 2.0, 3000, True),
        (1000, 2.0, 3001, False),
        (None, 1.0, 10**9, True),
        (0, 1.0, 1000, True),
    ],
)
def test_an_interval_longer_than_wall_time_and_rate_allow_is_rejected(
    wall_ms, rate, content, taken
):
    event = {**PLAY, "ended_at": content, "wall_ms": wall_ms, "playback_rate": rate}
    rejected = rows("rejected_events", record("r", event))
    assert [row["reason"] for row in rejected] == ([] if taken else ["longer_than_wall_time"])


BAD = [
    (b"not json", "not_json"),
    (b'{"a":NaN}', "not_json"),
    (b'{"a":1}}', "not_json"),
    (b"[1]", "not_object"),
    (b'"x"', "not_object"),
    (b"{}", "empty"),
    (b'{"event_id":"x"}', "empty"),
    (b'{"a":"\\ud800"}', "lone_surrogate"),
    (b'{"a":"\\udc00x"}', "lone_surrogate"),
    (b'{"a":"\xff"}', "not_utf8"),
    (b'{"a":1e400}', "out_of_range"),
    (b"[" * 100_000, "too_deep"),
    (b'{"a":' * 10_000, "too_deep"),
    (b'{"a":"' + b"x" * 300_000 + b'"}', "too_large"),
    ({**PLAY, "video_id": 5}, "wrong_type"),
    ({**PLAY, "started_at": "0"}, "wrong_type"),
    ({**PLAY, "started_at": 1.5}, "wrong_type"),
    ({**PLAY, "started_at": True}, "wrong_type"),
    ({**PLAY, "ended_at": None}, "wrong_type"),
    ({**PLAY, "logged_at": "yesterday"}, "wrong_type"),
    ({**PLAY, "ended_at": 2**63}, "out_of_range"),
    ({**PLAY, "started_at": -1}, "out_of_range"),
    ({**PLAY, "ended_at": 2**53}, "out_of_range"),
    ({**PLAY, "wall_ms": 2**53}, "out_of_range"),
    ({**PLAY, "ended_at": 2**53 - 1, "wall_ms": 1, "playback_rate": 1.0}, "longer_than_wall_time"),
    ({**PLAY, "video_id": 5, "received_at": -1e308}, "wrong_type"),
    ({**PLAY, "logged_at": 1e300, "received_at": 253402300799999}, "impossible_clock"),
    ({**PLAY, "video_id": ""}, "out_of_range"),
    ({**PLAY, "user_id": None}, "missing_field"),
    ({name: value for name, value in PLAY.items() if name != "logged_at"}, "missing_field"),
    ({**PLAY, "logged_at": 1}, "impossible_clock"),
    ({**PLAY, "sent_at": 1}, "impossible_clock"),
    ({**PLAY, "started_at": 14_001}, "ended_before_started"),
    ({**PLAY, "wall_ms": 1}, "longer_than_wall_time"),
]


@pytest.mark.parametrize(
    ("event", "reason"), BAD, ids=[f"{n}-{why}" for n, (_, why) in enumerate(BAD)]
)
def test_a_bad_event_is_rejected_with_its_reason_and_takes_no_neighbour_with_it(event, reason):
    good = {**PLAY, "event_id": "good"}
    tables, outcomes = process([record("r", good, event, LAB_CLICK)], ARRIVED)
    assert [outcome.result for outcome in outcomes] == [Result.OK]
    assert tables["video_play_events"]["event_id"].to_pylist() == ["good"]
    assert len(tables["custom_events"]) == 1
    (row,) = tables["rejected_events"].to_pylist()
    assert row["reason"] == reason
    assert row["message"].endswith(".")
    payload = row["payload"].encode()
    if row["payload_encoding"] == "base64":
        payload = base64.b64decode(payload)
    assert payload + b"\n" == lines(event)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"video_id": 5}, "video_id is not right: expected string, got integer."),
        ({"started_at": 1.5}, "started_at is not right: expected integer, got number."),
        ({"started_at": -1}, "started_at is not right: expected integer >= 0."),
        ({"logged_at": "now"}, "logged_at is not right: expected number, got string."),
        ({"visible": "yes"}, "visible is not right: expected boolean | null, got string."),
    ],
)
def test_a_message_names_types_as_json_does(changes, said):
    rejected = process([record("1", {**PLAY, **changes})], ARRIVED).tables["rejected_events"]
    assert rejected["message"][0].as_py().startswith(said)


def test_a_record_that_is_no_base64_fails_and_is_rejected():
    tables, outcomes = process([RawRecord("r", "!!!", ARRIVED), record("s", PLAY)], ARRIVED)
    assert [(outcome.record_id, outcome.result) for outcome in outcomes] == [
        ("r", Result.FAILED),
        ("s", Result.OK),
    ]
    (row,) = tables["rejected_events"].to_pylist()
    assert (row["reason"], row["payload"]) == ("bad_base64", "!!!")


def test_a_record_that_is_no_text_at_all_is_rejected():
    tables, _ = process([RawRecord("r", "\ud800", ARRIVED)], ARRIVED)
    (row,) = tables["rejected_events"].to_pylist()
    assert (row["reason"], row["payload_encoding"]) == ("bad_base64", "base64")


def test_numbers_that_a_rule_holds_are_taken_to_their_limits():
    event = {**PLAY, "ended_at": 2**53 - 1, "wall_ms": 2**53 - 1, "playback_rate": 1e308}
    assert len(rows("video_play_events", record("r", event))) == 1


def test_of_duplicate_keys_the_last_counts():
    event = json.dumps(PLAY)[:-1] + f', "received_at": "mine", "received_at": {ARRIVED - DAY}}}'
    (row,) = rows("video_play_events", record("r", event.encode()))
    assert row["received_at"].replace(tzinfo=UTC).timestamp() * 1000 == ARRIVED - DAY


def test_a_custom_event_is_collected_whatever_its_fields_hold():
    event = {"type": "custom", "action": "click", "user_id": "u1", "event_id": 5, "logged_at": None}
    (row,) = rows("custom_events", record("r", event))
    assert (row["event_name"], row["user_id"]) == ("click", None)
    assert json.loads(row["properties"]) == {"action": "click", "user_id": "u1", "event_id": 5}


@pytest.mark.parametrize("user_id", [-(2**63), 2**63 - 1])
def test_any_64_bit_integer_is_a_user(user_id):
    (row,) = rows("video_play_events", record("r", {**PLAY, "user_id": user_id}))
    assert row["user_id"] == user_id


@pytest.mark.parametrize("data", ["", base64.b64encode(b"\n \n").decode()])
def test_an_empty_record_is_rejected(data):
    tables, outcomes = process([RawRecord("r", data, ARRIVED)], ARRIVED)
    assert tables["rejected_events"]["reason"].to_pylist() == ["empty"]
    assert outcomes[0].result is Result.OK


def test_an_empty_batch_is_nothing():
    assert process([], ARRIVED) == ({}, [])


def test_a_rejected_event_keeps_its_own_id_and_day():
    event = {**PLAY, "started_at": "0", "event_id": "mine", "received_at": ARRIVED - DAY}
    (row,) = rows("rejected_events", record("r", event))
    assert (row["event_id"], row["dt"]) == ("mine", "2026-09-20")


def test_a_tenth_of_poison_of_ten_kinds_leaves_the_good_nine_tenths():
    poison = [
        RawRecord("bad base64", "%%%", ARRIVED),
        record("not JSON", b"not json"),
        record("wrong types", {**PLAY, "video_id": 5}),
        record("lone surrogate", b'{"a":"\\ud800"}'),
        record("1e400", b'{"a":1e400}'),
        RawRecord("empty", "", ARRIVED),
        record("giant", b'{"a":"' + b"x" * 900_000 + b'"}'),
        record("impossible clock", {**PLAY, "logged_at": 1}),
        record("ended before started", {**PLAY, "started_at": 14_001}),
        record("longer than wall time", {**PLAY, "wall_ms": 1}),
    ]
    batch = []
    for number in range(1000):
        batch.append(record(f"good {number}", {**PLAY, "event_id": f"e{number}"}))
        if number % 9 == 8 and number < 900:
            bad = poison[(number // 9) % 10]
            batch.append(RawRecord(f"{bad.record_id} {number}", bad.data, bad.arrived_at))

    tables, outcomes = process(batch, ARRIVED)

    assert [outcome.record_id for outcome in outcomes] == [each.record_id for each in batch]
    failed = [each.record_id for each in outcomes if each.result is Result.FAILED]
    assert len(failed) == 10
    assert all(record_id.startswith("bad base64") for record_id in failed)
    assert set(tables["video_play_events"]["event_id"].to_pylist()) == {
        f"e{n}" for n in range(1000)
    }
    assert Counter(tables["rejected_events"]["reason"].to_pylist()) == dict.fromkeys(
        [
            "bad_base64",
            "not_json",
            "wrong_type",
            "lone_surrogate",
            "out_of_range",
            "empty",
            "too_large",
            "impossible_clock",
            "ended_before_started",
            "longer_than_wall_time",
        ],
        10,
    )


# Laws.

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_fields = st.dictionaries(
    st.sampled_from([*PLAY, "type", "event_id", "wall_ms", "playback_rate", "received_at", "x"]),
    _json
    | st.integers(-(2**63), 2**63 - 1)
    | st.sampled_from([0, 1, ARRIVED, "v", "video_play", "video_player", MAC_CHROME]),
)
_event = _fields.map(lambda changes: json.dumps({**PLAY, **changes}).encode())
_line = (
    st.binary(max_size=30).filter(lambda raw: b"\n" not in raw)
    | _event
    | _json.map(json.dumps).map(str.encode)
)
_record = st.lists(_line, max_size=4).map(b"\n".join)
_batch = st.lists(
    st.one_of(
        _record.map(lambda data: base64.b64encode(data).decode()),
        st.text(max_size=8),
        st.binary(max_size=8),
    ),
    max_size=6,
).map(lambda found: [RawRecord(str(n), data, ARRIVED) for n, data in enumerate(found)])


@settings(max_examples=300)
@given(batch=_batch)
def test_every_batch_has_one_outcome_per_record_in_order_and_is_the_same_again(batch):
    tables, outcomes = process(batch, ARRIVED)
    assert [outcome.record_id for outcome in outcomes] == [each.record_id for each in batch]
    again, _ = process(batch, ARRIVED)
    assert {name: table.to_pylist() for name, table in tables.items()} == {
        name: table.to_pylist() for name, table in again.items()
    }


_unidentified = _line.filter(lambda line: line.strip() and b"event_id" not in line)


@settings(max_examples=300)
@given(found=st.lists(_unidentified, min_size=1, max_size=5))
def test_every_event_is_in_exactly_one_table(found):
    events = [line.replace(b"{", b'{"event_id":"e%d",' % n, 1) for n, line in enumerate(found)]
    tables, _ = process([record("r", *events)], ARRIVED)
    ids = [event_id for table in tables.values() for event_id in table["event_id"].to_pylist()]
    assert len(ids) == len(set(ids)) == len(events)
