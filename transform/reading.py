"""Data files of the lake, read: the rows in them, and which files they replace.

Whatever is no whole Parquet file of the table's is a ValueError.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from events.arrow import schema
from events.layout import replaced_keys
from events.table import Table
from transform.store import Store


class DataRows:
    """A data file's rows in its table's schema of today: a column that it lacks is null.

    Opening and reading raise ValueError for what is torn, damaged, or no Parquet of the table's.
    """

    def __init__(self, data: bytes, table: Table) -> None:
        self._file, self.replaces = _opened(data)
        if "event_id" not in self._file.schema_arrow.names:
            raise ValueError("it has no event_id")
        self._table = table
        self.rows: int = self._file.metadata.num_rows

    def all(self) -> pa.Table:
        """All of them, in memory."""
        rows = list(self.batches(schema(self._table).names, max(1, self.rows)))
        return pa.concat_tables([schema(self._table).empty_table(), *rows])

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """So many rows at once, of these columns."""
        fields = [field for field in schema(self._table) if field.name in columns]
        there = [each.name for each in fields if each.name in self._file.schema_arrow.names]
        batches = self._file.iter_batches(rows, columns=there)
        while True:
            with _no_parquet():
                batch = next(batches, None)
                if batch is None:
                    return
                columns_of = [_column(batch, field) for field in fields]
            yield pa.table(columns_of, schema=pa.schema(fields))


def read_rows(store: Store, key: str, table: Table) -> pa.Table:
    """A file's rows in the table's schema of today: a column it lacks is null.

    Raises `events.errors.StoreUnavailable`, KeyError when the file is gone, and ValueError when it
    is torn, damaged, or no Parquet of the table's.
    """
    return DataRows(store.get(key), table).all()


def read_parquet(
    data: bytes, columns: Sequence[str] | None = None
) -> tuple[pa.Table, tuple[str, ...]]:
    """A data file's rows as they lie there, of these columns only, and the keys that it replaces.
    Raises ValueError for what is no whole Parquet file."""
    file, replaces = _opened(data)
    with _no_parquet():
        return file.read(columns), replaces


def _opened(data: bytes) -> tuple[pq.ParquetFile, tuple[str, ...]]:
    with _no_parquet():
        file = pq.ParquetFile(pa.BufferReader(data))
    return file, replaced_keys(file.metadata.metadata or {})


@contextmanager
def _no_parquet() -> Iterator[None]:
    """What pyarrow raises of a page that is damaged, of a compression that nobody knows, and where
    one type is never another: no ValueErrors."""
    try:
        yield
    except (OSError, NotImplementedError) as error:
        raise ValueError(str(error)) from error


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name in batch.schema.names:
        return batch.column(field.name).cast(field.type)
    return pa.nulls(len(batch), field.type)
