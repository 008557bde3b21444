"""Events of one type → their enriched table, and the rejects that break the type's rules.

Columns, not rows: each step is one vectorised pass over the batch.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

import pyarrow as pa
import pyarrow.compute as pc

from events.arrow import ARROW_TYPES, schema
from events.declaration import EventType, FieldType
from events.fields import DEVICE_COLUMNS
from events.registry import table_of
from events.table import PARTITION_KEY, Column, ColumnType, Table
from events.validation import Misfit
from transform.columns import Columns
from transform.decode import TypedEvents
from transform.devices import Device, parse_device
from transform.formula import evaluate
from transform.identity import identities
from transform.rejects import Reject
from transform.times import AHEAD_MS, DAY_MS, days, impossible

DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_DEVICE_TEXTS = {
    "user_agent",
    *(each.name for each in DEVICE_COLUMNS if each.type is ColumnType.TEXT),
}


@dataclass(frozen=True, slots=True)
class Enriched:
    """`table` has the table's columns and `dt`, sorted by dt and then as the table is."""

    table: pa.Table
    rejects: list[Reject]


def enrich(typed: TypedEvents, max_late_days: int | None) -> Enriched:
    """Enrich the events of one type: times, derived columns, device, `dt`; rules decide.

    `max_late_days` bounds how long before it was received an event may have been logged; None
    believes every time in the past.
    """
    columns = typed.fields.columns()
    _settle_times(columns, typed)
    own_ids = columns["event_id"]
    columns["event_id"] = _identities(own_ids, typed)
    formulas = {derived.name: derived.formula for derived in typed.event_type.derived}
    broken = {f"rule {number}": rule.broken for number, rule in enumerate(typed.event_type.rules)}
    computed = evaluate(columns, formulas | broken)
    columns |= {name: computed[name] for name in formulas}
    verdicts = [
        *_clock_verdicts(columns, typed.event_type, max_late_days),
        *_presence_verdicts(columns, typed.event_type),
        *_rule_verdicts(typed.event_type, [computed[name] for name in broken]),
    ]
    rejected = _first_broken(verdicts)
    table = _table(columns, typed)
    dropped = rejected.keys() | _again(table["event_id"], rejected)
    rejects = _rejects(typed, columns["received_at"], own_ids, rejected)
    return Enriched(in_order(table, typed.event_type.sort_by, dropped), rejects)


def _settle_times(columns: Columns, typed: TypedEvents) -> None:
    """`received_at` is the collector's word, else the stream's; a time that is absent is that."""
    arrivals = pa.array(typed.arrivals, pa.int64())
    received = columns["received_at"]
    believed = pc.if_else(pc.fill_null(impossible(received), True), arrivals, received)
    columns["received_at"] = believed
    time = pc.coalesce(columns["logged_at"], believed)
    suspect = pc.greater(pc.subtract(time, believed), AHEAD_MS)
    columns["clock_suspect"] = suspect
    columns[PARTITION_KEY] = days(pc.if_else(suspect, believed, time))


def _identities(own: pa.Array, typed: TypedEvents) -> pa.Array:
    if not own.null_count:
        return own
    return pa.array(identities(own.to_pylist(), typed.lines, typed.arrivals), pa.string())


_IMPOSSIBLE = "{} is no time since 2000-01-01 and before the year 10000; send epoch milliseconds."
_TOO_LATE = "logged_at is more than {} days before the event was received, the bound that is set."


def _clock_verdicts(
    columns: Columns, event_type: EventType, max_late_days: int | None
) -> Iterator[tuple[Misfit, pa.Array]]:
    for field in event_type.fields:
        if field.type is FieldType.TIME:
            misfit = Misfit("impossible_clock", field.name, _IMPOSSIBLE.format(field.name))
            yield misfit, impossible(columns[field.name])
    if max_late_days is not None:
        late = pc.subtract(columns["received_at"], columns["logged_at"])
        misfit = Misfit("too_late", "logged_at", _TOO_LATE.format(max_late_days))
        yield misfit, pc.greater(late, max_late_days * DAY_MS)


def _presence_verdicts(
    columns: Columns, event_type: EventType
) -> Iterator[tuple[Misfit, pa.Array]]:
    if event_type.one_of:
        names = " or ".join(event_type.one_of)
        misfit = Misfit("missing_field", event_type.one_of[0], f"{names} is required; send one.")
        present = (columns[name].cast(pa.string()) for name in event_type.one_of)
        yield misfit, pc.is_null(pc.coalesce(*present))


