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
from transform.parquet import GROUP_ROWS, digest, written
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
    rows: pa.Table
    """What was taken out."""
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
    columns = schema(table)
    gone, ids = columns.empty_table(), pa.chunked_array([], pa.string())
    for rows in file.batches(columns.names, GROUP_ROWS):
        dropped = drop(rows)
        gone = pa.concat_tables([gone, rows.filter(dropped)])
        left = rows["event_id"].filter(pc.invert(dropped))
        ids = pa.chunked_array([*ids.chunks, *left.chunks], pa.string())
    if not len(gone):
        return None
    if not len(ids):
        return Rewritten(key, (), gone, 0)
    added = object_key(*parsed, _name(key, ids))
    parts = (rows.filter(pc.invert(drop(rows))) for rows in file.batches(columns.names, GROUP_ROWS))
    store.put(added, written(columns, parts, len(ids), {REPLACES: json.dumps([key])}))
    return Rewritten(key, (added,), gone, len(ids))


def _name(key: str, left: pa.ChunkedArray) -> str:
    # Not by the rows alone: a file of the same rows may have been replaced before, and a catalog
    # never counts that one's name again.
    return "r" + hashlib.sha256(f"{key} {digest(left)}".encode()).hexdigest()[:32]
