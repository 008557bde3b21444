"""What must be true of any request and any record, told by a second opinion: Python's own json.

The collector and the transform read JSON by msgspec. What they must make of it is judged here by
the standard library's reader, made strict, so that a fault of theirs cannot hide in both.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pybase64

from events.limits import INT64_MAX, INT64_MIN, MAX_DEPTH
from events.rejected import REJECTED_EVENTS
from tests.records import ARRIVED
from transform.parquet import data_objects, encode, plain
from transform.process import Processed, process
from transform.records import RawRecord, Result

_SPACE = " \t\r\n"
_OBJECTS = 8
"""How many Parquet files of a batch are compared: a file takes a millisecond, an event far less."""

Pairs = list[tuple[str, Any]]


class Unfit(Exception):
    """A text that is no strict JSON."""


def _constant(text: str) -> NoReturn:
    raise Unfit(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Unfit(text)
    return value


class _Object(list[tuple[str, Any]]):
    """An object's members in order, doubles and all."""


_reader = json.JSONDecoder(object_pairs_hook=_Object, parse_float=_number, parse_constant=_constant)


def objects_of(body: bytes) -> list[str] | None:
    """The text of each event in a body that the collector must take; None if it must not.

    Limits of size and of count are not judged: keep the bodies under them.
    """
    try:
        text = body.removeprefix(b"\xef\xbb\xbf").decode().strip(_SPACE)
        found = _elements(text) if text.startswith("[") else [(text, _whole(text))]
    except (Unfit, ValueError, RecursionError):
        return None
    taken = all(isinstance(value, _Object) and _fits(value) for _, value in found)
    return [written for written, _ in found] if taken else None


def _whole(text: str) -> Any:
    value, end = _reader.raw_decode(text)
    if end != len(text):
        raise Unfit(text[end:])
    return value


def _elements(text: str) -> list[tuple[str, Any]]:
    """The elements of an array, each as it was written and as it reads."""
    found: list[tuple[str, Any]] = []
    at = _skip(text, 1)
    if text[at : at + 1] == "]":
        _end(text, at)
        return found
    while True:
        value, end = _reader.raw_decode(text, at)
        found.append((text[at:end], value))
        at = _skip(text, end)
        if text[at : at + 1] != ",":
            _end(text, at)
            return found
        at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _end(text: str, at: int) -> None:
    if text[at:] != "]":
        raise Unfit(text[at:])


def _fits(value: Any, depth: int = 1) -> bool:
    """Whether 64 bits hold every number and UTF-8 every text, and nothing is too deep."""
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, int):
        return INT64_MIN <= value <= INT64_MAX
    if isinstance(value, list):
        if depth > MAX_DEPTH:
            return False
        members = _flat(value) if isinstance(value, _Object) else value
        return all(_fits(each, depth + 1) for each in members)
    return True


def _flat(members: Pairs) -> Iterable[Any]:
    return (each for member in members for each in member)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _all_text(value: Any) -> bool:
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, list):
        return all(map(_all_text, _flat(value) if isinstance(value, _Object) else value))
    return True


def fields_of(line: bytes) -> dict[str, Any] | None:
    """The fields of a line that is a JSON object, of a key's values the last; else None."""
    try:
        value = _whole(line.decode().strip(_SPACE))
    except (Unfit, ValueError, RecursionError):
        return None
    return dict(value) if isinstance(value, _Object) and _all_text(value) else None


class Tally(NamedTuple):
    """What came of a batch."""

    events: int
    lost: int
    doubled: int


