"""The Lambda of the transform: Firehose's batches."""

import os
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit

from events.cold_start import ahead
from transform.batch import PUTS_AT_ONCE, deliver
from transform.process import Processor, Settings
from transform.settings import TransformSettings, open_store
from transform.store import Store

logger, metrics = Logger(), Metrics(namespace="playlake")
copy_config_to_registered_loggers(logger, include={"playlake.transform"})


@logger.inject_lambda_context
def transform(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Firehose's: see `transform.batch.deliver`. An error makes Firehose invoke again."""
    wired = _wired(TransformSettings.from_environment(os.environ))
    delivered = deliver(event, *wired, PUTS_AT_ONCE)
    metrics.add_metric("EventsRejected", MetricUnit.Count, delivered.rows.get("rejected_events", 0))
    metrics.add_metric("RowsWritten", MetricUnit.Count, sum(delivered.rows.values()))
    metrics.flush_metrics()
    logger.info("delivered", records=len(event["records"]), rows=delivered.rows)
    return delivered.response


@cache
def _wired(settings: TransformSettings) -> tuple[Processor, Store]:
    return Processor(settings=Settings(settings.max_late_days)), open_store(settings.lake_uri)


ahead(lambda: _wired(TransformSettings.from_environment(os.environ)))
