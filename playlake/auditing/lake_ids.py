"""The event ids that lie in a lake, a partition at a time, and when each was received."""

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from events.layout import parse_key
from events.registry import REGISTRY
from playlake.auditing.arrivals import LONGEST_ID, short
from transform.mending.compaction import superseded
from transform.reading import Gone, StoredFile, read_parquet
from transform.store import Store

_COLUMNS = ("event_id", "received_at")
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class PartitionIds:
    """A partition's rows, `event_id` and `received_at` of each, as a reader counts them."""

    table: str
    dt: str
    rows: pa.Table


@dataclass(slots=True)
class LakeIds:
    """A lake, read for ids; what was read of a partition decides whether it is read again."""

    lake: Store
    unreadable: set[str] = field(default_factory=set)
    """Files that are torn, by key: their rows are not there for any reader."""
    _partitions: list[tuple[str, str]] | None = None
    _spans: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def partitions(self) -> list[tuple[str, str]]:
        """Every (dt, table) of which there are files, the newest day first."""
        if self._partitions is None:
            found = {
                (parsed[1], table.name)
                for table in REGISTRY.tables
                for key in self.lake.keys(f"{table.name}/")
                if (parsed := parse_key(key))
            }
            self._partitions = sorted(found, reverse=True)
        return self._partitions

    def appeared(self) -> list[tuple[str, str]]:
        """Those that are there by now and were not when `partitions` was asked first, or this."""
        before, self._partitions = set(self.partitions()), None
        return [each for each in self.partitions() if each not in before]

    def concerns(self, dt: str, table: str, since_ms: int, until_ms: int) -> bool:
        """Whether the partition may hold rows received from `since_ms` to `until_ms`."""
        first, last = self._spans.get((dt, table), (since_ms, until_ms))
        return first <= until_ms and last >= since_ms

    def read(self, dt: str, table: str) -> PartitionIds:
        """The partition's rows. Raises `events.errors.StoreUnavailable`."""
        rows = self._rows(table, dt)
        received = rows["received_at"].cast(pa.int64())
        ends = pc.min_max(received).as_py()
        self._spans[dt, table] = (ends["min"] or 0, ends["max"] or 0)
        return PartitionIds(table, dt, rows.set_column(1, "received_at", received))

    def _rows(self, table: str, dt: str) -> pa.Table:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._read_files(table, dt)
            except KeyError:
                continue  # compacted meanwhile: what it holds is in another file
        return self._read_files(table, dt)

    def _read_files(self, table: str, dt: str) -> pa.Table:
        read: dict[str, pa.Table] = {}
        replaces: dict[str, tuple[str, ...]] = {}
        for key in [each for each in self.lake.keys(f"{table}/dt={dt}/") if parse_key(each)]:
            file = StoredFile(self.lake, key)
            try:
                rows, replaces[key] = read_parquet(file, _COLUMNS)
                read[key] = _shortened(rows)
            except Gone:
                raise
            except _UNREADABLE:
                self.unreadable.add(key)
                replaces.pop(key, None)
        outlived = superseded(replaces)
        kept = [rows for key, rows in read.items() if key not in outlived]
        return pa.concat_tables(kept or [_EMPTY])


_UNREADABLE = (ValueError, KeyError, NotImplementedError)
"""A torn file's, and of Parquet that is not ours: a column is not there, or of another kind."""
_EMPTY = pa.table(
    {"event_id": pa.array([], pa.string()), "received_at": pa.array([], pa.timestamp("ms"))}
)


def _shortened(rows: pa.Table) -> pa.Table:
    rows = rows.select(_COLUMNS).cast(_EMPTY.schema)
    if (pc.max(pc.utf8_length(rows["event_id"])).as_py() or 0) <= LONGEST_ID:
        return rows
    ids = [short(each) for each in rows["event_id"].to_pylist()]
    return rows.set_column(0, "event_id", pa.array(ids, pa.string()))
