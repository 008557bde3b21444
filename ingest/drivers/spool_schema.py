"""The spool's tables, and every SQL statement that touches them."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ingest.drivers.spool_batch import MAX_BATCH_RECORDS, Backlog, Batch, Buffering, SpooledRecord
from ingest.drivers.spool_count import DayCount

# `end_bytes` is a running total: with it, what lies between two records is known from these two.
# `delivered` has one row, the last sequence that left: none is given twice. (SQLite's AUTOINCREMENT
# does the same at half the speed.)
# `accepted` outlives the records: by UTC day, what of the acknowledged has left. It is counted on
# the way out, in the transaction that deletes the records, so that putting pays nothing for it.
_TABLES = """
CREATE TABLE IF NOT EXISTS records (
    sequence INTEGER PRIMARY KEY,
    arrived_ms INTEGER NOT NULL,
    end_bytes INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS batches (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS delivered (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    sequence INTEGER NOT NULL
);
INSERT OR IGNORE INTO delivered VALUES (1, 0);
CREATE TABLE IF NOT EXISTS accepted (
    dt TEXT PRIMARY KEY,
    events INTEGER NOT NULL,
    records INTEGER NOT NULL
);
"""
_COUNT = (
    "INSERT INTO accepted VALUES (?, ?, ?) ON CONFLICT (dt) DO UPDATE"
    " SET events = events + excluded.events, records = records + excluded.records"
)

_INSERT = "INSERT INTO records (sequence, arrived_ms, end_bytes, data) VALUES "
_COLUMNS = 4
ROWS_A_STATEMENT = 200
"""As many rows as there are, up to so many, go into one statement: the sqlite3 module lets go of
the GIL once a statement, and has to wait for it each time behind whoever answers requests."""

_PRAGMAS = (
    "auto_vacuum = INCREMENTAL",  # takes effect only before there is a table
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 4000",  # pages, 16 MiB: fewer fsyncs of the file itself
    f"journal_size_limit = {64 * 1024 * 1024}",
)
# Free pages are used again; only past this many is the file made smaller, a little each time.
_FREE_PAGES_KEPT = 4_096
_FREE_PAGES_RETURNED = 1_024

_MOST_APART_MS = 86_400_000
"""How far the arrivals of a batch's records may lie from its first one's."""


def open_writer(path: Path, max_file_bytes: int | None) -> sqlite3.Connection:
    """The connection that writes: a commit on it returns once the WAL is on the disk."""
    connection = _connect(path, "rwc", cached_statements=ROWS_A_STATEMENT + 50)
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_TABLES)
        if max_file_bytes is not None:
            (page_size,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {max(1, max_file_bytes // page_size)}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads, and that never keeps the writer waiting."""
    # Not mode=ro: without its -shm file beside it, that cannot open a database in WAL mode.
    connection = _connect(path, "rw")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path, mode: str, cached_statements: int = 128) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=cached_statements,
    )


class Tail(NamedTuple):
    """The last record's: what the next one is counted from. The table may be empty."""

    sequence: int
    end_bytes: int


def read_tail(connection: sqlite3.Connection) -> Tail:
    """Where the next record goes."""
    return Tail(
        *connection.execute(
            "SELECT max(coalesce(max(sequence), 0), (SELECT sequence FROM delivered)), coalesce("
            "(SELECT end_bytes FROM records ORDER BY sequence DESC LIMIT 1), 0) FROM records"
        ).fetchone()
    )


