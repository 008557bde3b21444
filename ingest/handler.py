"""The collector's Lambda, behind an HTTP API, a REST API or a function URL."""

import os
from collections.abc import Mapping
from typing import Any

from ingest.api_gateway import request_from, response_to
from ingest.collector import serve
from ingest.settings import Settings, wire


def collect(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Take one request in. Settings: see `ingest.settings.Settings`."""
    collector, stream = wire(Settings.from_environment(os.environ))
    return response_to(serve(request_from(event), collector, stream))
