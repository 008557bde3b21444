"""The registering Lambda's settings, and what they are wired to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from catalog.port import Catalog
from events.errors import SettingsError

_SQLITE, _GLUE = "sqlite:///absolute/path/catalog.db", "glue://database"
_FOLDER, _BUCKET = "file:///absolute/path", "s3://bucket/prefix"

_DATABASE = re.compile(r"[a-z][a-z0-9_]{0,254}")
"""Letters and figures alone are what Athena reads without quotes (user guide, "Name databases")."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Which catalog keeps the partitions, and where the lake is."""

    catalog: str
    """`sqlite:///absolute/path/catalog.db` or `glue://database` (PLAYLAKE_CATALOG)."""
    lake: str
    """`file:///absolute/path`, or with Glue `s3://bucket/prefix` (PLAYLAKE_LAKE_URI)."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings in `environment`. Raises SettingsError."""
        return cls(
            _required(environment, "PLAYLAKE_CATALOG", f"{_SQLITE} or {_GLUE}"),
            _required(environment, "PLAYLAKE_LAKE_URI", f"{_FOLDER} or {_BUCKET}"),
        )


@cache
def open_catalog(settings: Settings) -> Catalog:
    """The catalog that the settings name, opened once. Raises SettingsError."""
    opens = {"sqlite": _local, "glue": _glue}.get(urlsplit(settings.catalog).scheme)
    if opens is None:
        raise SettingsError(
            f"no catalog is known by {settings.catalog!r}: write {_SQLITE} or {_GLUE}"
        )
    return opens(settings)


# Drivers are loaded where they are used: pyarrow has no place in Lambda's cold start, nor boto3 in
# a laptop's.


def _local(settings: Settings) -> Catalog:
    from catalog.drivers.local import LocalCatalog  # noqa: PLC0415

    return LocalCatalog(_path(settings.lake, _FOLDER), _path(settings.catalog, _SQLITE))


def _glue(settings: Settings) -> Catalog:
    database, lake = urlsplit(settings.catalog), urlsplit(settings.lake)
    if not _DATABASE.fullmatch(database.netloc) or database.path.strip("/"):
        raise SettingsError(f"{settings.catalog!r} names no database of Glue's: write {_GLUE}")
    if lake.scheme != "s3" or not lake.netloc:
        raise SettingsError(f"{settings.lake!r} names no bucket: write {_BUCKET}")
    from catalog.drivers.glue import GlueCatalog  # noqa: PLC0415

    return GlueCatalog(database.netloc, lake.netloc, lake.path)


def _required(environment: Mapping[str, str], name: str, example: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set: write it as {example}")
    return value


def _path(url: str, example: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != urlsplit(example).scheme or parts.netloc or not parts.path.strip("/"):
        raise SettingsError(f"{url!r} names no path: write {example}")
    return Path(unquote(parts.path))
