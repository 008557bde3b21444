"""An event type as JSON Schema (draft 2020-12), for whoever writes a client."""

from typing import Any

from events.declaration import EventType, Field, FieldType
from events.fields import COLLECTED
from events.limits import INT64_MIN

_TYPES: dict[FieldType, dict[str, Any]] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.INTEGER: {"type": "integer", "minimum": INT64_MIN},
    FieldType.NUMBER: {"type": "number"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.TIME: {"type": "number"},
}


def json_schema(event_type: EventType) -> dict[str, Any]:
    """The schema of an object that the transform takes as an event of this type.

    It holds what a schema can say: the type's rules over several fields are in its description.
    """
    fields = (*event_type.fields, *COLLECTED)
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event_type.name,
        "description": " ".join((event_type.doc, *(rule.sentence for rule in event_type.rules))),
        "type": "object",
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields if field.required],
        "examples": list(event_type.examples),
    }
    if not event_type.named_by:
        schema["properties"]["type"] = {"enum": [event_type.name, None]}
    if event_type.one_of:
        schema["anyOf"] = [_present(name, fields) for name in event_type.one_of]
    return schema


def _property(field: Field) -> dict[str, Any]:
    value = _TYPES[field.type] | {"description": field.doc}
    if field.type is FieldType.INTEGER:
        value["maximum"] = field.maximum
    if field.minimum is not None:
        value["minLength" if field.type is FieldType.TEXT else "minimum"] = field.minimum
    # An optional field may be null, which says the same as its absence.
    return value if field.required else value | {"type": [value["type"], "null"]}


def _present(name: str, fields: tuple[Field, ...]) -> dict[str, Any]:
    (field,) = (field for field in fields if field.name == name)
    return {"required": [name], "properties": {name: {"type": _TYPES[field.type]["type"]}}}
