"""Raw records → events by type, and rejects: the first half of the batch function.

The common event costs one native call: it is decoded and checked by its type's struct. Any other
goes the long way, `transform.triage`, alone: a bad event never takes its neighbours with it.
"""

import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

import msgspec
import pybase64

from events.declaration import EventType
from events.limits import MAX_ADDED_BYTES, MAX_EVENT_BYTES
from events.validation import Misfit, Validator
from transform.records import Outcome, RawRecord, Result
from transform.rejects import Reject
from transform.triage import Kept, triage

_MAX_LINE = MAX_EVENT_BYTES + MAX_ADDED_BYTES

Decode = Callable[[bytes], msgspec.Struct]


@dataclass(slots=True)
class TypedEvents:
    """The events of one type, in the batch's order. The lists go in step; `properties` and `names`
    have an entry for the few positions that have one."""

    event_type: EventType
    events: list[msgspec.Struct] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    properties: dict[int, str] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def add(self, event: msgspec.Struct, line: bytes, arrived_at: int) -> None:
        """Append one event."""
        self.events.append(event)
        self.lines.append(line)
        self.arrivals.append(arrived_at)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A batch, decoded: every line of every record is an event or a reject."""

    by_type: tuple[TypedEvents, ...]
    rejects: list[Reject]
    outcomes: list[Outcome]


class Decoder:
    """Decodes batches for one registry; its native decoders are made once."""

    def __init__(self, validator: Validator) -> None:
        self._validator = validator
        self._tagged = _decoder(tuple(validator.tagged))
        # Of the types that are recognised by their fields the first declared has the short way.
        self._untagged = _decoder(tuple(validator.recognised)[:1])
        self._types = validator.tagged | validator.recognised

    def decode(self, records: Sequence[RawRecord], now_ms: int) -> Decoded:
        """Decode a batch. `now_ms` is the arrival of records whose stream does not say theirs."""
        by_type = {each.name: TypedEvents(each) for each in self._validator.registry.types}
        decoded = Decoded(tuple(by_type.values()), [], [])
        batch = _Batch(self, by_type, decoded.rejects)
        for record in records:
            decoded.outcomes.append(batch.decode_record(record, now_ms))
        return decoded


class _Batch:
    """One batch on its way."""

    def __init__(
        self, decoder: Decoder, by_type: dict[str, TypedEvents], rejects: list[Reject]
    ) -> None:
        self._decoder = decoder
        self._by_type = by_type
        self._by_struct = {
            struct: by_type[event_type.name] for struct, event_type in decoder._types.items()
        }
        self._rejects = rejects

    def decode_record(self, record: RawRecord, now_ms: int) -> Outcome:
        arrived_at = now_ms if record.arrived_at is None else record.arrived_at
        try:
            data = pybase64.b64decode(record.data, validate=True)
        except (binascii.Error, ValueError) as error:
            # Firehose could not archive it as `Ok` either: its own data is no base64.
            self._rejects.append(_not_base64(record, arrived_at, error))
            return Outcome(record.record_id, Result.FAILED)
        self._decode_lines(data, arrived_at)
        return Outcome(record.record_id, Result.OK)

    def _decode_lines(self, data: bytes, arrived_at: int) -> None:
        lines = [line for line in data.split(b"\n") if line]
        tagged, untagged, by_struct = (
            self._decoder._tagged,
            self._decoder._untagged,
            self._by_struct,
        )
        for line in lines:
            try:
                event = (tagged if b'"type"' in line else untagged)(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._take_long_way(line, arrived_at, alone=len(lines) == 1)
                continue
            if len(line) > _MAX_LINE:
                self._take_long_way(line, arrived_at, alone=True)
                continue
            by_struct[type(event)].add(event, line, arrived_at)
        if not lines:
            self._take_long_way(data, arrived_at, alone=True)

    def _take_long_way(self, line: bytes, arrived_at: int, *, alone: bool) -> None:
        if not alone and line.isspace():
            return
        found = triage(line, arrived_at, self._decoder._validator)
        if isinstance(found, Kept):
            self._keep(found, line, arrived_at)
        else:
            self._rejects.append(found)

    def _keep(self, kept: Kept, line: bytes, arrived_at: int) -> None:
        events = self._by_type[kept.event_type.name]
        position = len(events.events)
        if kept.properties is not None:
            events.properties[position] = kept.properties
        if kept.name is not None:
            events.names[position] = kept.name
        events.add(kept.event, line, arrived_at)


def _decoder(structs: tuple[type[msgspec.Struct], ...]) -> Decode:
    if not structs:
        return msgspec.json.Decoder(_NoType).decode
    return msgspec.json.Decoder(reduce(or_, structs)).decode


class _NoType(msgspec.Struct, forbid_unknown_fields=True):
    """Where no type has the short way, every event takes the long one: this struct refuses each."""

    nothing: None


def _not_base64(record: RawRecord, arrived_at: int, error: Exception) -> Reject:
    data = (
        record.data
        if isinstance(record.data, bytes)
        else record.data.encode("utf-8", "surrogatepass")
    )
    return Reject(
        Misfit("bad_base64", None, f"The record's data is no base64: {error}."), data, arrived_at
    )
