"""What the clock compacts on AWS: the files that were written before the hour that runs."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from catalog.drivers.glue import GlueCatalog
from catalog.settings import Settings as CatalogSettings
from catalog.settings import open_catalog
from events.errors import SettingsError
from playlake.compacting.lease import Busy, Lease
from playlake.compacting.relocation import CALLS_AT_ONCE, Relocation
from transform.mending.packing import DEFAULT_MEGABYTES, Memory
from transform.mending.sweep import Scope, Sweep
from transform.settings import TransformSettings, open_store
from transform.store import Archive

_logger = logging.getLogger("playlake.compacting")

_HOLDER = "the hourly compaction"
_ENDING_MS = 180_000
"""What the largest group of files takes, with the time that queries are given, and some more."""
_PATIENCE_SECONDS = 120.0
"""Longer than a lease that was left behind lasts."""


class Context(Protocol):
    """What Lambda says of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Until it is ended."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the lake is, who knows its partitions, and how much memory there is."""

    lake_uri: str
    """`s3://bucket/lake` (PLAYLAKE_LAKE_URI)."""
    catalog: CatalogSettings
    megabytes: int = DEFAULT_MEGABYTES

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """From the transform's and the catalog's settings, and what Lambda says of the function
        (AWS_LAMBDA_FUNCTION_MEMORY_SIZE). Raises SettingsError."""
        return cls(
            TransformSettings.from_environment(environment).lake_uri,
            CatalogSettings.from_environment(environment),
            int(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", DEFAULT_MEGABYTES)),
        )


@dataclass(frozen=True, slots=True)
class Hourly:
    """Compacts a lake in S3, when nobody else is mending it."""

    settings: Settings
    sleep: Callable[[float], object] = time.sleep
    """How the time passes that queries are given."""

    def run(self, until: float, context: Context) -> dict[str, Any]:
        """Compact what was written before `until`, epoch seconds; what there is no time for is the
        next one's. Gives `transform.mending.sweep.Swept.to_dict`, and what was left by one that was
        killed.

        Raises `events.errors.Unavailable`; that somebody else is at it is no error.
        """
        catalog = open_catalog(self.settings.catalog)
        if not isinstance(catalog, GlueCatalog):
            raise SettingsError("PLAYLAKE_CATALOG is no glue://database: a folder compacts itself")
        root, lake = _stores(self.settings.lake_uri)
        try:
            lease = Lease(root, _HOLDER, _PATIENCE_SECONDS)
            with lease.held() as held:
                relocation = Relocation(
                    root, catalog, held.check, self.sleep, at_once=CALLS_AT_ONCE
                )
                ended = [f"{each.table} dt={each.dt}" for each in relocation.recover()]
                sweep = Sweep(
                    lake,
                    relocation,
                    Memory.of(self.settings.megabytes),
                    has_time=lambda: context.get_remaining_time_in_millis() > _ENDING_MS,
                )
                return sweep.run(Scope(written_before=until)).to_dict() | {"ended": ended}
        except Busy as error:
            _logger.warning("not compacted in this hour: %s", error)
            return {"busy": str(error)}


@cache
def _stores(lake_uri: str) -> tuple[Archive, Archive]:
    """The bucket, and the lake in it."""
    parts = urlsplit(lake_uri)
    if parts.path != "/lake":
        raise SettingsError(f"PLAYLAKE_LAKE_URI is {lake_uri!r}; set it to s3://bucket/lake.")
    return open_store(f"{parts.scheme}://{parts.netloc}"), open_store(lake_uri)
