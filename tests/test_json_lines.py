"""Whole records decoded at once give what their lines would give one by one."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.registry import REGISTRY
from events.validation import Validator
from tests.records import LAB_CLICK, LAB_PLAY
from transform.decode import Decoded, Decoder
from transform.json_lines import Lines, line_at_fault, plain_objects
from transform.records import RawRecord

DECODER = Decoder(Validator(REGISTRY))
NOW = 1_790_000_000_000


def dumped(**changes: object) -> bytes:
    return json.dumps({**LAB_PLAY, **changes}).encode()


PLAY = st.integers(0, 999).map(lambda number: dumped(type="video_play", event_id=str(number)))
UNTAGGED = st.integers(0, 999).map(lambda number: dumped(event_id=str(number)))
STRANGE = st.sampled_from(
    [
        json.dumps(LAB_CLICK).encode(),
        dumped(started_at="0"),
        dumped(type="video_play", started_at="$[3] - at `$[0]` (byte 5)"),
        dumped(type="video_play", more=[1, {"a": 2}]),
        dumped(type="nobody's"),
        b'{"type":"video_play"}{"type":"video_play"}',
        dumped() + dumped(),
        b'{"a":{}',
        b'"b":1}',
        b'{"a":[{}',
        b"{}]}",
        b"{",
        b"}",
        b" ",
        b"",
        b"\r",
        b"[1]",
        b"null",
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":1,}',
        b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        dumped(referer="x" * 70_000),
        dumped(type="video_play", referer="x" * 70_000),
    ]
)
# Mostly of one kind, as they come.
RECORDS = st.one_of(
    st.lists(PLAY | UNTAGGED | STRANGE, max_size=12),
    st.lists(PLAY, max_size=60).flatmap(
        lambda good: st.lists(STRANGE, max_size=3).flatmap(
            lambda bad: st.permutations([*good, *bad])
        )
    ),
)


def decoded(*records: bytes) -> Decoded:
    raw = [
        RawRecord(str(number), base64.b64encode(data).decode(), NOW)
        for number, data in enumerate(records)
    ]
    return DECODER.decode(raw, 0)


@settings(max_examples=400, deadline=None)
@given(lines=RECORDS, ends=st.booleans())
def test_a_records_lines_are_what_each_is_alone(lines, ends):
    together = decoded(b"\n".join(lines) + b"\n" * ends)
    # A line of mere space is an event that is empty only where it is all that there is.
    several = [line for line in lines if line.strip(b"\r ")] if len(lines) > 1 else lines
    apart = decoded(*(line + b"\n" for line in several))
    for one, other in zip(together.by_type, apart.by_type, strict=True):
        assert one.fields.columns() == other.fields.columns()
        assert list(one.lines) == list(other.lines)
        assert [one.lines[place] for place in range(len(one.lines))] == list(one.lines)
        assert (one.properties, one.names) == (other.properties, other.names)
        assert one.arrivals == other.arrivals
    if any(line.strip(b"\r ") for line in lines):
        assert together.rejects == apart.rejects


@given(st.lists(st.lists(st.binary(max_size=5).filter(lambda line: b"\n" not in line))))
def test_lines_are_found_by_their_place_however_they_came(blocks):
    lines, expected = Lines(), []
    for number, block in enumerate(blocks):
        if number % 2:
            lines.add_block(b"".join(line + b"\n" for line in block), len(block))
        else:
            for line in block:
                lines.add(line)
        expected += block
    assert len(lines) == len(expected)
    assert [lines[place] for place in range(len(expected))] == expected
    assert list(lines) == expected
    assert lines[1:3] == expected[1:3]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a":1}\n', (1, 8)),
        (b'{"a":1}\n{}\n', (2, 11)),
        (b'{"a":1}', (0, 0)),
        (b'{"a":1}\n{}', (1, 8)),
        (b'{"a":\n1}\n', (0, 0)),
        (b'{"a":1}\r\n{}\r\n', (0, 0)),
        (b"\n", (0, 0)),
        (b"{}\n\n", (1, 3)),
        (b"{}\n {}\n", (1, 3)),
        (b"", (0, 0)),
    ],
)
def test_what_are_plainly_objects_are_counted(data, found):
    assert plain_objects(data, 0) == found
    behind = b"1\n" + data
    assert plain_objects(behind, 2) == (found[0], found[1] + 2)


@pytest.mark.parametrize(
    ("complaint", "place"),
    [
        ("Expected `int`, got `str` - at `$[1].x`", (3, 6)),
        ("unknown field `a - at `$[0]`` - at `$[2]`", (6, 9)),
        ("JSON is malformed: trailing comma in object (byte 4)", (3, 6)),
        ("JSON is malformed: unexpected end (byte 99)", None),
        ("maximum recursion depth exceeded", None),
    ],
)
def test_the_line_at_fault_is_found_by_the_decoders_words(complaint, place):
    assert line_at_fault(b"{}\n{}\n{}\n", complaint) == place
