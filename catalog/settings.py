"""The registering Lambda's settings, and what they are wired to."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from catalog.port import Catalog
from events.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Settings:
    """Which catalog keeps the partitions, and where the lake is."""

    catalog: str
    """`sqlite:///absolute/path/catalog.db` (PLAYLAKE_CATALOG)."""
    lake: str
    """`file:///absolute/path` (PLAYLAKE_LAKE_URI)."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings in `environment`. Raises SettingsError."""
        return cls(
            _required(environment, "PLAYLAKE_CATALOG", "sqlite:///absolute/path/catalog.db"),
            _required(environment, "PLAYLAKE_LAKE_URI", "file:///absolute/path"),
        )


@cache
def open_catalog(settings: Settings) -> Catalog:
    """The catalog that the settings name, opened once. Raises SettingsError."""
    if urlsplit(settings.catalog).scheme != "sqlite":
        raise SettingsError(f"no catalog is known by {settings.catalog!r}: write sqlite:///path")
    from catalog.drivers.local import LocalCatalog  # noqa: PLC0415  (pyarrow only where it is used)

    return LocalCatalog(_path(settings.lake, "file"), _path(settings.catalog, "sqlite"))


def _required(environment: Mapping[str, str], name: str, example: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set: write it as {example}")
    return value


def _path(url: str, scheme: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != scheme or parts.netloc or not parts.path.strip("/"):
        raise SettingsError(f"{url!r} names no path: write {scheme}:///absolute/path")
    return Path(unquote(parts.path))
