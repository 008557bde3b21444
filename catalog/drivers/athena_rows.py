"""Athena's answers as rows: what GetQueryResults gives as text, in Python's types.

Every value comes as text (Athena API, "Datum"): the formats are those of Trino's cast to varchar. A
value that has no text is NULL; an empty text is an empty text.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from catalog.answer import AnswerColumn, Row

_Reader = Callable[[str], Any]


def answer_columns(metadata: Mapping[str, Any]) -> tuple[AnswerColumn, ...]:
    """The columns of a `ResultSetMetadata`, their types named as in SQL."""
    return tuple(
        AnswerColumn(each.get("Label") or each["Name"], _type(each))
        for each in metadata.get("ColumnInfo", ())
    )


def read_rows(
    columns: tuple[AnswerColumn, ...], rows: Iterable[Mapping[str, Any]]
) -> Iterator[Row]:
    """The `Rows` of a result set as tuples of Python's values."""
    readers = [_READERS.get(column.type.partition("(")[0], str) for column in columns]
    for row in rows:
        yield tuple(
            _value(reader, datum.get("VarCharValue"))
            for reader, datum in zip(readers, row.get("Data", ()), strict=True)
        )


def _type(column: Mapping[str, Any]) -> str:
    kind = str(column["Type"])
    if kind == "decimal":
        return f"decimal({column['Precision']},{column['Scale']})"
    return _SQL_NAMES.get(kind, kind)


def _value(reader: _Reader, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return reader(text)
    except (ValueError, ArithmeticError, KeyError):
        return text  # a year beyond Python's, a zone it does not know: as Athena wrote it


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _utc(text: str) -> datetime:
    """`2026-11-24 10:30:00.000 Europe/Paris`, or `... +01:00`: the instant in UTC, no zone."""
    day, clock, zone = text.split(" ")
    if zone == "UTC":  # some machines have no other zone's rules
        return datetime.fromisoformat(f"{day} {clock}")
    if zone[0] in "+-":
        instant = datetime.fromisoformat(f"{day} {clock}{zone}")
    else:
        instant = datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=ZoneInfo(zone))
    return instant.astimezone(UTC).replace(tzinfo=None)


_SQL_NAMES = {"float": "real", "string": "varchar", "int": "integer"}
"""What Athena's metadata calls otherwise than its SQL does."""

_READERS: dict[str, _Reader] = {
    "bigint": int,
    "integer": int,
    "smallint": int,
    "tinyint": int,
    "double": float,
    "real": float,
    "boolean": _boolean,
    "decimal": Decimal,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamp with time zone": _utc,
    "varbinary": bytes.fromhex,  # "68 65": it takes the spaces
}
