"""The vocabulary in which an event type is declared, once.

Validation, the Arrow schema, the Glue columns, the SQL DDL and the published JSON Schema derive
from a declaration; none of them is written a second time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from events.table import ColumnType

Expression = Any
"""An expression over columns: `pyarrow.compute.Expression` where it is evaluated. Declarations only
combine what the `column` function handed to them gives, so that they need no import of pyarrow,
which the collector's Lambda does not carry."""

Formula = Callable[[Callable[..., Expression]], Expression]
"""From `column(name, default=None)`, which gives a column with its nulls replaced by the default,
to an expression over columns."""


MAX_EXACT = 2**53 - 1
"""The greatest integer that a double holds exactly, and so JavaScript (ECMA-262,
Number.MAX_SAFE_INTEGER) and a formula with a rate in it."""


class FieldType(Enum):
    """What a JSON value of a field must be. Nothing is coerced: "12" is no integer, nor is 1.5."""

    TEXT = "text"
    INTEGER = "integer"  # int64
    NUMBER = "number"  # double
    BOOLEAN = "boolean"
    TIME = "time"  # epoch seconds or milliseconds, told apart by magnitude


COLUMN_TYPES = {
    FieldType.TEXT: ColumnType.TEXT,
    FieldType.INTEGER: ColumnType.BIGINT,
    FieldType.NUMBER: ColumnType.DOUBLE,
    FieldType.BOOLEAN: ColumnType.BOOLEAN,
    FieldType.TIME: ColumnType.TIMESTAMP,
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a client may send, and the column it becomes."""

    name: str
    type: FieldType
    doc: str
    required: bool = False
    minimum: int | None = None
    """The least value of a number, or the least number of characters of a text."""
    maximum: int = MAX_EXACT
    """The greatest value of an integer. Only a field that no formula reads may go further."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A column computed from the fields."""

    name: str
    type: ColumnType
    doc: str
    formula: Formula


@dataclass(frozen=True, slots=True)
class Rule:
    """What no event of the type can be. An event for which `broken` is true is rejected with
    `code`; where it is null (a field is absent) the rule says nothing."""

    code: str
    sentence: str
    broken: Formula


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event: how it is told, what it holds, what it may not be, where its rows go."""

    name: str
    table: str
    doc: str
    fields: tuple[Field, ...]
    sort_by: tuple[str, ...]
    derived: tuple[Derived, ...] = ()
    rules: tuple[Rule, ...] = ()
    one_of: tuple[str, ...] = ()
    """Of these fields at least one must be there."""
    recognised_by: tuple[frozenset[str], ...] = ()
    """An object without `type` that has all fields of any of these sets is of this type."""
    named_by: tuple[str, ...] = ()
    """For the type of all other objects: the fields that may name them, in order of precedence."""
    examples: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    """Valid objects, for the JSON Schema and for whoever reads it."""
