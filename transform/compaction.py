"""Compaction: the files of one partition, made one, each event once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from events.arrow import schema
from events.layout import REPLACES, compacted_key
from events.table import Table
from transform.enrich import distinct
from transform.parquet import digest, encode
from transform.store import Store


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did: `replaced` keys became `key`, which holds `rows`."""

    key: str
    replaced: tuple[str, ...]
    rows: int
    duplicates: int


class TooMuch(Exception):
    """The rows take more memory than they may; nothing was written."""


def compact(
    store: Store, table: Table, dt: str, keys: Sequence[str], most_bytes: int | None = None
) -> Compacted:
    """Write the distinct rows of `keys`, files of one partition, as one object.

    Of events with the same event_id the one received first stays. The object names the files that
    it replaces in its metadata (`events.layout.REPLACES`), so that whoever finds it beside them
    knows which to believe; deleting them is the caller's, once the catalog has taken the object.
    Raises `events.errors.StoreUnavailable`, and TooMuch for more than `most_bytes` in Arrow; then
    nothing has changed.
    """
    rows = pa.concat_tables(_read_all(store, table, sorted(keys), most_bytes))
    kept = distinct(rows.sort_by("received_at"))
    kept = kept.sort_by([(name, "ascending") for name in table.sort_by])
    key = compacted_key(table.name, dt, digest(kept))
    replaced = tuple(each for each in sorted(keys) if each != key)
    store.put(key, encode(kept, {REPLACES: json.dumps(replaced)}))
    return Compacted(key, replaced, len(kept), len(rows) - len(kept))


def _read_all(
    store: Store, table: Table, keys: Sequence[str], most_bytes: int | None
) -> list[pa.Table]:
    read, size = [], 0
    for key in keys:
        read.append(read_rows(store, key, table))
        size += read[-1].nbytes
        if most_bytes is not None and size > most_bytes:
            raise TooMuch(f"{len(read)} of {len(keys)} files are {size} bytes in memory")
    return read


def read_rows(store: Store, key: str, table: Table) -> pa.Table:
    """A file's rows in the table's schema of today: a column it lacks is null."""
    rows = pq.ParquetFile(pa.BufferReader(store.get(key))).read()
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.schema.names
        else pa.nulls(len(rows), field.type)
        for field in schema(table)
    ]
    return pa.table(columns, schema=schema(table))
