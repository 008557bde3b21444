"""Tables → Parquet objects whose names derive from what is in them."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from events.layout import object_key
from events.table import PARTITION_KEY

# Values that hardly repeat: a dictionary of them is larger than they are.
_DISTINCT = frozenset({"event_id", "payload", "properties", "message"})

_IDS_AT_ONCE = 10_000
"""As Python objects: a million of them would take as much memory as all the columns."""


@dataclass(frozen=True, slots=True)
class DataObject:
    """One partition's rows of a batch, as they will lie in the lake."""

    key: str
    data: bytes


def data_objects(tables: Mapping[str, pa.Table]) -> Iterator[DataObject]:
    """An object for each table and dt. `tables` is what `process` gives: sorted by its column `dt`.

    The key is a digest of the rows' event ids, so that a batch that is delivered twice gives the
    same keys, whichever version of the writer made the bytes.
    """
    for name, table in tables.items():
        for dt, rows in _partitions(table):
            yield DataObject(object_key(name, dt, digest(rows)), encode(rows))


def digest(rows: pa.Table) -> str:
    """The name of a set of rows: 32 hexadecimal digits from their event ids, in any order."""
    ids = rows["event_id"].combine_chunks().sort()
    hashed = hashlib.sha256(b"[")
    for start in range(0, len(ids), _IDS_AT_ONCE):
        # As JSON: an id may hold any character, whatever it would be separated by.
        part = msgspec.json.encode(ids.slice(start, _IDS_AT_ONCE).to_pylist())
        hashed.update(b"," * bool(start) + part[1:-1])
    hashed.update(b"]")
    return hashed.hexdigest()[:32]


def encode(rows: pa.Table, metadata: Mapping[str, str] | None = None) -> bytes:
    """The rows as a Parquet file: zstd, statistics, the row order as it is; `metadata` beside."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        rows.schema,
        compression="zstd",
        use_dictionary=[name for name in rows.schema.names if name not in _DISTINCT],
        write_statistics=True,
        store_schema=False,
    ) as writer:
        writer.write_table(rows)
        if metadata:
            writer.add_key_value_metadata(metadata)
    return bytes(sink.getvalue())


def _partitions(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    start = 0
    rows = table.drop_columns([PARTITION_KEY])
    for run in pc.value_counts(table[PARTITION_KEY]):
        length = run["counts"].as_py()
        yield run["values"].as_py(), rows.slice(start, length)
        start += length