def _rule_verdicts(
    event_type: EventType, masks: Sequence[pa.Array]
) -> Iterator[tuple[Misfit, pa.Array]]:
    for rule, mask in zip(event_type.rules, masks, strict=True):
        yield Misfit(rule.code, None, rule.sentence), mask


def _first_broken(verdicts: Sequence[tuple[Misfit, pa.Array]]) -> dict[int, Misfit]:
    """By row, the first verdict against it, in the order of rows."""
    broken: dict[int, Misfit] = {}
    for misfit, mask in reversed(verdicts):
        if pc.any(mask).as_py():
            broken |= dict.fromkeys(pc.indices_nonzero(mask).to_pylist(), misfit)
    return dict(sorted(broken.items()))


def _rejects(
    typed: TypedEvents, received: pa.Array, own_ids: pa.Array, rejected: dict[int, Misfit]
) -> list[Reject]:
    return [
        Reject(
            misfit,
            typed.lines[row],
            received[row].as_py(),
            typed.event_type.name,
            own_ids[row].as_py(),
        )
        for row, misfit in rejected.items()
    ]


def _table(columns: Columns, typed: TypedEvents) -> pa.Table:
    columns |= _device_columns(columns["user_agent"])
    rows = len(typed)
    columns["properties"] = _sparse(typed.properties, rows)
    columns["event_name"] = _sparse(typed.names, rows)
    made = _schema(table_of(typed.event_type))
    return pa.table([columns[name] for name in made.names], made)


def _schema(table: Table) -> pa.Schema:
    """The table's, with `dt`; what devices make is kept as the dictionary that it comes as."""
    fields = [
        pa.field(each.name, DICTIONARY, each.nullable) if each.name in _DEVICE_TEXTS else each
        for each in schema(table)
    ]
    return pa.schema([*fields, pa.field(PARTITION_KEY, pa.string(), nullable=False)])


def _sparse(values: dict[int, str], rows: int) -> pa.Array:
    if not values:
        return pa.nulls(rows, pa.string())
    return pa.array([values.get(row) for row in range(rows)], pa.string())


def _device_columns(agents: pa.Array) -> Columns:
    """Each distinct agent is parsed once a batch, and once in all while the cache remembers it."""
    encoded = agents.dictionary_encode()
    devices: list[Device] = list(map(parse_device, ["", *encoded.dictionary.to_pylist()]))
    # No agent is an agent too: the first.
    places = pc.fill_null(pc.add(encoded.indices, 1), 0)
    columns = {column.name: _device_column(column, devices, places) for column in DEVICE_COLUMNS}
    return columns | {"user_agent": encoded}


def _device_column(column: Column, devices: Sequence[Device], places: pa.Array) -> pa.Array:
    values = list(map(attrgetter(column.name), devices))
    if column.type is not ColumnType.TEXT:
        return pa.array(values, ARROW_TYPES[column.type]).take(places)
    # Devices share their words: by the device's place to its word's, and that is all there is.
    words = pa.array(values, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(words.indices.take(places), words.dictionary)


def distinct(table: pa.Table) -> pa.Table:
    """The table without the later of two rows of one event_id."""
    again = _again(table["event_id"])
    rows = pa.arange(0, len(table)).cast(pa.uint64())
    return table.filter(_without(rows, again)) if again else table


def in_order(
    table: pa.Table, sort_by: Sequence[str], without: Collection[int] = frozenset()
) -> pa.Table:
    """The table's rows by dt, and each day's as its files are sorted; none of those `without`."""
    keys = [(name, "ascending") for name in (PARTITION_KEY, *sort_by)]
    rows = pc.sort_indices(table, sort_keys=keys)
    return table.take(rows.filter(_without(rows, without)) if without else rows)


def _again(ids: pa.ChunkedArray, without: Collection[int] = frozenset()) -> set[int]:
    """The rows whose id an earlier one has, of all but those `without`."""
    if pc.count_distinct(ids).as_py() == len(ids):
        return set()
    seen: set[str] = set()
    again = set()
    for row, event_id in enumerate(ids.to_pylist()):
        if row in without:
            continue
        if event_id in seen:
            again.add(row)
        seen.add(event_id)
    return again


def _without(rows: pa.Array, those: Collection[int]) -> pa.Array:
    return pc.invert(pc.is_in(rows, value_set=pa.array(list(those), pa.uint64())))
