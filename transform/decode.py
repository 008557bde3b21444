"""Raw records → events by type, and rejects: the first half of the batch function.

The common record costs one native call: all its lines are decoded and checked by their types'
structs. A line that is not plainly good goes the long way, `transform.triage`, alone: a bad event
never takes its neighbours with it.
"""

import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import msgspec
import pybase64

from events.declaration import EventType
from events.fields import COLLECTED
from events.limits import MAX_ADDED_BYTES, MAX_EVENT_BYTES
from events.validation import Misfit, Validator
from transform.columns import ColumnBuilder
from transform.json_lines import Lines, line_at_fault, plain_objects
from transform.records import Outcome, RawRecord, Result
from transform.rejects import Reject
from transform.triage import Kept, triage

_MAX_LINE = MAX_EVENT_BYTES + MAX_ADDED_BYTES

Structs = msgspec.json.Decoder[msgspec.Struct]
_BYTES_A_FAULT = 4_096
"""With more lines at fault than one in so many bytes, a dozen lines, each is decoded by itself:
beginning anew after each fault costs more than it saves."""
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class TypedEvents:
    """The events of one type, in the batch's order. Fields, lines and arrivals go in step;
    `properties` and `names` have an entry for the few positions that have one."""

    def __init__(self, event_type: EventType) -> None:
        self.event_type = event_type
        self.fields = ColumnBuilder((*event_type.fields, *COLLECTED))
        self.lines = Lines()
        self.arrivals: list[int] = []
        self.properties: dict[int, str] = {}
        self.names: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.fields)

    def add(self, event: msgspec.Struct, line: bytes, arrived_at: int) -> None:
        """Append one event."""
        self.fields.add([event])
        self.lines.add(line)
        self.arrivals.append(arrived_at)

    def add_block(self, events: Sequence[msgspec.Struct], data: bytes, arrived_at: int) -> None:
        """Append the events of as many lines."""
        self.fields.add(events)
        self.lines.add_block(data, len(events))
        self.arrivals += [arrived_at] * len(events)


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
        if data.isspace() or not data or _has_long_line(data):
            self._decode_lines(data, arrived_at, whole=True)
        else:
            self._decode_together(data, arrived_at)
        return Outcome(record.record_id, Result.OK)

    def _decode_together(self, data: bytes, arrived_at: int) -> None:
        """Decode what can be in one call, and lines that are at fault by themselves; after so many
        of these, all that is left."""
        decoder = self._decoder._tagged if b'"type"' in data else self._decoder._untagged
        start = end = lines = 0
        for _ in range(2 + len(data) // _BYTES_A_FAULT):
            if start >= end:
                lines, end = plain_objects(data, start)
            if lines:
                block = data[start:end]
                taken = self._take_block(decoder, block, lines, arrived_at)
                if taken is None:
                    break
                lines -= block.count(b"\n", 0, taken)
                start += taken
            if start == len(data):
                return
            after = data.find(b"\n", start) + 1 or len(data)
            self._decode_lines(data[start:after], arrived_at, whole=False)
            lines -= start < end  # it was one of those that were counted
            start = after
        self._decode_lines(data[start:], arrived_at, whole=False)

    def _take_block(
        self, decoder: Structs, block: bytes, lines: int, arrived_at: int
    ) -> int | None:
        """How many bytes were taken: all of them, or what is before a line at fault. None, and none
        are taken, when the decoder's words do not tell which line that is."""
        try:
            events = decoder.decode_lines(block)
        except _REFUSED as error:
            place = line_at_fault(block, str(error))
        else:
            return len(block) if self._take(events, lines, block, arrived_at) else None
        if place is None or not self._take_head(decoder, block[: place[0]], arrived_at):
            return None
        return place[0]

    def _take_head(self, decoder: Structs, head: bytes, arrived_at: int) -> bool:
        """The lines before the one at fault; False when the fault is among them after all."""
        try:
            return self._take(decoder.decode_lines(head), head.count(b"\n"), head, arrived_at)
        except _REFUSED:
            return False

    def _take(
        self, events: Sequence[msgspec.Struct], lines: int, data: bytes, arrived_at: int
    ) -> bool:
        """False, and nothing is taken, when there are two values in a line."""
        if len(events) != lines:
            return False
        types = set(map(type, events))
        if len(types) == 1:
            self._by_struct[types.pop()].add_block(events, data, arrived_at)
        else:
            for event, line in zip(events, data.split(b"\n"), strict=False):
                self._by_struct[type(event)].add(event, line, arrived_at)
        return True

    def _decode_lines(self, data: bytes, arrived_at: int, *, whole: bool) -> None:
        """Decode a record's lines one by one. Empty ones, and those of mere space, are nothing,
        unless the `whole` record is."""
        lines = [line for line in data.split(b"\n") if line]
        tagged, untagged, by_struct = (
            self._decoder._tagged.decode,
            self._decoder._untagged.decode,
            self._by_struct,
        )
        for line in lines:
            try:
                event = (tagged if b'"type"' in line else untagged)(line)
            except _REFUSED:
                self._take_long_way(line, arrived_at, alone=whole and len(lines) == 1)
                continue
            if len(line) > _MAX_LINE:
                self._take_long_way(line, arrived_at, alone=True)
                continue
            by_struct[type(event)].add(event, line, arrived_at)
        if whole and not lines:
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
        position = len(events)
        if kept.properties is not None:
            events.properties[position] = kept.properties
        if kept.name is not None:
            events.names[position] = kept.name
        events.add(kept.event, line, arrived_at)


def _has_long_line(data: bytes) -> bool:
    return len(data) > _MAX_LINE and max(map(len, data.split(b"\n"))) > _MAX_LINE


def _decoder(structs: tuple[type[msgspec.Struct], ...]) -> Structs:
    return msgspec.json.Decoder(reduce(or_, structs) if structs else _NoType)


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
