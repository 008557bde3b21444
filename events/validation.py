"""What is an event of which type: msgspec structs made from the declarations.

Values are never coerced. A type's struct refuses fields that it does not declare, so that the
common event is decoded and checked in one native pass; its open struct lets them by, for the event
that has more to keep.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from events.declaration import EventType, Field, FieldType
from events.fields import COLLECTED
from events.limits import INT64_MIN
from events.registry import Registry

Struct = type[msgspec.Struct]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why an object is no event: a code for machines, the field at fault, a sentence for people."""

    code: str
    field: str | None
    sentence: str


class Validator:
    """The structs of a registry's event types, and the way from an object to its type."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._by_name = {event_type.name: event_type for event_type in registry.types}

    @cached_property
    def tagged(self) -> dict[Struct, EventType]:
        """A struct for each type that objects name in `type`, told apart by that tag."""
        types = [each for each in self.registry.types if each is not self.registry.fallback]
        return {_struct(each, tag_field="type", tag=each.name): each for each in types}

    @cached_property
    def recognised(self) -> dict[Struct, EventType]:
        """A struct for each type that objects without `type` are recognised as."""
        return {_struct(each): each for each in self.registry.types if each.recognised_by}

    @cached_property
    def open(self) -> dict[str, Struct]:
        """By type name, the struct that lets undeclared fields by."""
        return {
            each.name: _struct(each, forbid_unknown_fields=False) for each in self.registry.types
        }

    def recognise(self, event: Mapping[str, Any]) -> EventType:
        """The type of an object: as its `type` says, else by its fields, else the fallback."""
        named = event.get("type")
        if isinstance(named, str):
            return self._by_name.get(named, self.registry.fallback)
        for event_type in self.registry.types:
            if any(fields <= event.keys() for fields in event_type.recognised_by):
                return event_type
        return self.registry.fallback


def _struct(
    event_type: EventType,
    *,
    tag_field: str | None = None,
    tag: str | None = None,
    forbid_unknown_fields: bool = True,
) -> Struct:
    fields = (*event_type.fields, *COLLECTED)
    return msgspec.defstruct(
        event_type.name,
        [
            *((each.name, _annotation(each)) for each in fields if each.required),
            *((each.name, _annotation(each), None) for each in fields if not each.required),
        ],
        tag_field=tag_field,
        tag=tag,
        forbid_unknown_fields=forbid_unknown_fields,
        gc=False,
    )


_PLAIN: dict[FieldType, Any] = {
    FieldType.NUMBER: float,
    FieldType.BOOLEAN: bool,
    # Players send 1535523716.167 as well as 1535523716167; a double holds both to the millisecond.
    FieldType.TIME: float,
}


def _annotation(field: Field) -> Any:
    value = _value(field)
    return value if field.required else value | None


def _value(field: Field) -> Any:
    if field.type is FieldType.TEXT:
        return str if field.minimum is None else Annotated[str, Meta(min_length=field.minimum)]
    if field.type is FieldType.INTEGER:
        least = INT64_MIN if field.minimum is None else field.minimum
        return Annotated[int, Meta(ge=least, le=field.maximum)]
    plain = _PLAIN[field.type]
    return plain if field.minimum is None else Annotated[plain, Meta(ge=field.minimum)]


_CODES = (
    (re.compile(r"Object missing required field `(?P<field>\w+)`"), "missing_field"),
    (re.compile(r"Number out of range"), "out_of_range"),
    (re.compile(r"Expected `[\w |]+` (?:[<>]=|of length)"), "out_of_range"),
    (re.compile(r"Expected `(?!object`)"), "wrong_type"),
)
_JSON_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}
"""What JSON calls msgspec's types: whoever sent the event need not know Python."""
_TYPES = re.compile(r"\b(?:bool|int|float|str)\b")
_PLACE = re.compile(r" - at `\$\.?(?P<field>\w+)?\S*`$")


def misfit(error: Exception, event_type: EventType | None) -> Misfit:
    """The misfit that msgspec found: its message, made a code, a field and a sentence."""
    message = str(error)
    place = _PLACE.search(message)
    for pattern, code in _CODES:
        found = pattern.match(message)
        if found:
            field = found.groupdict().get("field") or (place and place["field"])
            return Misfit(code, field, _sentence(_PLACE.sub("", message), field, event_type))
    return Misfit("not_json", None, f"Not JSON: {message}; send one JSON object a line.")


def _sentence(message: str, field: str | None, event_type: EventType | None) -> str:
    if field is None:
        return f"{message}; send numbers that fit a 64-bit integer or a double."
    said = _TYPES.sub(lambda found: _JSON_TYPES[found[0]], message.lower())
    fault = "is missing" if "missing" in message else f"is not right: {said}"
    fields = (*event_type.fields, *COLLECTED) if event_type else ()
    meant = [f"Its meaning: {each.doc}" for each in fields if each.name == field]
    return " ".join([f"{field} {fault.replace('`', '')}.", *meant])
