"""What arrived, as the archive has it: the lines under `raw/` and `failed/`, by day of arrival."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pybase64

from transform.archive import Torn, read_lines
from transform.failed import FAILED
from transform.store import Store
from transform.times import plausible, utc_day

RAW = "raw"
LONGEST_ID = 64
"""Characters of an id that are kept as they are: a client may send one of 256 KiB."""

_DAY = timedelta(days=1)
_FILED = re.compile(r"/dt=(\d{4}-\d\d-\d\d)/")


@dataclass(slots=True)
class Lines:
    """Lines of one day under one prefix, by the ids of their events."""

    objects: list[tuple[str, pa.Array]] = field(default_factory=list)
    """The key of each object that they lie in, and the ids there."""
    unnamed: int = 0
    """Lines without an id in a text: no row of the lake can be told to be theirs."""

    def __len__(self) -> int:
        return sum(len(ids) for _, ids in self.objects) + self.unnamed

    def among(self, ids: pa.Array) -> dict[str, str]:
        """Those of `ids` that are here, each with the object that its first line lies in."""
        found: dict[str, str] = {}
        for key, held in self.objects if len(ids) else ():
            here = held.filter(pc.is_in(held, value_set=ids)).to_pylist()
            found = dict.fromkeys(here, key) | found
        return found


@dataclass(slots=True)
class Arrivals:
    """What the archive has of one UTC day, by the `received_at` that the collector wrote."""

    raw: Lines = field(default_factory=Lines)
    failed: Lines = field(default_factory=Lines)

    @property
    def count(self) -> int:
        """All the lines."""
        return len(self.raw) + len(self.failed)

    @property
    def unnamed(self) -> int:
        """Those without an id."""
        return self.raw.unnamed + self.failed.unnamed

    @property
    def ids(self) -> pa.Array:
        """The distinct ids of the others."""
        every = [ids for _, ids in (*self.raw.objects, *self.failed.objects)]
        return pc.unique(pa.chunked_array(every, pa.string()))


@dataclass(slots=True)
class Archive:
    """An archive, read a day at a time."""

    store: Store
    """Rooted where `raw/` and `failed/` lie."""
    unreadable: list[str] = field(default_factory=list)
    """Objects that are torn, by key: what they hold is not counted."""

    def days(self, first: date, last: date) -> Iterator[tuple[date, Arrivals]]:
        """The days from `first` to `last`, in order. Raises `events.errors.StoreUnavailable`.

        An object is filed under the day on which its first record came: what came after midnight
        lies under the day before, and what the stream kept for hours under the day after. So one
        day more is read at either end, and three days are in memory at most.
        """
        held: dict[date, Arrivals] = {}
        for day in _every(first - _DAY, last + _DAY):
            self._read(day, held)
            done = day - _DAY
            arrivals = held.pop(done, Arrivals())
            if done >= first:
                yield done, arrivals

    def _read(self, day: date, held: dict[date, Arrivals]) -> None:
        for prefix in (RAW, FAILED):
            folder = f"{prefix}/dt={day}/"
            # Hidden ones are nobody's archive: a Mac leaves a .DS_Store where it showed a folder.
            keys = [key for key in self.store.keys(folder) if not key.startswith(f"{folder}.")]
            for key in keys:
                for found, ids, unnamed in self._by_day(key, day):
                    arrivals = held.setdefault(found, Arrivals())
                    lines = arrivals.raw if prefix == RAW else arrivals.failed
                    lines.objects.append((key, pa.array(ids, pa.string())))
                    lines.unnamed += unnamed

    def _by_day(self, key: str, filed: date) -> list[tuple[date, list[str], int]]:
        named: defaultdict[date, list[str]] = defaultdict(list)
        unnamed: Counter[date] = Counter()
        try:
            for line in events_in(self.store.get(key)):
                event_id, received_ms = told(line)
                day = filed if received_ms is None else utc_day(received_ms)
                if event_id is None:
                    unnamed[day] += 1
                else:
                    named[day].append(event_id)
        except KeyError:
            return []  # erased or replayed since it was listed
        except Torn:
            self.unreadable.append(key)
        return [(day, named[day], unnamed[day]) for day in named.keys() | unnamed.keys()]


class _Line(msgspec.Struct):
    """Of duplicate keys the last counts, as in the transform."""

    event_id: Any = None
    received_at: Any = None


class _Failed(msgspec.Struct):
    rawData: str  # noqa: N815 (Firehose's name)


_LINE = msgspec.json.Decoder(_Line)
_FAILED = msgspec.json.Decoder(_Failed)


def told(line: bytes) -> tuple[str | None, int | None]:
    """A line's event id, as `short` makes it, and when it was received; None for what it lacks."""
    try:
        found = _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    own = found.event_id
    return short(own) if isinstance(own, str) and own else None, plausible(found.received_at)


def short(event_id: str) -> str:
    """The id, or a digest of one that is too long to be held by the million."""
    if len(event_id) <= LONGEST_ID:
        return event_id
    return "sha256:" + hashlib.sha256(event_id.encode()).hexdigest()


def events_in(data: bytes) -> Iterator[bytes]:
    """The events of an object, a line each; of Firehose's error records those inside them.

    Raises `transform.archive.Torn` as `transform.archive.read_lines` does.
    """
    for line in read_lines(data):
        if b'"rawData"' in line:
            yield from _inside(line)
        elif not line.isspace():
            yield line


def filed_under(key: str) -> str | None:
    """The day that an object is filed under, by its key."""
    found = _FILED.search(key)
    return found[1] if found else None


def _inside(line: bytes) -> Iterator[bytes]:
    try:
        record = pybase64.b64decode(_FAILED.decode(line).rawData)
    except (msgspec.DecodeError, ValueError):
        yield line  # an event that has a field of that name
    else:
        yield from (each for each in record.split(b"\n") if each.strip())


def _every(first: date, last: date) -> Iterator[date]:
    for back in range((last - first).days + 1):
        yield first + timedelta(days=back)
