"""What the children of the daemons have to say to the supervisor: datagrams on a Unix socket.

A child's own output is KCL's protocol, and the daemon's log is Java's: this is a way around both.
News is for people and metrics. Nothing waits for it, and what is not heard is not lost: the ledger
has it.
"""

import logging
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from events.errors import SettingsError
from transform.consumer import Committed
from transform.ledger import Place

_LONGEST = 4_000
"""Characters of a message, so that a datagram stays one."""
_LEFT_OUT = "\n ... \n"
_PATIENCE_SECONDS = 1.0
"""For a supervisor that reads slowly; commits do not wait for it longer."""


class News(msgspec.Struct, frozen=True, kw_only=True, tag_field="news"):
    """Who has it to say."""

    worker: str
    pid: int
    shard: str


class Began(News, frozen=True, kw_only=True, tag="began"):
    """A child has its shard."""

    through: str | None
    """The last record that the lake has."""
    again: bool
    """A batch was begun by another writer, and is written again."""


class Commit(News, frozen=True, kw_only=True, tag="commit"):
    """A batch is in the lake."""

    through: str
    records: int
    rows: int
    rejected: int
    """Of the rows, those of `rejected_events`."""
    objects: int
    bytes: int
    """Of the records' data."""
    seconds: float
    """From its first object to the ledger's last word."""
    lag_ms: int
    """How long ago the stream had taken its first record."""
    behind_ms: int
    """How far what was read last is from the shard's tip, by Kinesis's own word."""
    again: bool


class Said(News, frozen=True, kw_only=True, tag="said"):
    """A child's warning or error."""

    level: str
    message: str


class Left(News, frozen=True, kw_only=True, tag="left"):
    """A child ends as it should: its lease is lost, its shard has ended, or it was asked to end."""

    why: str


AnyNews = Began | Commit | Said | Left
_DECODER: msgspec.json.Decoder[AnyNews] = msgspec.json.Decoder(AnyNews)


class Reporter:
    """The child's end. It never raises and never waits long."""

    def __init__(self, path: str, worker: str, pid: int) -> None:
        """`path` is empty where nobody listens."""
        self.shard = ""
        self.heard = path != ""
        self._path = path
        self._worker = worker
        self._pid = pid

    def began(self, through: Place | None, *, again: bool) -> None:
        """Tell that the shard is this child's."""
        self._tell(Began, through=None if through is None else str(through), again=again)

    def committed(self, committed: Committed, behind_ms: int) -> None:
        """Tell of a commit."""
        self._tell(
            Commit,
            through=str(committed.through),
            records=committed.records,
            rows=committed.written.rows,
            rejected=committed.rejected,
            objects=committed.written.objects,
            bytes=committed.size,
            seconds=committed.seconds,
            lag_ms=committed.lag_ms,
            behind_ms=behind_ms,
            again=committed.again,
        )

    def said(self, level: str, message: str) -> None:
        """Pass a line of the log on."""
        self._tell(Said, level=level, message=_shortened(message))

    def left(self, why: str) -> None:
        """Tell that the shard is this child's no more."""
        self._tell(Left, why=why)

    def _tell(self, kind: type[AnyNews], **what: object) -> None:
        if self.heard:
            news = kind(worker=self._worker, pid=self._pid, shard=self.shard, **what)  # type: ignore[arg-type]
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.settimeout(_PATIENCE_SECONDS)
                sending.sendto(msgspec.json.encode(news), self._path)


def _shortened(message: str) -> str:
    """What is too long loses its middle: a traceback says at its end what it is about."""
    if len(message) <= _LONGEST:
        return message
    tail = _LONGEST // 2
    head = _LONGEST - tail - len(_LEFT_OUT)
    return f"{message[:head]}{_LEFT_OUT}{message[-tail:]}"


class ReportingHandler(logging.Handler):
    """Log records, told to the supervisor."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        self._reporter.said(record.levelname, self.format(record))


class Inbox:
    """The supervisor's end; closing it removes the socket."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError when there can be no socket at `path`: it is too long, of a kernel's
        hundred bytes, or lies on a filesystem that has none."""
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(str(path))
        except OSError as error:
            self._socket.close()
            raise SettingsError(
                f"There can be no socket {path}: {error}. Set TMPDIR to a folder whose path is"
                " short, such as /tmp."
            ) from error

    def wait(self, seconds: float) -> AnyNews | None:
        """The next news, within so long; None when there is none."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(2**16)
        except (TimeoutError, BlockingIOError):
            return None
        with suppress(msgspec.DecodeError):
            return _DECODER.decode(data)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)
