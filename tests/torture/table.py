"""The rows of a run: as a table on the console, and as the one in docs/reliability.md."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from tests.torture.row import Row

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- rows: make torture -->", "<!-- rows end -->"
_TABLE = re.compile(re.escape(_BEGIN) + r"\n(.*?)" + re.escape(_END), re.DOTALL)
_HEAD = (
    "| fault | times | acknowledged | lost | doubled | recovery, median | longest | |\n"
    "|---|--:|--:|--:|--:|--:|--:|---|\n"
)


def is_whole(row: Row) -> bool:
    """Whether nothing was lost and nothing doubled."""
    return row.lost == row.doubled == 0


def show(row: Row, console: Console) -> None:
    """A line of it, as soon as it is known."""
    median, longest = _recovery(row)
    style = "" if is_whole(row) else "bold red"
    recovery = f"recovery {median}, at the most {longest}" if row.recovery else ""
    console.print(
        f"{row.fault}: {row.times:,} times, {row.acknowledged:,} events acknowledged,"
        f" {row.lost:,} lost, {row.doubled:,} doubled; "
        + "; ".join(filter(None, (recovery, row.note))),
        style=style,
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def rewritten(page: str, rows: Sequence[Row], told: str, *, whole: bool) -> str:
    """The page with the rows in its table; all others go if the run was a `whole` one.

    `told` says of a whole run when, where and how it was made. Raises ValueError for a page
    without the marks.
    """
    if not (found := _TABLE.search(page)):
        raise ValueError(f"the page lacks the lines {_BEGIN} and {_END}")
    kept, before = ({}, told) if whole else _lines(found[1])
    lines = kept | {row.fault: _line(row) for row in rows}
    table = f"{before}\n\n{_HEAD}{''.join(lines.values())}"
    return page[: found.start(1)] + table + page[found.end(1) :]


def _lines(table: str) -> tuple[dict[str, str], str]:
    """The lines by fault, and what is told before them."""
    told = [line for line in table.splitlines() if line and not line.startswith("|")]
    lines = [line for line in table.splitlines(keepends=True) if line.startswith("| ")]
    return {line.split("|")[1].strip(): line for line in lines[1:]}, " ".join(told)


def _line(row: Row) -> str:
    numbers = (row.times, row.acknowledged, row.lost, row.doubled)
    cells = (_cell(row.fault), *(f"{number:,}" for number in numbers), *_recovery(row))
    return _joined((*cells, _cell(row.note)))


def _joined(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _recovery(row: Row) -> tuple[str, str]:
    """The median and the longest."""
    if row.median_recovery is None:
        return "", ""
    return _seconds(row.median_recovery), _seconds(max(row.recovery))


def _seconds(seconds: float) -> str:
    if seconds < 0.1:
        return f"{seconds * 1_000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
