"""The Lambda that makes partitions known when S3 says that objects were created."""

import os
from collections.abc import Mapping
from typing import Any

from catalog.notification import created_keys
from catalog.settings import Settings, open_catalog


def register(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Register the created objects. Settings: see `catalog.settings.Settings`.

    An error is raised, so that the event is delivered again: registering twice is registering once.
    """
    catalog = open_catalog(Settings.from_environment(os.environ))
    registered = catalog.register(created_keys(event))
    return {
        "added": list(registered.added),
        "partitions": [list(partition) for partition in registered.partitions],
        "skipped": [
            {"key": each.key, "reason": each.reason.value, "detail": each.detail}
            for each in registered.skipped
        ],
    }
