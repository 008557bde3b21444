"""Events of one type → Arrow columns, a block at a time.

What is turned while the processor's cache still holds it, and let go, costs two thirds of what it
costs when a whole batch was decoded before; and the next block's events take the memory of this.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
from msgspec.structs import astuple

from events.arrow import ARROW_TYPES
from events.declaration import COLUMN_TYPES, Field, FieldType
from transform.times import to_ms

Columns = dict[str, Any]
"""By name, each a `pyarrow.Array` of one length."""

_BLOCK = 500
"""Events, at least; of 100 a block's own cost shows, of 2,000 the cache's size."""


class ColumnBuilder:
    """The columns of fields, from structs that have them and others."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields
        self._types = [_type(field) for field in fields]
        self._chunks: list[list[pa.Array]] = [[] for _ in fields]
        self._waiting: list[msgspec.Struct] = []
        self._turned = 0

    def __len__(self) -> int:
        return self._turned + len(self._waiting)

    def add(self, events: Sequence[msgspec.Struct]) -> None:
        """Append the events' values."""
        self._waiting += events
        if len(self._waiting) >= _BLOCK:
            self._turn()

    def columns(self) -> Columns:
        """All that was added. Times are int64, in milliseconds: see `transform.times.to_ms`."""
        if self._waiting or not self._turned:
            self._turn()
        return {
            field.name: _column(field, chunks)
            for field, chunks in zip(self._fields, self._chunks, strict=True)
        }

    def _turn(self) -> None:
        events, self._waiting = self._waiting, []
        names = events[0].__struct_fields__ if events else ()
        # Two native calls for all of them, not one for each event or field.
        values = dict(zip(names, zip(*map(astuple, events), strict=True), strict=True))
        for field, type_, chunks in zip(self._fields, self._types, self._chunks, strict=True):
            chunks.append(_chunk(values.get(field.name, ()), type_))
        self._turned += len(events)


def _type(field: Field) -> pa.DataType:
    return pa.float64() if field.type is FieldType.TIME else ARROW_TYPES[COLUMN_TYPES[field.type]]


def _chunk(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    # Most fields of most blocks.
    if values and values[0] is None and values.count(None) == len(values):
        return pa.nulls(len(values), type_)
    return pa.array(values, type_)


def _column(field: Field, chunks: Sequence[pa.Array]) -> pa.Array:
    column = pa.concat_arrays(chunks)
    if field.type is not FieldType.TIME:
        return column
    return to_ms(column) if column.null_count < len(column) else column.cast(pa.int64())
