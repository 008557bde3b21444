"""The Firehose transformation Lambda."""

import os
import time
from functools import cache
from typing import Any

from transform.firehose import records_of, response_to
from transform.parquet import data_objects
from transform.process import Processor, Settings
from transform.settings import TransformSettings, open_store
from transform.store import Store


def transform(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Write a batch's rows to the lake, then answer one result per record.

    Raises `events.errors.StoreUnavailable` when the lake does not take them: Firehose then invokes
    again with the same batch, which writes the same objects.
    """
    return deliver(event, *_wired(TransformSettings.from_environment(os.environ)))


def deliver(event: dict[str, Any], processor: Processor, store: Store) -> dict[str, Any]:
    """`transform`, wired by the caller."""
    records = records_of(event)
    processed = processor.process(records, now_ms=time.time_ns() // 1_000_000)
    for each in data_objects(processed.tables):
        store.put(each.key, each.data)
    return response_to(records, processed.outcomes)


@cache
def _wired(settings: TransformSettings) -> tuple[Processor, Store]:
    return (
        Processor(settings=Settings(max_late_days=settings.max_late_days)),
        open_store(settings.lake_uri),
    )
