"""Rows taken out of a data file: of a person to be forgotten, or of rejected events come good.

Safe to interrupt and to run again: the new file names the one that it replaces, as compaction's do,
and what is left of a file that holds nothing any more is the same whoever takes it out.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from events.arrow import schema
from events.layout import REPLACES, object_key, parse_key
from events.registry import REGISTRY
from transform.mending.merging import stretch_rows
from transform.parquet import digest, written
from transform.reading import DataRows
from transform.store import Store

Drop = Callable[[pa.Table], Any]
"""The rows of a table that go: a boolean array without nulls, one value a row."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file without some of its rows. It is still there: deleting it is the caller's, once the
    catalog has taken `added` in its stead."""

    replaced: str
    added: tuple[str, ...]
    """The key of what is left; none when nothing is."""
    gone: pa.ChunkedArray
    """The ids of the events that were taken out."""
    left: int


def without(store: Store, key: str, drop: Drop) -> Rewritten | None:
    """Write what is left of a data file beside it; None when nothing is to go.

    The file's rows are read a part at a time, whatever its size. Raises
    `events.errors.StoreUnavailable`, KeyError when the file is gone, and ValueError when it is no
    Parquet.
    """
    parsed = parse_key(key)
    assert parsed is not None, "a data file's key"
    table = REGISTRY.table(parsed[0])
    file = DataRows(store.get(key), table)
    columns, at_once = schema(table), stretch_rows(table, [file])
    gone = left = pa.chunked_array([], pa.string())
    for rows in file.batches(columns.names, at_once):
        dropped = drop(rows)
        gone = _more(gone, rows["event_id"].filter(dropped))
        left = _more(left, rows["event_id"].filter(pc.invert(dropped)))
    if not len(gone):
        return None
    if not len(left):
        return Rewritten(key, (), gone, 0)
    added = object_key(*parsed, _name(key, left))
    kept = (rows.filter(pc.invert(drop(rows))) for rows in file.batches(columns.names, at_once))
    parts = (rows for rows in kept if len(rows))  # no row group without a row
    store.put(added, written(columns, parts, len(left), {REPLACES: json.dumps([key])}))
    return Rewritten(key, (added,), gone, len(left))


def _more(ids: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([*ids.chunks, *others.chunks], pa.string())


def _name(key: str, left: pa.ChunkedArray) -> str:
    # Not by the rows alone: a file of the same rows may have been replaced before, and a catalog
    # never counts that one's name again.
    return "r" + hashlib.sha256(f"{key} {digest(left)}".encode()).hexdigest()[:32]
