"""The event types there are, and the tables they make."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property

from events.custom import CUSTOM
from events.declaration import COLUMN_TYPES, EventType
from events.errors import DeclarationError
from events.fields import CLOCK_SUSPECT, COLLECTED, DEVICE_COLUMNS, EVENT_NAME, PROPERTIES
from events.rejected import REJECTED_EVENTS
from events.table import PARTITION_KEY, Column, Table
from events.video_play import VIDEO_PLAY
from events.video_player import VIDEO_PLAYER


class Registry:
    """Event types, checked against each other; `fallback` takes every object no other type claims.

    Raises `DeclarationError` when two types share a name or a table, or a type's columns clash.
    """

    def __init__(self, types: Iterable[EventType], fallback: EventType = CUSTOM) -> None:
        self.types = (*types, fallback)
        self.fallback = fallback
        _refuse_doubles("event type", (event_type.name for event_type in self.types))
        _refuse_doubles("table", (table.name for table in self.tables))
        for table in self.tables:
            _check_columns(table)

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """Every table of the lake, the rejected events' last."""
        return (*(table_of(event_type) for event_type in self.types), REJECTED_EVENTS)

    def table(self, name: str) -> Table:
        """The table of that name; raises KeyError."""
        return {table.name: table for table in self.tables}[name]


def table_of(event_type: EventType) -> Table:
    """The table that holds the type's events: its fields, what is derived, what is added."""
    return Table(event_type.table, event_type.doc, tuple(_columns(event_type)), event_type.sort_by)


def _columns(event_type: EventType) -> Iterator[Column]:
    for field in (*event_type.fields, *COLLECTED):
        yield Column(field.name, COLUMN_TYPES[field.type], field.doc)
    for derived in event_type.derived:
        yield Column(derived.name, derived.type, derived.doc)
    if event_type.named_by:
        yield EVENT_NAME
    yield from (CLOCK_SUSPECT, *DEVICE_COLUMNS, PROPERTIES)


def _check_columns(table: Table) -> None:
    names = [column.name for column in table.columns]
    _refuse_doubles(f"column of {table.name}", (*names, PARTITION_KEY, "type"))
    strangers = sorted(set(table.sort_by) - set(names))
    if strangers:
        raise DeclarationError(f"{table.name} sorts by {strangers[0]}, which is no column of it.")


def _refuse_doubles(what: str, names: Iterable[str]) -> None:
    doubles = [name for name, count in Counter(names).items() if count > 1]
    if doubles:
        raise DeclarationError(f"{what} {doubles[0]!r} is declared twice; rename one of them.")


REGISTRY = Registry((VIDEO_PLAY, VIDEO_PLAYER))
"""The event types of playlake. To add one, declare it and name it here."""
