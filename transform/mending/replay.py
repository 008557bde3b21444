"""Records, sent through the transform once more: what of them is missing in the lake is written.

Safe to interrupt and to run again. An event is known by its id: one that lies in its partition
already is not written, whichever file it is in, so that a second run finds nothing to do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from pybase64 import b64decode, b64encode

from events.layout import object_key
from events.rejected import REJECTED_EVENTS
from events.table import PARTITION_KEY
from transform.mending.presence import EventIds, absent
from transform.mending.tally import Fate, Tally
from transform.parquet import encode
from transform.process import Processed, Processor
from transform.records import RawRecord, Result
from transform.store import Store
from transform.times import days

_TOO_LATE = "too_late"
"""Why an event was rejected that another bound would have taken: see `transform.enrich`."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What the transform made of a chunk."""

    tables: Mapping[str, pa.Table]
    """As `transform.process.Processed.tables`."""
    results: list[Result | None]
    """One per record; None for one that the transform could not process."""


def _new_id() -> str:
    return uuid4().hex


@dataclass(frozen=True, slots=True)
class Replay:
    """Sends records through the transform again, and writes what the lake lacks of them.

    Each call raises `events.errors.Unavailable` when the store or the catalog does not answer.
    """

    lake: Store
    register: Callable[[Iterable[str]], object]
    """Makes new files, by keys relative to the lake, known to the catalog."""
    processor: Processor
    tally: Tally = field(default_factory=Tally)
    """What became of the events so far."""
    new_id: Callable[[], str] = _new_id
    """Names a file, small letters and digits, as no other. Not by its rows: a file of the same ones
    may have been dropped before, by retention say, and a catalog never counts that one's name
    again."""
    _ids: EventIds = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", EventIds(self.lake))

    def take(self, records: Sequence[RawRecord]) -> Taken:
        """What the transform makes of the records, each of which says when it arrived.

        Counts what was read, what was sent twice and what it fails at; that stays where it is, and
        its neighbours come through.
        """
        try:
            processed, failing = self._process(records), set[int]()
        except Exception:  # noqa: BLE001 (data never raises; if it does, it is one record's)
            failing = {n for n, record in enumerate(records) if self._fails_at(record)}
            good = [record for n, record in enumerate(records) if n not in failing]
            processed = self._process(good)
        outcomes = iter(processed.outcomes)
        results = [None if n in failing else next(outcomes).result for n in range(len(records))]
        events = [_events(record) for record in records]
        self.tally.read += sum(events)
        taken = sum(count for n, count in enumerate(events) if n not in failing)
        rows = sum(map(len, processed.tables.values()))
        self.tally.add(None, Fate.THERE, taken - rows, "read_twice")
        return Taken(processed.tables, results)

    def restore(self, tables: Mapping[str, pa.Table], *, beside_rejected: bool = True) -> None:
        """Write the rows whose events are not in the lake, durably, and make them known.

        With `beside_rejected` an event that lies in `rejected_events` is in the lake: what comes
        good of those is taken from there, not written beside it. And one that comes too late now,
        by a bound that was another, is not written there beside its own table.
        """
        keys: list[str] = []
        for name, table in tables.items():
            for dt, rows in _by_day(table):
                keys += self._restore_day(name, dt, rows, beside_rejected)
        if keys:
            self.register(keys)

    def _process(self, records: Sequence[RawRecord]) -> Processed:
        return self.processor.process(records, now_ms=0)  # each says when it arrived

    def _fails_at(self, record: RawRecord) -> bool:
        try:
            self._process([record])
        except Exception as error:  # noqa: BLE001 (counted, and said)
            problem = f"{type(error).__name__}: {error}"
            self.tally.add(None, Fate.BAD, _events(record), "unprocessable", problem)
            return True
        return False

    def _restore_day(
        self, name: str, dt: str, rows: pa.Table, beside_rejected: bool
    ) -> Iterator[str]:
        if beside_rejected and name == REJECTED_EVENTS.name:
            rows = self._not_believed(rows)
        missing = self._absent(name, dt, rows)
        if beside_rejected and name != REJECTED_EVENTS.name:
            missing = self._not_rejected(missing)
        self._count(name, rows, missing)
        if len(missing):
            key = object_key(name, dt, f"p{self.new_id()}")
            self.lake.put(key, encode(missing))
            yield key

    def _absent(self, name: str, dt: str, rows: pa.Table) -> pa.Table:
        """The rows that are in none of the day's files."""
        folder = object_key(name, dt, "").rpartition("/")[0]
        while True:
            try:
                return absent(rows, list(self.lake.keys(f"{folder}/")), self._ids)
            except KeyError:
                # Compaction took a file of the list meanwhile; its rows are in a newer one.
                continue

    def _not_rejected(self, rows: pa.Table) -> pa.Table:
        left = [pa.array([], pa.string())]
        received = days(rows["received_at"].combine_chunks().cast(pa.int64()))
        for dt, some in _by_day(rows.append_column(PARTITION_KEY, received)):
            column = self._absent(REJECTED_EVENTS.name, dt, some)["event_id"]
            left.append(column.combine_chunks())
        return rows.filter(pc.is_in(rows["event_id"], pa.concat_arrays(left)))

    def _not_believed(self, rows: pa.Table) -> pa.Table:
        """Rejected rows without those that came too late and lie in their table all the same."""
        late = rows.filter(pc.equal(rows["reason"], _TOO_LATE)).select(["received_at", "payload"])
        if not len(late):
            return rows
        arrivals = late["received_at"].cast(pa.int64()).to_pylist()
        records = [
            RawRecord(str(number), b64encode(payload.encode()), arrived_at)
            for number, (payload, arrived_at) in enumerate(
                zip(late["payload"].to_pylist(), arrivals, strict=True)
            )
        ]
        there = [pa.array([], pa.string())]
        for name, table in _believing().process(records, now_ms=0).tables.items():
            for dt, some in _by_day(table):
                missing = self._absent(name, dt, some)["event_id"]
                found = _without(some, missing)
                there.append(found["event_id"].combine_chunks())
                self.tally.add(name, Fate.THERE, len(found), example=_first(found, "event_id"))
        return _without(rows, pa.concat_arrays(there))

    def _count(self, name: str, rows: pa.Table, missing: pa.Table) -> None:
        there = _without(rows, missing["event_id"])
        if name == REJECTED_EVENTS.name:
            count_rejects(self.tally, Fate.REJECTED, missing)
            count_rejects(self.tally, Fate.BAD, there)
        else:
            self.tally.add(name, Fate.GOOD, len(missing), example=_first(missing, "event_id"))
            self.tally.add(name, Fate.THERE, len(there), example=_first(there, "event_id"))


