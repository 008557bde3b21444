"""Data files of the lake, read: the rows in them, and which files they replace.

Whatever is no whole Parquet file of the table's is a ValueError.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from events.arrow import schema
from events.layout import replaced_keys
from events.table import Table
from transform.store import Part, Store

TAIL_BYTES = 64 * 1024
"""What is asked for first: a footer, and often a whole small file (pyarrow begins so, too)."""


class StoredFile(io.RawIOBase):
    """An object of a store as a file: of it is read what is asked for, a request each time.

    A query of one column in twenty need not wait for the others. The first request is made here;
    that and reading raise `events.errors.StoreUnavailable`, and Gone when there is no such object.
    """

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key
        self._place = 0
        tail = self._part(-TAIL_BYTES, TAIL_BYTES)
        self._tail, self._size = tail.data, tail.size

    def readable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def seekable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def tell(self) -> int:
        """See `io.IOBase`."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase`."""
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, begin + offset)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """See `io.RawIOBase`; of so many bytes all that there are."""
        left = max(0, self._size - self._place)
        length = left if size < 0 else min(size, left)
        start, held = self._place, self._size - len(self._tail)
        self._place += length
        if start >= held:
            return self._tail[start - held : start - held + length]
        return self._part(start, length).data

    def _part(self, start: int, length: int) -> Part:
        try:
            return self._store.get_part(self._key, start, length)
        except KeyError:
            raise Gone(self._key) from None


class Gone(KeyError):
    """The object is not there, or not any more."""


class DataRows:
    """A data file's rows in its table's schema of today: a column that it lacks is null.

    Opening and reading raise ValueError for what is torn, damaged, or no Parquet of the table's.
    """

    def __init__(self, data: bytes | StoredFile, table: Table) -> None:
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
    data: bytes | StoredFile, columns: Sequence[str] | None = None
) -> tuple[pa.Table, tuple[str, ...]]:
    """A data file's rows as they lie there, of these columns only, and the keys that it replaces.
    Raises ValueError for what is no whole Parquet file."""
    file, replaces = _opened(data)
    with _no_parquet():
        return file.read(columns), replaces


def _opened(data: bytes | StoredFile) -> tuple[pq.ParquetFile, tuple[str, ...]]:
    source = pa.BufferReader(data) if isinstance(data, bytes) else pa.PythonFile(data, "r")
    with _no_parquet():
        file = pq.ParquetFile(source)
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
