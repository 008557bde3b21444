"""One batch, from Firehose's event to rows in the lake and Firehose's answer."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from transform.firehose import records_of, response_to
from transform.parquet import DataObject, data_objects
from transform.process import Processor
from transform.store import Store

PUTS_AT_ONCE = 10
"""As many as botocore keeps connections. Events of thousands of days in one batch, as a backfill or
a prankster sends them, are as many objects: one after another, they outlast what Firehose waits."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a batch came to."""

    response: dict[str, Any]
    """One result per record, as Firehose takes them."""
    rows: Mapping[str, int]
    """How many rows lie in the lake now, by table; no table without."""


def deliver(
    event: Mapping[str, Any], processor: Processor, store: Store, puts_at_once: int = 1
) -> Delivered:
    """Write the rows of a transformation event to the lake, then answer for its records.

    `puts_at_once` pays where the store is far away; a folder is written one after another.
    Raises `events.errors.StoreUnavailable` when the lake does not take them: the same batch then
    comes again, and writes the same objects.
    """
    records = records_of(event)
    processed = processor.process(records, now_ms=time.time_ns() // 1_000_000)
    write(data_objects(processed.tables), store, puts_at_once)
    rows = {name: len(table) for name, table in processed.tables.items()}
    return Delivered(response_to(records, processed.outcomes), rows)


def write(objects: Iterable[DataObject], store: Store, puts_at_once: int) -> list[str]:
    """Put every object, and give their keys; when one fails, those that are not begun are left."""

    def put(each: DataObject) -> str:
        store.put(each.key, each.data)
        return each.key

    if puts_at_once == 1:
        return [put(each) for each in objects]
    with ThreadPoolExecutor(puts_at_once) as pool:
        return list(pool.map(put, objects))