def _without(rows: pa.Table, ids: pa.Array | pa.ChunkedArray) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["event_id"], ids)))


@cache
def _believing() -> Processor:
    """The transform that takes an event however late it comes."""
    return Processor()


def count_rejects(tally: Tally, fate: Fate, rows: pa.Table) -> None:
    """Count rows of `rejected_events`, by reason."""
    for reason in rows["reason"].unique().to_pylist():
        some = rows.filter(pc.equal(rows["reason"], reason))
        example = " ".join(_first(some, name) for name in ("event_id", "message", "payload"))
        tally.add(REJECTED_EVENTS.name, fate, len(some), reason, example)


def renamed(table: pa.Table, ids: Mapping[str, str]) -> pa.Table:
    """The table with its events' ids replaced by those that `ids` has for them."""
    position = table.schema.get_field_index("event_id")
    new = [ids.get(each, each) for each in table["event_id"].to_pylist()]
    return table.set_column(position, table.schema.field(position), pa.array(new, pa.string()))


def _events(record: RawRecord) -> int:
    """How many events the transform finds in it: see `transform.decode`."""
    try:
        lines = [line for line in b64decode(record.data, validate=True).split(b"\n") if line]
    except ValueError:
        return 1
    return 1 if len(lines) < 2 else sum(not line.isspace() for line in lines)


def _by_day(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    for dt in sorted(table[PARTITION_KEY].unique().to_pylist()):
        rows = table.filter(pc.equal(table[PARTITION_KEY], dt))
        yield dt, rows.drop_columns([PARTITION_KEY])


def _first(rows: pa.Table, column: str) -> str:
    return str(rows[column][0].as_py()) if len(rows) else ""
