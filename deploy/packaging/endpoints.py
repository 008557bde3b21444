"""botocore's table of endpoints, for the services that the functions call.

The first client of a process parses the table of every service in every region, 1.2 MB of JSON.
For a service that is not in it botocore falls back on the partition's defaults, and the services
that are used stay.
"""

from collections.abc import Collection
from typing import Any

import msgspec

PATH = "botocore/data/endpoints.json"


def of_services(table: bytes, services: Collection[str]) -> bytes:
    """The table without other services than these, in every partition."""
    decoded = msgspec.json.decode(table)
    partitions = [_partition(each, services) for each in decoded["partitions"]]
    return msgspec.json.encode(decoded | {"partitions": partitions})


def _partition(partition: dict[str, Any], services: Collection[str]) -> dict[str, Any]:
    kept = {name: each for name, each in partition["services"].items() if name in services}
    return partition | {"services": kept}
