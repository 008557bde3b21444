"""The stream on one machine: a durable queue in SQLite, which the local Firehose delivers from."""

import dataclasses
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

from events.errors import SettingsError, StreamUnavailable
from ingest.drivers import spool_schema as schema
from ingest.drivers.spool_batch import (
    DEFAULT_BUFFERING,
    Backlog,
    Batch,
    Buffering,
    SpooledRecord,
)
from ingest.drivers.spool_count import DayCount, count_by_day
from ingest.drivers.spool_writer import Records, SpoolWriter

__all__ = [
    "DEFAULT_BUFFERING",
    "Acceptance",
    "Backlog",
    "Batch",
    "Buffering",
    "DayCount",
    "Spool",
    "SpooledRecord",
    "read_acceptance",
    "read_backlog",
]


_DISK_FAILED = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
    }
)


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class Spool:
    """A stream of records on disk, and the batches that they leave it in.

    Puts come from any threads; batches are for one consumer. Every method that touches the disk
    raises `events.errors.StreamUnavailable` when it cannot, and the spool is usable all the same.
    """

    max_record_bytes = 1_024_000
    """Firehose's: 1,000 KiB before base64."""

    def __init__(
        self,
        path: Path,
        *,
        max_queued_bytes: int = 64 * 1024 * 1024,
        max_file_bytes: int | None = None,
        now_ms: Callable[[], int] = _wall_clock_ms,
    ) -> None:
        """Open the spool in the file at `path`, or begin it, and own it until `close`.

        `max_queued_bytes` bounds what waits in memory for the disk, `max_file_bytes` the file;
        past either, puts fail with StreamUnavailable. `now_ms` tells epoch milliseconds.
        Raises SettingsError when another process owns it, the file is no spool, or the disk fails.
        """
        self.path = path
        self._now_ms = now_ms
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(path)
        self._changed = threading.Condition()
        self._awaited: Buffering | None = None
        try:
            self._connection = schema.open_writer(path, max_file_bytes)
            self._note_changed(self._connection)
            self._reader = schema.open_reader(path)
        except sqlite3.Error as error:
            os.close(self._lock)
            raise _unopened(path, error) from error
        self._writer = SpoolWriter(
            self._connection,
            path,
            max_queued_bytes=max_queued_bytes,
            appended=self._note_appended,
            changed=self._note_changed,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Make durable what was submitted, then give the spool up. Closing twice is once."""
        if self._lock < 0:
            return
        self._writer.close()
        self._reader.close()
        self._connection.close()
        os.close(self._lock)
        self._lock = -1

    def put(self, records: Sequence[bytes]) -> None:
        """See `ingest.stream.Stream.put`. A record over the limit is the caller's: ValueError."""
        self.submit(records).result()

    def submit(self, records: Sequence[bytes]) -> Future[None]:
        """`put`, as a future that is done once every record is durable; all of them are or none."""
        for record in records:
            if len(record) > self.max_record_bytes:
                raise ValueError(f"a record exceeds {self.max_record_bytes} bytes")
        return self._writer.put(records, self._now_ms)

    @property
    def put_commits(self) -> int:
        """How many transactions the puts so far took."""
        return self._writer.put_commits

    def backlog(self) -> Backlog:
        """What is not delivered yet, whether it was cut or not."""
        with self._reading():
            return schema.read_backlog(self._reader)

    def pending(self) -> list[Batch]:
        """The batches that were cut and are not complete, in order."""
        with self._reading():
            return schema.read_batches(self._reader)

    def cut(self, now_ms: int, buffering: Buffering = DEFAULT_BUFFERING) -> Batch | None:
        """The next batch, its bounds fixed for good, if `buffering` says that one is due."""
        if self._uncut.due_in_ms(now_ms, buffering) != 0:
            return None
        change = partial(schema.insert_batch, buffering=buffering)
        bounds = self._writer.change(change).result()
        if bounds is None:
            return None
        with self._reading():
            return Batch(schema.read_records(self._reader, *bounds))

    def wait_due(self, buffering: Buffering, timeout_seconds: float) -> None:
        """Return as soon as `cut` would cut, at the latest after `timeout_seconds`."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            self._awaited = buffering
            while (left := deadline - time.monotonic()) > 0:
                due_in_ms = self._uncut.due_in_ms(self._now_ms(), buffering)
                if due_in_ms == 0:
                    return
                self._changed.wait(left if due_in_ms is None else min(left, due_in_ms / 1_000))

    def attempted(self, batch: Batch) -> Batch:
        """The batch with one attempt more, durably: call it before the attempt.

        A batch that takes the process down with it is then known by its number.
        """
        tried = dataclasses.replace(batch, attempts=batch.attempts + 1)
        self._keep_attempts(tried)
        return tried

    def excused(self, batch: Batch) -> None:
        """Go back to the attempts that `batch` has: others were at fault for those since."""
        self._keep_attempts(batch)

    def complete(self, batch: Batch) -> None:
        """Forget the batch and its records, as one: it was delivered."""
        counts = count_by_day(batch.records)
        self._writer.change(partial(schema.delete_batch, batch=batch, counts=counts)).result()
        # Nobody waits for this: the batch is forgotten, whether or not the file can shrink.
        self._writer.change(schema.return_free_pages)

    def _keep_attempts(self, batch: Batch) -> None:
        self._writer.change(partial(schema.set_attempts, batch=batch)).result()

    def _note_changed(self, connection: sqlite3.Connection) -> None:
        uncut = schema.read_backlog(connection, after=schema.last_cut(connection))
        with self._changed:
            self._uncut = uncut
            self._changed.notify_all()

    def _note_appended(self, records: Records) -> None:
        """Who waits is woken when it is known until when to wait, and when it need not any more:
        at every commit it would take the GIL from whoever answers requests, to wait again."""
        count, size, oldest_ms = self._uncut
        if is_first := oldest_ms is None:
            oldest_ms = records[0][0]
        uncut = Backlog(
            count + len(records), size + sum(len(data) for _, data in records), oldest_ms
        )
        with self._changed:
            self._uncut = uncut
            if is_first or (self._awaited and uncut.due_in_ms(oldest_ms, self._awaited) == 0):
                self._changed.notify_all()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StreamUnavailable(f"cannot read the spool {self.path}: {error}") from error


def read_backlog(path: Path) -> Backlog:
    """What waits in the spool at `path`, also while another process owns it.

    Nothing waits in a spool that was never begun.
    """
    if not path.exists():
        return Backlog()
    try:
        with closing(schema.open_reader(path)) as reader:
            return schema.read_backlog(reader)
    except sqlite3.Error as error:
        raise StreamUnavailable(f"cannot read the spool {path}: {error}") from error


class Acceptance(NamedTuple):
    """What a spool ever acknowledged, by day: what has left it, and what waits in it."""

    left: list[DayCount]
    waiting: list[DayCount]


def read_acceptance(path: Path) -> Acceptance:
    """What the spool at `path` acknowledged, of one moment; also while another process owns it.

    What left it before it began to count is not in it.
    """
    if not path.exists():
        return Acceptance([], [])
    try:
        with closing(schema.open_reader(path)) as reader:
            reader.execute("BEGIN")
            left = list(schema.read_accepted(reader))
            return Acceptance(left, count_by_day(schema.read_waiting(reader)))
    except sqlite3.Error as error:
        raise StreamUnavailable(f"cannot read the spool {path}: {error}") from error


def _unopened(path: Path, error: sqlite3.Error) -> SettingsError:
    """Only what is no spool may go: where the disk failed, acknowledged events are in it."""
    advice = "Move it away."
    # Extended codes have their kind in the low byte: https://www.sqlite.org/rescode.html
    if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _DISK_FAILED:
        advice = "What is in it stays: look at the disk, then start again."
    return SettingsError(f"{path} cannot be opened as a spool: {error}. {advice}")


def _lock(path: Path) -> int:
    """A descriptor that holds the spool for this process; the system lets go when it ends."""
    beside = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _unlocked(beside, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(descriptor, 32).decode().strip() or "unknown"
        os.close(descriptor)
        raise SettingsError(
            f"another playlake (process {owner}) uses {path}: stop it, or give another folder."
        ) from None
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except OSError as error:
        os.close(descriptor)
        raise _unlocked(beside, error) from error
    return descriptor


def _unlocked(beside: Path, error: OSError) -> SettingsError:
    return SettingsError(f"{beside} cannot be written: {error.strerror}. Start again once it can.")
