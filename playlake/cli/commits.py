"""What `playlake consume` prints while it runs: for people lines, for programs JSON.

The JSON of a commit is in CloudWatch's embedded metric format: where the log goes to CloudWatch
Logs, its figures are metrics. Source: Amazon CloudWatch User Guide, "Embedded metric format
specification".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playlake.cli.text import bytes_text
from playlake.consuming.news import AnyNews, Began, Commit, Said

if TYPE_CHECKING:
    from playlake.cli.terminal import Terminal

_UNITS: Mapping[str, str] = {
    "RecordsConsumed": "Count",
    "RowsWritten": "Count",
    "EventsRejected": "Count",
    "FilesWritten": "Count",
    "BytesConsumed": "Bytes",
    "CommitLatency": "Seconds",
    "Lag": "Milliseconds",
    "MillisBehindLatest": "Milliseconds",
}
"""The metrics of a commit. By stream, not by shard: each combination is paid for."""


@dataclass(frozen=True, slots=True)
class Lines:
    """For people, on a terminal."""

    console: Terminal

    def heard(self, news: AnyNews) -> None:
        """See `playlake.consuming.supervisor.Observer`."""
        if isinstance(news, Commit):
            self._print(commit_line(news))
        elif isinstance(news, Began):
            where = "its beginning" if news.through is None else f"…{news.through[-12:]}"
            self._print(f"{news.shard}: goes on after {where}")
        elif isinstance(news, Said):
            self._print(f"{news.shard}: {news.level.lower()}: {news.message}")
        else:
            self._print(f"{news.shard}: {news.why}")

    def died(self, worker: str, code: int, pause: float) -> None:
        """See `playlake.consuming.supervisor.Observer`."""
        self._print(f"worker {worker} ended with {code}; it is started again in {pause:.0f} s")

    def warned(self, message: str) -> None:
        """See `playlake.consuming.supervisor.Observer`."""
        self._print(f"warning: {message}")

    def stopping(self) -> None:
        """See `playlake.consuming.supervisor.Observer`."""
        self._print("Stopping: committing what was read.")

    def _print(self, line: str) -> None:
        self.console.print(line, soft_wrap=True, markup=False)


def commit_line(news: Commit) -> str:
    """A commit for people."""
    return (
        f"{news.shard}: {news.rows:,} rows of {news.records:,} records ({bytes_text(news.bytes)})"
        f" in {news.objects:,} files, {news.seconds:.2f} s;"
        f" {news.behind_ms / 1_000:,.1f} s behind{', begun by another' if news.again else ''}"
    )


@dataclass(frozen=True, slots=True)
class JsonLines:
    """For programs, on standard output."""

    stream: str
    now_ms: Callable[[], int]

    def heard(self, news: AnyNews) -> None:
        """See `playlake.consuming.supervisor.Observer`."""
        if isinstance(news, Commit):
            _write(commit_metrics(news, self.stream, self.now_ms()))
        elif isinstance(news, Said):
            self._write({"message": news.message, **_from(news)}, news.level)
        elif isinstance(news, Began):
            self._write({"message": "shard began", "through": news.through, **_from(news)})
        else:
            self._write({"message": news.why, **_from(news)})

    def died(self, worker: str, code: int, pause: float) -> None:
        """See `playlake.consuming.supervisor.Observer`."""
        ended = {"message": "worker ended", "worker": worker, "code": code, "again_in": pause}
        self._write(ended, "WARNING")

    def warned(self, message: str) -> None:
        """See `playlake.consuming.supervisor.Observer`."""
        self._write({"message": message}, "WARNING")

    def stopping(self) -> None:
        """See `playlake.consuming.supervisor.Observer`."""
        self._write({"message": "stopping"})

    def _write(self, what: Mapping[str, object], level: str = "INFO") -> None:
        _write({"level": level, "timestamp": self.now_ms(), "stream": self.stream, **what})


def _from(news: AnyNews) -> dict[str, object]:
    return {"shard": news.shard, "worker": news.worker, "pid": news.pid}


def commit_metrics(news: Commit, stream: str, now_ms: int) -> dict[str, object]:
    """A commit as one line of the embedded metric format."""
    metrics = [{"Name": name, "Unit": unit} for name, unit in _UNITS.items()]
    directive = {"Namespace": "playlake", "Dimensions": [["Stream"]], "Metrics": metrics}
    return {
        "_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]},
        "level": "INFO",
        "message": "committed",
        "Stream": stream,
        **_from(news),
        "through": news.through,
        "again": news.again,
        "RecordsConsumed": news.records,
        "RowsWritten": news.rows,
        "EventsRejected": news.rejected,
        "FilesWritten": news.objects,
        "BytesConsumed": news.bytes,
        "CommitLatency": news.seconds,
        "Lag": news.lag_ms,
        "MillisBehindLatest": news.behind_ms,
    }


def _write(line: Mapping[str, object]) -> None:
    # A reader that goes away does not end what it reads about; Python would close the pipe noisily.
    try:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        from playlake.cli.terminal import silence

        silence()
