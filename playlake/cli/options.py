"""The options that several commands share."""

from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


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
VideoId = Annotated[str | None, typer.Option(help="A video, for the reports on one.")]


def today() -> date:
    """The UTC day it is."""
    return datetime.now(UTC).date()
