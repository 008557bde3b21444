"""Compaction: the files of one partition, made one, each event once."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from events.arrow import schema
from events.layout import REPLACES, compacted_key, replaced_keys
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

    Of events with the same event_id the one received first stays. A file whose successor is among
    them adds no rows: what was taken out of it (`transform.rewriting`) stays out. The object names
    the files that it replaces in its metadata (`events.layout.REPLACES`), so that whoever finds it
    beside them knows which to believe; deleting them is the caller's, once the catalog has taken
    the object.
    Raises `events.errors.StoreUnavailable`, and TooMuch for more than `most_bytes` in Arrow; then
    nothing has changed.
    """
    read = _read_all(store, table, sorted(keys), most_bytes)
    outlived = superseded({key: replaces for key, (_, replaces) in read.items()})
    rows = pa.concat_tables([rows for key, (rows, _) in read.items() if key not in outlived])
    kept = distinct(rows.sort_by("received_at"))
    kept = kept.sort_by([(name, "ascending") for name in table.sort_by])
    key = compacted_key(table.name, dt, digest(kept))
    replaced = tuple(each for each in sorted(keys) if each != key)
    store.put(key, encode(kept, {REPLACES: json.dumps(replaced)}))
    before = sum(len(each) for each, _ in read.values())
    return Compacted(key, replaced, len(kept), before - len(kept))


def superseded(replaces: Mapping[str, Collection[str]]) -> set[str]:
    """Of files, each with the keys that it replaces, those whose rows another one holds.

    A batch that was delivered again after a rewrite can make two files name each other. Neither is
    then superseded: better are rows that count twice until they are compacted than none.
    """
    named = {each for key, keys in replaces.items() for each in keys if each != key}
    reached = set(replaces) - named
    begun = list(reached)
    while begun:
        found = set(replaces[begun.pop()]) & (replaces.keys() - reached)
        reached |= found
        begun += found
    return reached & named


def _read_all(
    store: Store, table: Table, keys: Sequence[str], most_bytes: int | None
) -> dict[str, tuple[pa.Table, tuple[str, ...]]]:
    read: dict[str, tuple[pa.Table, tuple[str, ...]]] = {}
    size = 0
    for key in keys:
        read[key] = _read(store.get(key), table)
        size += read[key][0].nbytes
        if most_bytes is not None and size > most_bytes:
            raise TooMuch(f"{len(read)} of {len(keys)} files are {size} bytes in memory")
    return read


def read_rows(store: Store, key: str, table: Table) -> pa.Table:
    """A file's rows in the table's schema of today: a column it lacks is null.

    Raises `events.errors.StoreUnavailable`, KeyError when the file is gone, and ValueError when it
    is torn, damaged, or no Parquet of the table's.
    """
    return _read(store.get(key), table)[0]


def read_parquet(
    data: bytes, columns: Sequence[str] | None = None
) -> tuple[pa.Table, tuple[str, ...]]:
    """A data file's rows, of these columns only, and the keys that it replaces. Raises ValueError
    for what is no whole Parquet file."""
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        return file.read(columns), replaced_keys(file.metadata.metadata or {})
    except (OSError, NotImplementedError) as error:
        # Of a page that is damaged, and of a compression that nobody knows: no ValueErrors.
        raise ValueError(str(error)) from error


def _read(data: bytes, table: Table) -> tuple[pa.Table, tuple[str, ...]]:
    rows, replaces = read_parquet(data)
    try:
        return pa.table(list(_columns(rows, table)), schema=schema(table)), replaces
    except NotImplementedError as error:  # what pyarrow raises where one type is never another
        raise ValueError(str(error)) from error


def _columns(rows: pa.Table, table: Table) -> Iterator[pa.ChunkedArray]:
    for field in schema(table):
        if field.name in rows.schema.names:
            yield rows[field.name].cast(field.type)
        else:
            yield pa.nulls(len(rows), field.type)
