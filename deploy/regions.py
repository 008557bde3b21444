"""Which of the services that playlake needs each region lacks, for the plugin to refuse it offline.

botocore ships AWS's list of endpoints; it is read as data, so that nothing of botocore is loaded.
"""

import json
from importlib import resources
from typing import Any

from playlake.deployed.deployment import SERVICES


def regions() -> dict[str, list[str]]:
    """Every region of every partition -> the services of ours that it lacks."""
    return {
        region: [name for name, key in SERVICES.items() if not _has(partition, key, region)]
        for partition in _partitions()
        for region in sorted(partition["regions"])
    }


def regions_json() -> str:
    """`deploy/generated/regions.json`: an object, a region a line."""
    lines = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(gaps)}" for name, gaps in regions().items()
    )
    return f"{{\n{lines}\n}}\n"


def _partitions() -> list[dict[str, Any]]:
    endpoints = resources.files("botocore").joinpath("data", "endpoints.json").read_text("utf-8")
    partitions: list[dict[str, Any]] = json.loads(endpoints)["partitions"]
    return partitions


def _has(partition: dict[str, Any], service: str, region: str) -> bool:
    return region in partition["services"].get(service, {}).get("endpoints", {})