def insert_records(
    connection: sqlite3.Connection, records: Sequence[tuple[int, bytes]], tail: Tail
) -> Tail:
    """Append `(arrived_ms, data)` records, in order; gives the new tail.

    Up to ROWS_A_STATEMENT of them are one statement, and so a transaction even without one.
    """
    sequence, end = tail
    values: list[int | bytes] = []
    for arrived_ms, data in records:
        sequence += 1
        end += len(data)
        values += (sequence, arrived_ms, end, data)
    for start in range(0, len(values), ROWS_A_STATEMENT * _COLUMNS):
        piece = values[start : start + ROWS_A_STATEMENT * _COLUMNS]
        connection.execute(_insert(len(piece) // _COLUMNS), piece)
    return Tail(sequence, end)


@cache
def _insert(rows: int) -> str:
    return _INSERT + ", ".join(["(?, ?, ?, ?)"] * rows)


def read_accepted(connection: sqlite3.Connection) -> Iterator[DayCount]:
    """What was acknowledged and has left, by day; nothing of a spool that never counted."""
    table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'accepted'"
    if connection.execute(table).fetchone():
        rows = connection.execute("SELECT dt, events, records FROM accepted ORDER BY dt")
        yield from map(DayCount._make, rows)


def read_waiting(connection: sqlite3.Connection) -> Iterator[SpooledRecord]:
    """Every record that was not delivered, in order."""
    rows = connection.execute("SELECT sequence, arrived_ms, data FROM records ORDER BY sequence")
    return map(SpooledRecord._make, rows)


def read_backlog(connection: sqlite3.Connection, after: int = 0) -> Backlog:
    """What waits behind the record numbered `after`: everything, unless it is given."""
    # One statement, so that both ends are of one moment.
    ends = connection.execute(
        "SELECT 1 + last.sequence - first.sequence,"
        " last.end_bytes - first.end_bytes + length(first.data), first.arrived_ms"
        " FROM records AS first, records AS last"
        " WHERE first.sequence = (SELECT min(sequence) FROM records WHERE sequence > ?)"
        " AND last.sequence = (SELECT max(sequence) FROM records)",
        (after,),
    ).fetchone()
    return Backlog() if ends is None else Backlog(*ends)


def last_cut(connection: sqlite3.Connection) -> int:
    """The last sequence that is in a batch, 0 when there is none."""
    (last,) = connection.execute("SELECT coalesce(max(last), 0) FROM batches").fetchone()
    return int(last)


def insert_batch(connection: sqlite3.Connection, buffering: Buffering) -> tuple[int, int] | None:
    """Fix the next batch's bounds, `(first, last)`; None when no record is left for one."""
    head = connection.execute(
        "SELECT sequence, end_bytes - length(data), arrived_ms FROM records WHERE sequence > ?"
        " ORDER BY sequence LIMIT 1",
        (last_cut(connection),),
    ).fetchone()
    if head is None:
        return None
    first, start_bytes, arrived_ms = head
    # The first record is in it whatever its size, else one over `max_bytes` would never leave. What
    # arrived days away, by a clock that was set between, is another batch's: a batch is archived
    # under its first record's day, and whoever looks for an arrival looks about that day.
    (last,) = connection.execute(
        "WITH next AS (SELECT sequence, end_bytes, arrived_ms FROM records WHERE sequence >= ?"
        " ORDER BY sequence LIMIT ?)"
        " SELECT max(sequence) FROM next WHERE sequence = ? OR end_bytes <= ? AND sequence < ("
        "SELECT coalesce(min(sequence), 1 << 62) FROM next WHERE abs(arrived_ms - ?) > ?)",
        (
            *(first, MAX_BATCH_RECORDS, first, start_bytes + buffering.max_bytes),
            *(arrived_ms, _MOST_APART_MS),
        ),
    ).fetchone()
    connection.execute("INSERT INTO batches (first, last) VALUES (?, ?)", (first, last))
    return first, last


def read_batches(connection: sqlite3.Connection) -> list[Batch]:
    """Every batch that was cut and is not complete, in order."""
    bounds = connection.execute("SELECT first, last, attempts FROM batches ORDER BY first")
    return [
        Batch(read_records(connection, first, last), attempts)
        for first, last, attempts in bounds.fetchall()
    ]


def read_records(
    connection: sqlite3.Connection, first: int, last: int
) -> tuple[SpooledRecord, ...]:
    """The records from `first` to `last`, both included."""
    rows = connection.execute(
        "SELECT sequence, arrived_ms, data FROM records WHERE sequence BETWEEN ? AND ?"
        " ORDER BY sequence",
        (first, last),
    )
    return tuple(SpooledRecord(*row) for row in rows.fetchall())


def set_attempts(connection: sqlite3.Connection, batch: Batch) -> None:
    """Remember the batch's number of attempts."""
    connection.execute(
        "UPDATE batches SET attempts = ? WHERE first = ?", (batch.attempts, batch.first)
    )


def delete_batch(connection: sqlite3.Connection, batch: Batch, counts: Iterable[DayCount]) -> None:
    """Forget the batch and its records; what is left of them is `counts`, what they held."""
    deleted = connection.execute(
        "DELETE FROM records WHERE sequence BETWEEN ? AND ?", (batch.first, batch.last)
    )
    if deleted.rowcount:
        connection.executemany(_COUNT, counts)
    connection.execute("DELETE FROM batches WHERE first = ?", (batch.first,))
    connection.execute("UPDATE delivered SET sequence = max(sequence, ?)", (batch.last,))


def return_free_pages(connection: sqlite3.Connection) -> None:
    """Give the disk back some of what a flood took; within a transaction, which it ends and begins.

    `executescript` commits first, but `execute` takes only this pragma's first step: one page.
    """
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    if free > _FREE_PAGES_KEPT:
        connection.executescript(
            f"PRAGMA incremental_vacuum({_FREE_PAGES_RETURNED}); BEGIN IMMEDIATE"
        )