class Batch:
    """Records on their way through the transform, and what must come of each line in them."""

    def __init__(self) -> None:
        self.records: list[RawRecord] = []
        self._sent: Counter[str] = Counter()
        self._fields: dict[str, dict[str, Any]] = {}
        self._nameless = 0
        self._lines: set[bytes] = set()
        self._undecodable: list[str] = []

    def add(self, data: bytes, arrived_at: int | None = ARRIVED) -> None:
        """A record with this in it."""
        self._append(pybase64.b64encode(data).decode(), arrived_at)
        for line in lines_of(data):
            self._expect(line)

    def add_undecodable(self, data: str | bytes) -> None:
        """A record that is no base64."""
        self._undecodable.append(str(len(self.records)))
        self._append(data, ARRIVED)
        raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
        self._lines.add(raw)
        self._nameless += 1

    def settle(self) -> Tally:
        """Run the transform, twice, and count. Raises AssertionError for whatever else is wrong."""
        processed = process(self.records, ARRIVED)
        self._check_outcomes(processed)
        self._check_values(processed)
        _check_again(processed, process(self.records, ARRIVED))
        _check_files(processed)
        return self._tally(processed)

    def _append(self, data: str | bytes, arrived_at: int | None) -> None:
        self.records.append(RawRecord(str(len(self.records)), data, arrived_at))

    def _expect(self, line: bytes) -> None:
        self._lines.add(line)
        fields = fields_of(line)
        own = None if fields is None else fields.get("event_id")
        if fields is None or not isinstance(own, str) or not own:
            self._nameless += 1
        else:
            self._sent[own] += 1
            self._fields[own] = fields

    def _check_outcomes(self, processed: Processed) -> None:
        outcomes = processed.outcomes
        assert [each.record_id for each in outcomes] == [each.record_id for each in self.records]
        failed = [each.record_id for each in outcomes if each.result is Result.FAILED]
        assert failed == self._undecodable

    def _check_values(self, processed: Processed) -> None:
        """What is stored is what was sent: payloads byte for byte, texts letter for letter."""
        for name, table in processed.tables.items():
            if name == REJECTED_EVENTS.name:
                stored = table.select(["payload", "payload_encoding"]).to_pylist()
                assert {_payload(row) for row in stored} <= self._lines
            else:
                names = {"event_id", "video_id", "viewer_id"} & {*table.column_names}
                for row in table.select(sorted(names)).to_pylist():
                    self._check_texts(row)

    def _check_texts(self, row: dict[str, Any]) -> None:
        own = row["event_id"]
        if self._sent[own] != 1:
            return
        for name, stored in row.items():
            assert stored is None or stored == self._fields[own][name], (name, stored)

    def _tally(self, processed: Processed) -> Tally:
        ids = [table["event_id"].to_pylist() for table in processed.tables.values()]
        rows = Counter(own for column in ids for own in column)
        strangers = sum(count for own, count in rows.items() if own not in self._sent)
        lost = sum(own not in rows for own in self._sent) + max(0, self._nameless - strangers)
        doubled = sum(rows[own] > count for own, count in self._sent.items())
        doubled += sum(len(column) - len(set(column)) for column in ids)
        doubled += max(0, strangers - self._nameless)
        return Tally(self._sent.total() + self._nameless, lost, doubled)


def lines_of(data: bytes) -> list[bytes]:
    """The events that a record holds: its lines that are not blank; a blank record is one."""
    lines = [line for line in data.split(b"\n") if line]
    if len(lines) <= 1:
        return lines or [data]
    return [line for line in lines if not line.isspace()]


def _payload(row: dict[str, str]) -> bytes:
    if row["payload_encoding"] == "base64":
        return pybase64.b64decode(row["payload"], validate=True)
    return row["payload"].encode()


def _check_again(first: Processed, second: Processed) -> None:
    assert first.outcomes == second.outcomes
    assert first.tables.keys() == second.tables.keys()
    assert all(table.equals(second.tables[name]) for name, table in first.tables.items())
    for one, other in islice(
        zip(data_objects(first.tables), data_objects(second.tables), strict=True), _OBJECTS
    ):
        assert one == other


def _check_files(processed: Processed) -> None:
    """Every table is as it was when it comes back from Parquet."""
    for table in processed.tables.values():
        read = pq.read_table(pa.BufferReader(encode(table)))
        expected = plain(table)  # devices come as dictionaries
        assert read.cast(expected.schema).equals(expected)
