"""The collector's Lambda, behind an HTTP API, a REST API or a function URL."""

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit

from events.cold_start import ahead
from ingest.api_gateway import request_from, response_to
from ingest.collector import serve
from ingest.settings import Settings, wire

logger, metrics = Logger(), Metrics(namespace="playlake")
# What the stage itself logs, in the same form.
copy_config_to_registered_loggers(logger, include={"playlake.ingest"})


@logger.inject_lambda_context
def collect(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Take one request in. Settings: see `ingest.settings.Settings`."""
    collector, stream = wire(Settings.from_environment(os.environ))
    response = serve(request_from(event), collector, stream)
    metrics.add_metric("EventsAccepted", MetricUnit.Count, response.accepted)
    if response.status >= 400:
        name = "RequestsRefused" if response.status < 500 else "RequestsUnstored"
        metrics.add_metric(name, MetricUnit.Count, 1)
    metrics.flush_metrics()
    return response_to(response)


ahead(lambda: wire(Settings.from_environment(os.environ)))
