"""The lines under `raw/` and `failed/`, an object at a time, some lines at a time."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from pybase64 import b64decode, b64encode

from transform.archive import Torn, packed, read_lines
from transform.mending.replay import Replay
from transform.records import RawRecord, Result
from transform.store import Store
from transform.times import plausible, utc_day

ARCHIVED = re.compile(r"(?:raw|failed/[^/]+)/dt=(?P<dt>\d{4}-\d\d-\d\d)/[^/.][^/]*")
"""A key of the archive, not of a hidden file. Firehose names an object within the prefixes that the
delivery stream gives it, under `failed/` by the kind of error; playlake's own deliveries use the
same."""

CHUNK_BYTES = 8 * 2**20
"""What is processed at once: as Python objects events are many times as large."""

_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Line(NamedTuple):
    """A line of the archive, and the record that it holds."""

    text: bytes
    record: RawRecord


class _Lines:
    """An object's lines that are not blank, each with its end, as far as they can be read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.torn = ""
        """Why not all of them can be, once those before were given."""

    def __iter__(self) -> Iterator[bytes]:
        try:
            for line in read_lines(self._data):
                if not line.isspace():
                    yield _ended(line)
        except Torn as error:
            self.torn = str(error)


class _Stamp(msgspec.Struct):
    """What the collector gives every event."""

    event_id: str
    received_at: float


class _ErrorRecord(msgspec.Struct):
    """What counts of Firehose's error record; a function's ARN, which it spells in two ways, does
    not. Numbers come as text too. Source: as `transform.failed.failed_line`."""

    rawData: str  # noqa: N815 (Firehose's name)
    arrivalTimestamp: float | str  # noqa: N815


@dataclass(frozen=True, slots=True)
class RawArchive:
    """Replays `raw/`: what the lake lacks is written, and the archive stays as it is.

    A line without the collector's stamp is left out: when it arrived, and so what its id is where
    it has none, only the stream knew.
    """

    archive: Store
    replay: Replay

    def __call__(self, key: str) -> None:
        """Write what the lake lacks of the object's events.

        Raises KeyError when it is gone, and `events.errors.Unavailable`.
        """
        lines = _Lines(self.archive.get(key))
        for chunk in _chunks(self._stamped(lines)):
            self.replay.restore(self.replay.take([each.record for each in chunk]).tables)
        if lines.torn:
            self.replay.tally.torn(f"{key}: {lines.torn}")

    def _stamped(self, lines: _Lines) -> Iterator[_Line]:
        for text in lines:
            record = _stamped(text)
            if record is None:
                self.replay.tally.stay(1, "unstamped", _shown(text))
            else:
                yield _Line(text, record)


@dataclass(frozen=True, slots=True)
class FailedArchive:
    """Replays `failed/`: records that are in the lake then go on to `raw/`, as if delivered."""

    archive: Store
    replay: Replay

    def __call__(self, key: str) -> None:
        """Write the object's events to the lake, then take their records out of the object: of one
        that is torn what can be read is written, and it stays as it is.

        Raises KeyError when it is gone, and `events.errors.Unavailable`.
        """
        kept: list[bytes] = []
        mended = 0
        lines = _Lines(self.archive.get(key))
        for chunk in _chunks(self._records(lines, kept)):
            staying = self._deliver(chunk)
            kept += staying
            mended += len(chunk) - len(staying)
        if lines.torn:
            self.replay.tally.torn(f"{key}: {lines.torn}")
        elif mended:
            self._replace(key, b"".join(kept))

    def _records(self, lines: _Lines, kept: list[bytes]) -> Iterator[_Line]:
        """The records; lines that hold none are counted, and go to `kept`."""
        for text in lines:
            record = _failed(text)
            if record is None:
                self.replay.tally.stay(1, "unreadable", _shown(text))
                kept.append(text)
            else:
                yield _Line(text, record)

    def _deliver(self, chunk: list[_Line]) -> list[bytes]:
        """Write what the records hold; gives the lines of those that the transform fails at."""
        taken = self.replay.take([each.record for each in chunk])
        self.replay.restore(taken.tables)
        results = list(zip(chunk, taken.results, strict=True))
        self._put_raw([each for each, result in results if result is Result.OK])
        return [each.text for each, result in results if result is None]

    def _put_raw(self, delivered: list[_Line]) -> None:
        if delivered:
            arrived_ms = delivered[0].record.arrived_at or 0
            day = utc_day(arrived_ms)
            lines = b"".join(_ended(b64decode(each.record.data)) for each in delivered)
            # By the error records, which say when each arrived: a second run puts the same.
            self._put(f"raw/dt={day}", b"".join(each.text for each in delivered), lines)

    def _replace(self, key: str, left: bytes) -> None:
        if left:
            self._put(key.rpartition("/")[0], left, left)
        self.archive.delete(key)

    def _put(self, folder: str, named_by: bytes, data: bytes) -> None:
        name = hashlib.sha256(named_by).hexdigest()[:32]
        self.archive.put(f"{folder}/replayed-{name}.json.gz", packed(data))


def _ended(line: bytes) -> bytes:
    return line if line.endswith(b"\n") else line + b"\n"


def _stamped(line: bytes) -> RawRecord | None:
    try:
        stamp = _STAMP.decode(line)
    except _NO_JSON:
        return None
    arrived_at = plausible(stamp.received_at)
    if not stamp.event_id or arrived_at is None:
        return None
    return RawRecord(stamp.event_id, b64encode(line), arrived_at)


def _failed(line: bytes) -> RawRecord | None:
    try:
        found = _ERROR_RECORD.decode(line)
        arrived_at = plausible(float(found.arrivalTimestamp))
    except (*_NO_JSON, ValueError):
        return None
    return None if arrived_at is None else RawRecord("failed", found.rawData, arrived_at)


_STAMP = msgspec.json.Decoder(_Stamp)
_ERROR_RECORD = msgspec.json.Decoder(_ErrorRecord)


def _chunks(lines: Iterable[_Line]) -> Iterator[list[_Line]]:
    """As many as are processed at once. Equal events without an id are told apart by their order
    among those that arrived together, so that these stay together."""
    chunk: list[_Line] = []
    size = 0
    for line in lines:
        if size >= CHUNK_BYTES and line.record.arrived_at != chunk[-1].record.arrived_at:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line.text)
    if chunk:
        yield chunk


def _shown(line: bytes) -> str:
    return line[:200].decode(errors="replace").strip()
