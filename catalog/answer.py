"""The answer to a query: its columns, its rows as they come, and what it took."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from catalog.cost import Scanned

Row = tuple[Any, ...]


class AnswerColumn(NamedTuple):
    """A column of an answer; `type` is Athena's name for it, as in `bigint`."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows stream from the engine once; close the answer when they are not read to the end.

    Iterating raises `events.errors.QueryFailed` when the engine fails after its first rows.
    """

    columns: tuple[AnswerColumn, ...]
    rows: Iterator[Row] = field(repr=False)
    scanned: Scanned
    close: Callable[[], None] = field(repr=False, default=lambda: None)

    def __iter__(self) -> Iterator[Row]:
        return self.rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
