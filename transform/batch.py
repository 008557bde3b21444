"""One batch, from Firehose's event to rows in the lake and Firehose's answer."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from transform.firehose import records_of, response_to
from transform.parquet import data_objects
from transform.process import Processor
from transform.store import Store


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a batch came to."""

    response: dict[str, Any]
    """One result per record, as Firehose takes them."""
    rows: Mapping[str, int]
    """How many rows lie in the lake now, by table; no table without."""


def deliver(event: Mapping[str, Any], processor: Processor, store: Store) -> Delivered:
    """Write the rows of a transformation event to the lake, then answer for its records.

    Raises `events.errors.StoreUnavailable` when the lake does not take them: the same batch then
    comes again, and writes the same objects.
    """
    records = records_of(event)
    processed = processor.process(records, now_ms=time.time_ns() // 1_000_000)
    for each in data_objects(processed.tables):
        store.put(each.key, each.data)
    rows = {name: len(table) for name, table in processed.tables.items()}
    return Delivered(response_to(records, processed.outcomes), rows)
