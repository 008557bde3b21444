"""Each event's fate, as `playlake dev` prints it when the event has arrived in the lake."""

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.markup import escape

from events.layout import parse_key
from events.rejected import REJECTED_EVENTS
from playlake.cli.text import printable, seconds_text
from playlake.local.delivery import Delivered

MOST_LINES = 10
"""A batch with more events of one table and day is told in one line."""


class FatePrinter:
    """Prints what became of events, a line each while they are few."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.failed = 0

    def written(self, key: str, data: bytes) -> None:
        """An object lies in the lake: tell of its rows."""
        partition = parse_key(key)
        if partition is None:
            return
        table, dt = partition
        file = pq.ParquetFile(pa.BufferReader(data))
        if file.metadata.num_rows > MOST_LINES:
            self._line(table, dt, f"{file.metadata.num_rows:,} events")
            return
        for row in file.read().to_pylist():
            self._line(table, dt, _told(table, row))

    def delivered(self, delivered: Delivered) -> None:
        """A batch came to its end: tell only of what failed."""
        self.failed += delivered.failed
        if delivered.failed and delivered.failure:
            self._console.print(
                f"[red]{delivered.failed} records failed[/] after {delivered.attempts} attempts,"
                f" kept under failed/: {escape(printable(delivered.failure.message, 200))}"
            )

    def _line(self, table: str, dt: str, told: str) -> None:
        color = "red" if table == REJECTED_EVENTS.name else "green"
        now = datetime.now().astimezone()
        self._console.print(
            f"[dim]{now:%H:%M:%S}[/]  [{color}]{table:<19}[/] dt={dt}  {escape(told)}",
            soft_wrap=True,
            highlight=False,
        )


def _told(table: str, row: dict[str, Any]) -> str:
    if table == REJECTED_EVENTS.name:
        return f"{row['reason']}: {printable(row['message'], 160)}"
    return "  ".join(part for part in (_what(row), _who(row), _device(row)) if part)


def _what(row: dict[str, Any]) -> str:
    if "started_at" in row:
        span = f"{seconds_text(row['started_at'])} to {seconds_text(row['ended_at'])}"
        return f"{printable(row['video_id'], 40)}  {span}"
    if "event" in row:
        return f"{printable(row['video_id'], 40)}  {printable(row['event'], 40)}"
    return printable(row.get("event_name") or "(unnamed)", 40)


def _who(row: dict[str, Any]) -> str:
    viewer = row["viewer_id"] or row["user_id"]
    return "" if viewer is None else printable(f"by {viewer}", 40)


def _device(row: dict[str, Any]) -> str:
    parts = (row["device_type"], row["os_name"], row["browser_name"])
    return ", ".join(printable(part, 30) for part in parts if part)
