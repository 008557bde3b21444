"""The options that several commands share."""

from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from events.errors import UnknownName
from events.registry import REGISTRY


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


def tables_named(table: str | None) -> list[str]:
    """That table's name, or those of all of them; raises UnknownName."""
    names = [each.name for each in REGISTRY.tables]
    if table is not None and table not in names:
        raise UnknownName(f"No table is called {table!r}; there are {', '.join(names)}.")
    return names if table is None else [table]


def today() -> date:
    """The UTC day it is."""
    return datetime.now(UTC).date()
