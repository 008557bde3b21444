"""The catalog's SQLite database: its tables, and the one transaction that changes them."""

import json
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from catalog.data_file import DataFile, Partition
from events.errors import CatalogUnavailable

_BUSY_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.01

# `data_file` is ordered by partition, so that planning a query reads one range per table.
# `superseded` remembers which file holds the rows of one that must not be counted again.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS data_file (
    table_name TEXT NOT NULL,
    dt TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    column_bytes TEXT NOT NULL,
    replaces TEXT NOT NULL,
    PRIMARY KEY (table_name, dt, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS superseded (
    key TEXT PRIMARY KEY,
    by TEXT NOT NULL
) WITHOUT ROWID;
"""
_COLUMNS = "table_name, dt, key, rows, bytes, column_bytes, replaces"

_NOTHING = ""
"""What supersedes a file whose rows were all erased."""


class Database:
    """One connection, shared by the threads of this process; other processes have their own."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        with _unavailable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(self._connection)
            except sqlite3.Error:
                self._connection.close()
                raise
        self._path = path

    def close(self) -> None:
        """Close the connection; the database is of no use afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the catalog."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One change of the catalog, whole or not at all; other writers wait."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock, _unavailable(self._path):
            self._connection.execute(begin)
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


def _prepare(connection: sqlite3.Connection) -> None:
    _set_wal(connection)
    # A power cut may lose the last transactions, never the order of them: `sync` finds the files.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_SCHEMA)


def _set_wal(connection: sqlite3.Connection) -> None:
    # Changing the mode takes a lock that SQLite does not wait for, whatever its timeout: of several
    # processes that make the database at once, one changes it and the others look again.
    deadline = time.monotonic() + _BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)


@contextmanager
def _unavailable(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise CatalogUnavailable(f"the catalog at {path} did not answer: {error}") from error


def known_keys(connection: sqlite3.Connection, keys: Collection[str]) -> set[str]:
    """Those of `keys` that are registered."""
    return _among(connection, "data_file", keys)


def superseded_keys(connection: sqlite3.Connection, keys: Collection[str]) -> set[str]:
    """Those of `keys` whose rows another file holds."""
    return _among(connection, "superseded", keys)


def _among(connection: sqlite3.Connection, table: str, keys: Collection[str]) -> set[str]:
    found = connection.execute(
        f"SELECT key FROM {table} WHERE key IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(list(keys)),),
    )
    return {key for (key,) in found}


def partitions(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    """The table's days, oldest first."""
    sql = "SELECT DISTINCT dt FROM data_file WHERE table_name = ? ORDER BY dt"
    return tuple(dt for (dt,) in connection.execute(sql, (table,)))


def files(connection: sqlite3.Connection, table: str) -> Iterator[DataFile]:
    """The table's files by day and key."""
    sql = f"SELECT {_COLUMNS} FROM data_file WHERE table_name = ? ORDER BY dt, key"  # noqa: S608
    return map(_file, connection.execute(sql, (table,)))


def files_of(connection: sqlite3.Connection, table: str, dts: Iterable[str]) -> Iterator[DataFile]:
    """The table's files in those days, by day and key."""
    sql = (
        f"SELECT {_COLUMNS} FROM data_file WHERE table_name = ?"  # noqa: S608
        " AND dt IN (SELECT value FROM json_each(?)) ORDER BY dt, key"
    )
    return map(_file, connection.execute(sql, (table, json.dumps(list(dts)))))


def has_partition(connection: sqlite3.Connection, partition: Partition) -> bool:
    """Whether any file of the partition is registered."""
    sql = "SELECT 1 FROM data_file WHERE table_name = ? AND dt = ? LIMIT 1"
    return connection.execute(sql, partition).fetchone() is not None


def sizes(connection: sqlite3.Connection) -> dict[str, int]:
    """The bytes of every registered file, by key."""
    return dict(connection.execute("SELECT key, bytes FROM data_file"))


def supersede(connection: sqlite3.Connection, successors: Mapping[str, str | None]) -> None:
    """Note which file holds the rows of each key; None says that none does, for good."""
    rows = [(key, by or _NOTHING) for key, by in successors.items()]
    connection.executemany("INSERT OR REPLACE INTO superseded VALUES (?, ?)", rows)


def reinstate(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Let the keys count again."""
    connection.executemany("DELETE FROM superseded WHERE key = ?", [(key,) for key in keys])


def put(connection: sqlite3.Connection, file: DataFile) -> bool:
    """Make the file's row what it is now; False when it was that already."""
    before = delete(connection, [file.key])
    sql = f"INSERT INTO data_file ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    connection.execute(sql, _row(file))
    return before != [file]


def delete(connection: sqlite3.Connection, keys: Iterable[str]) -> list[DataFile]:
    """Drop the files, and say which were there."""
    sql = f"DELETE FROM data_file WHERE key = ? RETURNING {_COLUMNS}"  # noqa: S608
    return [_file(row) for key in keys for row in connection.execute(sql, (key,)).fetchall()]


def forget_lost_successors(connection: sqlite3.Connection) -> None:
    """Let files count again whose successor is gone and has no successor itself."""
    sql = """
        DELETE FROM superseded WHERE by <> ?
            AND by NOT IN (SELECT key FROM data_file)
            AND by NOT IN (SELECT key FROM superseded)
    """
    while connection.execute(sql, (_NOTHING,)).rowcount:
        pass


def _row(file: DataFile) -> tuple[str, str, str, int, int, str, str]:
    sizes_text = json.dumps(dict(file.column_bytes))
    replaces = json.dumps(file.replaces)
    return (*file.partition, file.key, file.rows, file.bytes, sizes_text, replaces)


def _file(row: tuple[str, str, str, int, int, str, str]) -> DataFile:
    table, dt, key, rows, size, column_bytes, replaces = row
    partition = Partition(table, dt)
    sizes_by_column = json.loads(column_bytes)
    return DataFile(key, partition, rows, size, sizes_by_column, tuple(json.loads(replaces)))
