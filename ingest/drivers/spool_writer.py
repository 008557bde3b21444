"""The one thread that writes to the spool, and its group commit."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from events.errors import StreamUnavailable
from ingest.drivers.spool_schema import ROWS_A_STATEMENT, Tail, insert_records, read_tail

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], T]
"""Something to do in one transaction."""
Records = Sequence[tuple[int, bytes]]
"""`(arrived_ms, data)` of each."""

_PUT_OVERHEAD_BYTES = 1_024  # what waits beside the data of a put; bounds the empty ones, too


def _uncancellable() -> Future[Any]:
    """A future that a client's hanging up does not cancel: what was taken in is written."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


@dataclass(slots=True)
class _Group:
    """Records that are committed together, and so share one future."""

    records: list[tuple[int, bytes]] = field(default_factory=list)
    size: int = 0
    done: Future[None] = field(default_factory=_uncancellable)


class SpoolWriter:
    """Takes puts from any thread, and commits all that wait as one transaction.

    One fsync then serves every request that came in during the one before: nobody is delayed on
    purpose, and the busier it is the more a commit holds. Its futures fail with StreamUnavailable
    and nothing else. After a commit, before they are done, `appended(records)` is called for what
    was put, or `changed(connection)` for any other change.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        max_queued_bytes: int,
        appended: Callable[[Records], None],
        changed: Callable[[sqlite3.Connection], None],
    ) -> None:
        self._connection = connection
        self._path = path
        self._max_queued_bytes = max_queued_bytes
        self._appended = appended
        self._changed = changed
        self._tail: Tail | None = None
        self._ready = threading.Condition()
        self._group = _Group()
        self._changes: list[tuple[Change[Any], Future[Any]]] = []
        self._queued_bytes = 0  # those being committed count, too
        self._closed = False
        self.put_commits = 0
        self._thread = threading.Thread(target=self._run, name="playlake-spool", daemon=True)
        self._thread.start()

    def put(self, records: Sequence[bytes], now_ms: Callable[[], int]) -> Future[None]:
        """Append `records`; the clock is read in the order in which they are kept."""
        size = sum(map(len, records)) + _PUT_OVERHEAD_BYTES
        with self._ready:
            if refusal := self._refusal(size):
                return _failed(refusal)
            arrived_ms = now_ms()
            group = self._group
            group.records.extend([(arrived_ms, data) for data in records])
            group.size += size
            self._queued_bytes += size
            self._ready.notify()
            return group.done

    def change(self, change: Change[T]) -> Future[T]:
        """Do `change` in a transaction of its own, so that no put's failure undoes it."""
        done: Future[T] = _uncancellable()
        with self._ready:
            if self._closed:
                return _failed(self._closed_error())
            self._changes.append((change, done))
            self._ready.notify()
        return done

    def close(self) -> None:
        """Commit what is queued, and end."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._thread.join()

    def _refusal(self, size: int) -> StreamUnavailable | None:
        if self._closed:
            return self._closed_error()
        # A put larger than the bound is taken when it is alone, or else it never would be.
        if self._queued_bytes and self._queued_bytes + size > self._max_queued_bytes:
            return StreamUnavailable(
                f"the disk under {self._path} does not keep up: {self._queued_bytes} bytes wait"
            )
        return None

    def _closed_error(self) -> StreamUnavailable:
        return StreamUnavailable(f"the spool {self._path} is closed")

    def _run(self) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._group.size or self._changes or self._closed)
                changes, self._changes = self._changes, []
                group, self._group = self._group, _Group()
            if not changes and not group.size:
                return
            for change, done in changes:
                self._settle(done, partial(self._change, change))
            if group.size:
                self._commit(group)

    def _commit(self, group: _Group) -> None:
        self.put_commits += 1
        self._settle(group.done, partial(self._append, group.records))
        with self._ready:
            self._queued_bytes -= group.size

    def _settle(self, done: Future[T], work: Callable[[], T]) -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 (whatever it was, nobody is left waiting)
            unavailable = StreamUnavailable(f"cannot write to the spool {self._path}: {error}")
            unavailable.__cause__ = error
            done.set_exception(unavailable)
        else:
            done.set_result(result)

    def _append(self, records: Records) -> None:
        if not records:
            return
        connection = self._usable()
        tail, self._tail = self._tail or read_tail(connection), None  # none if this fails
        insert = partial(insert_records, records=records, tail=tail)
        few = len(records) <= ROWS_A_STATEMENT
        self._tail = insert(connection) if few else self._transact(insert)
        self._appended(records)

    def _change(self, change: Change[T]) -> T:
        result = self._transact(change)
        self._changed(self._connection)
        return result

    def _transact(self, change: Change[T]) -> T:
        connection = self._usable()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = change(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise
        return result

    def _usable(self) -> sqlite3.Connection:
        if self._connection.in_transaction:  # the rollback failed, the last time
            self._connection.rollback()
        return self._connection


def _failed(error: StreamUnavailable) -> Future[Any]:
    future = _uncancellable()
    future.set_exception(error)
    return future
