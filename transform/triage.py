"""The long way for one event that is not plainly good: what is it, and if nothing, why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from events.declaration import EventType
from events.fields import COLLECTED
from events.limits import MAX_ADDED_BYTES, MAX_EVENT_BYTES
from events.surrogates import LONE_SURROGATE, has_lone_surrogate
from events.validation import Misfit, Validator, misfit
from transform.rejects import Reject
from transform.times import plausible

_ADDED = {"event_id", *(field.name for field in COLLECTED)}


@dataclass(frozen=True, slots=True)
class Kept:
    """An event that is good, with what its declaration does not know."""

    event_type: EventType
    event: msgspec.Struct
    properties: str | None
    name: str | None


def triage(line: bytes, arrived_at: int, validator: Validator) -> Kept | Reject:
    """The event that `line` is, or the reject that it makes; never raises."""
    whole = _parse(line)
    if isinstance(whole, Misfit):
        return Reject(whole, line, arrived_at)
    event_type = validator.recognise(whole)
    found = _EMPTY if whole.keys() <= _ADDED else _fit(whole, event_type, validator)
    if isinstance(found, Misfit):
        received_at = plausible(whole.get("received_at")) or arrived_at
        return Reject(found, line, received_at, event_type.name, _own_id(whole))
    known = {*found.__struct_fields__}
    # What did not fit its field is no field of the event, but a property.
    known -= {k for k in known if getattr(found, k) is None and whole.get(k) is not None}
    if isinstance(whole.get("type"), str | None):
        known.add("type")
    return Kept(event_type, found, _unknown(line, known), _name(whole, event_type))


_EMPTY = Misfit("empty", None, "The object has no fields; send what happened.")


def _fit(
    whole: Mapping[str, Any], event_type: EventType, validator: Validator
) -> msgspec.Struct | Misfit:
    # From the parsed object, in which of duplicate keys the last counts, not from its text.
    try:
        return msgspec.convert(whole, validator.open[event_type.name])
    except msgspec.ValidationError as error:
        found = misfit(error, event_type)
    if event_type is validator.registry.fallback and found.field in whole:
        # Any other object is collected whatever its fields hold: this one is a property of it.
        return _fit({k: v for k, v in whole.items() if k != found.field}, event_type, validator)
    return found


def _parse(line: bytes) -> dict[str, Any] | Misfit:
    if len(line) > MAX_EVENT_BYTES + MAX_ADDED_BYTES:
        sentence = f"The event has {len(line):,} bytes; at most {MAX_EVENT_BYTES:,} are taken."
        return Misfit("too_large", None, sentence)
    if not line.strip():
        return Misfit("empty", None, "The record holds no event.")
    whole = _strictly(line)
    if isinstance(whole, dict | Misfit):
        return whole
    return Misfit("not_object", None, "An event is a JSON object; send one object a line.")


def _strictly(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except RecursionError:
        return Misfit("too_deep", None, "Objects and arrays are nested too deeply; flatten them.")
    except UnicodeDecodeError as error:
        return Misfit("not_utf8", None, f"Not UTF-8: {error.reason}; send UTF-8.")
    except msgspec.DecodeError as error:
        if has_lone_surrogate(line):
            return Misfit("lone_surrogate", None, f"A text holds {LONE_SURROGATE}.")
        return misfit(error, None)


def _name(whole: Mapping[str, Any], event_type: EventType) -> str | None:
    names = (whole.get(key) for key in event_type.named_by)
    taken = ("", event_type.name)
    return next((name for name in names if isinstance(name, str) and name not in taken), None)


def _unknown(line: bytes, known: set[str]) -> str | None:
    """The fields beside `known`, as JSON text, their values as the client wrote them."""
    fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    unknown = {name: value for name, value in fields.items() if name not in known}
    return msgspec.json.encode(unknown).decode() if unknown else None


def _own_id(whole: Mapping[str, Any]) -> str | None:
    own = whole.get("event_id")
    return own if isinstance(own, str) and own else None
