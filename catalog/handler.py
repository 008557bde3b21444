"""The Lambda that keeps partitions known: those S3 tells of, and by the clock all there are."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from catalog.notification import created_keys
from catalog.settings import Settings, open_catalog
from events.cold_start import ahead

logger, metrics = Logger(), Metrics(namespace="playlake")


@logger.inject_lambda_context
def catalog(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Register the created objects, or by the clock compare all of the lake with the catalog.

    An error is raised, so that the event is delivered again: registering twice is registering once.
    Settings: see `catalog.settings.Settings`.
    """
    opened = open_catalog(Settings.from_environment(os.environ))
    if event.get("detail-type") == "Scheduled Event":
        synced = opened.sync()
        gained, lost, skipped = synced.gained, synced.lost, synced.skipped
    else:
        registered = opened.register(created_keys(event))
        gained, lost, skipped = registered.partitions, (), registered.skipped
    metrics.add_metric("PartitionsAdded", MetricUnit.Count, len(gained))
    metrics.flush_metrics()
    done: dict[str, Any] = {
        "added": [list(partition) for partition in gained],
        "dropped": [list(partition) for partition in lost],
        "skipped": [{"key": each.key, "reason": each.reason.value} for each in skipped],
    }
    logger.info("cataloged", **done)
    return done


ahead(lambda: open_catalog(Settings.from_environment(os.environ)))
