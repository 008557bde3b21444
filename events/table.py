"""A table of the lake: what every engine's schema derives from."""

from dataclasses import dataclass
from enum import Enum

PARTITION_KEY = "dt"
"""The partition key of every table: a UTC date as text, `YYYY-MM-DD`. Not a column of the files."""


class ColumnType(Enum):
    """The types that Athena, Trino, Spark and DuckDB read alike from Parquet."""

    TEXT = "text"
    BIGINT = "bigint"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    """Milliseconds since the epoch, UTC, no zone: nanoseconds are not read by Athena."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Every column may be null but `event_id`."""

    name: str
    type: ColumnType
    doc: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table partitioned by `dt`; `sort_by` is the row order inside a file, for pruning."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...]

    def column(self, name: str) -> Column:
        """The column of that name; raises KeyError."""
        return {column.name: column for column in self.columns}[name]
