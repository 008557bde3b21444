"""Answers as tables, CSV and JSON."""

import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from catalog.answer import AnswerColumn, Row
from catalog.cost import Scanned
from playlake.cli.options import Format
from playlake.cli.terminal import Plain
from playlake.cli.text import bytes_text, printable, usd_text
from playlake.values import csv_lines, plain, text

MOST_ROWS = 1_000
"""A table shows no more; csv and json give every row."""

_NARROWEST = 8
"""A column that has less room shows nothing that could be read."""

_NUMBERS = ("bigint", "integer", "double", "decimal", "real", "smallint", "tinyint")


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows that no query read, to be printed like an answer."""

    columns: tuple[AnswerColumn, ...]
    rows: Iterator[Row]
    scanned: Scanned | None = None


class Printable(Protocol):
    """Columns, and rows as they come; `scanned` is read after the last of them."""

    @property
    def columns(self) -> tuple[AnswerColumn, ...]:
        """The columns, before any row."""

    @property
    def rows(self) -> Iterator[Row]:
        """The rows, once."""

    @property
    def scanned(self) -> Scanned | None:
        """What reading them took; None when no query read them."""


def render(answer: Printable, output: Format, title: str | None = None) -> None:
    """Print the answer to standard output; what it scanned goes with it, or, where a program
    reads, to standard error."""
    {Format.TABLE: _print_table, Format.CSV: _print_csv, Format.JSON: _print_json}[output](
        answer, title
    )


def render_listing(
    columns: Mapping[str, str], rows: Iterable[Row], output: Format, title: str | None = None
) -> None:
    """Print rows that no query read: `columns` are their names and Athena types."""
    listed = tuple(AnswerColumn(name, kind) for name, kind in columns.items())
    render(Listing(listed, iter(rows)), output, title)


def write_csv(answer: Printable, file: IO[str]) -> int:
    """Write the rows as RFC 4180 CSV with a header, as they come; returns how many there were."""
    lines = csv_lines((column.name for column in answer.columns), answer.rows)
    file.write(next(lines))
    rows = 0
    for line in lines:
        file.write(line)
        rows += 1
    return rows


def scanned_text(scanned: Scanned) -> str:
    """What a query read and what Athena charges for that, or would, in one line."""
    read = [f"{scanned.partitions_read} of {scanned.partitions_total} partitions"]
    if scanned.files is not None:
        read.append(f"{scanned.files:,} file{'' if scanned.files == 1 else 's'}")
    read.append(bytes_text(scanned.bytes))
    charges = "charges" if scanned.charged else "would charge"
    return f"Scanned {', '.join(read)}. Athena {charges} {usd_text(scanned.athena_cost_usd)}."


def _print_table(answer: Printable, title: str | None) -> None:
    # Where nobody's window bounds it, a line stays a line, for grep.
    width = None if sys.stdout.isatty() else 10_000
    console = Plain(width=width)
    names = [column.name for column in answer.columns]
    heads = [printable(name) for name in names]
    rows = (
        [escape(_cell(*each)) for each in zip(names, row, strict=True)]
        for row in itertools.islice(answer.rows, MOST_ROWS)
    )
    if len(names) * _NARROWEST > console.width:
        shown = _print_records(console, heads, rows, title)
    else:
        numbers = [column.type.startswith(_NUMBERS) for column in answer.columns]
        shown = _print_columns(console, zip(heads, numbers, strict=True), rows, title)
    if next(answer.rows, None) is not None:
        console.print(f"The first {shown:,} rows; --format csv gives all of them.")
    if not shown:
        console.print("No rows.")
    if answer.scanned:
        console.print(f"[dim]{scanned_text(answer.scanned)}[/]", soft_wrap=True)
    console.print()


def _print_columns(
    console: Console,
    heads: Iterable[tuple[str, bool]],
    rows: Iterable[list[str]],
    title: str | None,
) -> int:
    """A row a line; of each column, its head and whether it holds numbers."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for head, is_number in heads:
        table.add_column(escape(head), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return table.row_count


def _print_records(
    console: Console, heads: Sequence[str], rows: Iterable[list[str]], title: str | None
) -> int:
    """A line a value, for more columns than the window has room for beside each other."""
    if title is not None:
        console.print(title, style="bold")
    shown, width = 0, max(map(len, heads))
    for shown, row in enumerate(rows, start=1):
        console.print(f"[dim]row {shown:,}[/]")
        for head, cell in zip(heads, row, strict=True):
            console.print(f"  [dim]{escape(head.ljust(width))}[/]  {cell}", soft_wrap=True)
    return shown


def _print_csv(answer: Printable, _title: str | None) -> None:
    # For a program it is exact; a terminal would obey what a client sent.
    rows = map(_shown, answer.rows) if sys.stdout.isatty() else answer.rows
    write_csv(Listing(answer.columns, rows), sys.stdout)
    _print_scanned(answer)


def _print_json(answer: Printable, _title: str | None) -> None:
    names = _numbered([column.name for column in answer.columns])
    # One array, written as its rows come: an export need not fit in memory.
    for chunk in _array(answer, names):
        sys.stdout.write(chunk)
    _print_scanned(answer)


def _shown(row: Row) -> Row:
    return tuple(
        printable(each, limit=len(each) * 6) if isinstance(each, str) else each for each in row
    )


def _array(answer: Printable, names: list[str]) -> Iterator[str]:
    separator = "["
    for row in answer.rows:
        yield separator + json.dumps(_object(names, row), ensure_ascii=sys.stdout.isatty())
        separator = ",\n "
    yield "]\n" if separator != "[" else "[]\n"


def _object(names: list[str], row: Row) -> dict[str, Any]:
    return {name: plain(value) for name, value in zip(names, row, strict=True)}


def _print_scanned(answer: Printable) -> None:
    sys.stdout.flush()
    if answer.scanned is None:
        return
    Plain(stderr=True).print(f"[dim]{scanned_text(answer.scanned)}[/]", soft_wrap=True)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"
    if isinstance(value, int):
        # An id is a name: it is copied into the next question as it stands.
        return str(value) if name == "id" or name.endswith("_id") else f"{value:,}"
    return printable(str(text(value)), limit=200)


def _numbered(names: Sequence[str]) -> list[str]:
    """The names, those that were there before with a number: an object holds each name once."""
    taken, used = set(names), set[str]()
    numbered = []
    for name in names:
        free = (f"{name}_{number}" for number in itertools.count(1))
        once = next(each for each in free if each not in taken) if name in used else name
        used.add(name)
        taken.add(once)
        numbered.append(once)
    return numbered
