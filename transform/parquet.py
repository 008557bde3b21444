"""Tables → Parquet objects whose names derive from what is in them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from events.layout import object_key
from events.table import PARTITION_KEY

# Values that hardly repeat: a dictionary of them is larger than they are.
_DISTINCT = frozenset({"payload", "properties", "message"})
# Random ids. Without a length before each they take 6 and 18 % less, and half the time; of a play's
# few rows zstd finds its id again. (Its level 19 saves as much again, and takes 80 times as long.)
_IDS = {"event_id": "DELTA_BYTE_ARRAY", "play_id": "DELTA_LENGTH_BYTE_ARRAY"}
# Numbers and times: the difference from the one before is smaller, by a fifth of the whole file.
_MEASURED = (pa.int64(), pa.timestamp("ms"))

GROUP_ROWS = 524_288
"""The rows of a row group in a file that is large enough for several: a query skips or reads it.
Six million plays took 183 MB in groups of a million, 188 so, 207 in groups of 131,072; one viewer's
rows were found in 22 ms without bloom filters, in 8 with them, whichever of the smaller groups."""
_PEOPLE = ("user_id", "viewer_id", "play_id")


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
            yield DataObject(object_key(name, dt, digest(rows["event_id"])), encode(rows))


def digest(ids: pa.ChunkedArray) -> str:
    """The name of a set of rows: 32 hexadecimal digits from their event ids, in any order.

    What is hashed is the sorted ids' lengths and then their bytes: an id may hold any character,
    whatever they would be separated by.
    """
    ordered = ids.combine_chunks().cast(pa.binary()).sort()
    _, _, data = ordered.buffers()
    lengths = pc.binary_length(ordered)
    _, counts = lengths.buffers()
    hashed = hashlib.sha256(memoryview(counts)[: 4 * len(ordered)])
    hashed.update(memoryview(data)[: pc.sum(lengths).as_py() or 0] if data else b"")
    return hashed.hexdigest()[:32]


def encode(rows: pa.Table, metadata: Mapping[str, str] | None = None) -> bytes:
    """The rows as a Parquet file: zstd, statistics, the row order as it is; `metadata` beside."""
    return written(rows.schema, [rows], len(rows), metadata)


def written(
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    rows: int,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """The tables, one after the other, `rows` in all, as a Parquet file: zstd, statistics;
    `metadata` beside.

    With more than GROUP_ROWS it is one of which queries want a part: a video's rows, which lie
    together, or a viewer's, which do not. Each of its groups has an index of its pages and bloom
    filters for who watched. It is written to a temporary file first.
    """
    group_rows = GROUP_ROWS if rows > GROUP_ROWS else None
    with TemporaryFile() if group_rows else BytesIO() as file:
        _write(file, schema, tables, metadata or {}, group_rows)
        file.seek(0)
        return file.read()


def _write(
    file: IO[bytes],
    schema: pa.Schema,
    tables: Iterable[pa.Table],
    metadata: Mapping[str, str],
    group_rows: int | None,
) -> None:
    bloom = {"ndv": group_rows, "fpp": 0.01}
    measured = {each.name for each in schema if each.type in _MEASURED} - {*_PEOPLE}
    encodings = {name: each for name, each in _IDS.items() if name in schema.names}
    encodings |= dict.fromkeys(measured, "DELTA_BINARY_PACKED")
    with pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        use_dictionary=[n for n in schema.names if n not in _DISTINCT and n not in encodings],
        column_encoding=encodings,
        write_statistics=True,
        store_schema=False,
        write_page_index=group_rows is not None,
        bloom_filter_options={
            name: bloom for name in _PEOPLE if group_rows is not None and name in schema.names
        },
    ) as writer:
        for table in tables:
            writer.write_table(table, group_rows)
        if metadata:
            writer.add_key_value_metadata(metadata)


def plain(rows: pa.Table) -> pa.Table:
    """The rows with their texts as texts, where they came as dictionaries."""
    texts = [
        each.with_type(pa.string()) if pa.types.is_dictionary(each.type) else each
        for each in rows.schema
    ]
    return rows.cast(pa.schema(texts))


def _partitions(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    start = 0
    rows, runs = table.drop_columns([PARTITION_KEY]), pc.value_counts(table[PARTITION_KEY])
    if len(runs) > 1:
        rows = plain(rows)  # a day's file holds no words of other days
    for run in runs:
        length = run["counts"].as_py()
        yield run["values"].as_py(), rows.slice(start, length)
        start += length
