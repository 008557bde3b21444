"""Athena's SQL and types as DuckDB's, and back."""

import re
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from catalog.answer import AnswerColumn
from catalog.drivers.semantics import as_duckdb_means_it
from events.errors import QueryFailed

ZONED = "timestamp with time zone"

# What Athena calls the types that DuckDB names otherwise. HUGEINT is what DuckDB sums a BIGINT to.
_ATHENA_TYPES = {
    "HUGEINT": "bigint",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "FLOAT": "real",
    "BLOB": "varbinary",
}
_UNNAMED = re.compile(r"^_col_(\d+)$")


def duckdb_sql(expression: exp.Expr) -> str:
    """A resolved expression in DuckDB's dialect. Raises `QueryFailed` for what it cannot say."""
    try:
        rewritten = as_duckdb_means_it(expression)
        return rewritten.sql("duckdb", unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise QueryFailed(f"DuckDB has no counterpart of it: {error}") from error


def answer_column(name: str, duckdb_type: str) -> AnswerColumn:
    """The column as Athena would name it: `_col0` where the query names none."""
    kind = _ATHENA_TYPES.get(duckdb_type, duckdb_type.lower())
    return AnswerColumn(_UNNAMED.sub(r"_col\1", name), kind)


def has_zone(column: AnswerColumn) -> bool:
    """Whether its values are, or hold, timestamps with a zone."""
    return ZONED in column.type


def without_zones(sql: str, columns: Sequence[AnswerColumn]) -> str:
    """The query with its zoned timestamps as UTC ones: DuckDB hands out the others only by pytz."""
    names = [f"c{number}" for number in range(len(columns))]
    selected = (
        f"CAST({name} AS {column.type.replace(ZONED, 'timestamp')})" if has_zone(column) else name
        for name, column in zip(names, columns, strict=True)
    )
    return f"SELECT {', '.join(selected)} FROM ({sql}) AS answer({', '.join(names)})"  # noqa: S608
