"""The batch function: raw records to enriched tables, one outcome per record."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import pyarrow as pa

from events.registry import REGISTRY, Registry
from events.rejected import REJECTED_EVENTS
from events.table import PARTITION_KEY
from events.validation import Validator
from transform.decode import Decoder
from transform.enrich import distinct, enrich, in_order
from transform.records import Outcome, RawRecord
from transform.rejects import Reject, rejected_table
from transform.times import days


class Processed(NamedTuple):
    """What a batch became."""

    tables: dict[str, Any]
    """By table name, the rows (`pyarrow.Table`) with a last column `dt`; no table without rows.
    What was parsed of the agent comes as dictionaries: see `transform.parquet.plain`."""
    outcomes: list[Outcome]
    """One per record, in the order given."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may choose of the transform's rules."""

    max_late_days: int | None = None


class Processor:
    """`process` for one registry and settings; what can be made once is made here."""

    def __init__(self, registry: Registry = REGISTRY, settings: Settings = Settings()) -> None:
        self._decoder = Decoder(Validator(registry))
        self._settings = settings

    def process(self, records: Sequence[RawRecord], now_ms: int) -> Processed:
        """Turn raw records into rows.

        Pure: no clock (`now_ms` is the arrival of records whose stream does not say theirs), no
        output. Every event of every record is in exactly one table, `rejected_events` if it breaks
        its type's rules; of events with the same event_id the first is kept. Data never raises.
        """
        decoded = self._decoder.decode(records, now_ms)
        rejects = list(decoded.rejects)
        tables = {}
        for typed in decoded.by_type:
            if len(typed):
                enriched = enrich(typed, self._settings.max_late_days)
                tables[typed.event_type.table] = enriched.table
                rejects += enriched.rejects
        tables[REJECTED_EVENTS.name] = _rejected(rejects)
        return Processed({n: table for n, table in tables.items() if len(table)}, decoded.outcomes)


def _rejected(rejects: Sequence[Reject]) -> pa.Table:
    table = distinct(rejected_table(rejects))
    dt = days(table["received_at"].combine_chunks().cast(pa.int64()))
    table = table.append_column(PARTITION_KEY, dt)
    return in_order(table, REJECTED_EVENTS.sort_by)


@cache
def _default() -> Processor:
    return Processor()


def process(records: Sequence[RawRecord], now_ms: int) -> Processed:
    """`Processor.process` for playlake's own event types, every time in the past believed."""
    return _default().process(records, now_ms)
