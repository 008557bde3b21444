"""The options that several commands share."""

from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from events.errors import SettingsError


class Format(Enum):
    """How an answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


DEFAULT_DATA = Path("data")

OutputFormat = Annotated[
    Format,
    typer.Option("--format", help="table for people; csv and json (one array) for programs."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="YYYY-MM-DD", help="First UTC day. Default: 29 days before the last."),
]
Until = Annotated[
    str | None, typer.Option(metavar="YYYY-MM-DD", help="Last UTC day, inclusive. Default: today.")
]
UserId = Annotated[int | None, typer.Option(help="A viewer, for the reports on one.")]


def today() -> date:
    """The UTC day it is."""
    return datetime.now(UTC).date()


def day_range(since: str | None, until: str | None) -> tuple[date, date]:
    """The days asked for, both inclusive; raises SettingsError when they are none."""
    last = today() if until is None else parse_day("--until", until)
    first = last - timedelta(days=29) if since is None else parse_day("--since", since)
    if first > last:
        raise SettingsError(f"--since {first} is after --until {last}; swap them.")
    return first, last


def parse_day(option: str, text: str) -> date:
    """A day as an option gives it; raises SettingsError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r} is no day; write it as 2026-11-24.") from None
