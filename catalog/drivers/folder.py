"""The lake as a folder: which objects lie in it."""

import os
from collections.abc import Iterator
from pathlib import Path

from events.errors import CatalogUnavailable

HIDDEN = (".", "_")
"""Athena takes no notice of names that begin like this (Athena user guide, "Create tables")."""


def objects(lake: Path) -> Iterator[tuple[str, int]]:
    """The (key, size in bytes) of every object that is not hidden."""
    for folder, folders, names in os.walk(lake, onerror=_fail):
        folders[:] = [name for name in folders if not name.startswith(HIDDEN)]
        for name in names:
            if not name.startswith(HIDDEN):
                yield from _object(lake, Path(folder) / name)


def _fail(error: OSError) -> None:
    """What cannot be listed is not gone; what is gone is."""
    if not isinstance(error, FileNotFoundError):
        raise CatalogUnavailable(f"{error.filename} cannot be listed: {error.strerror}") from error


def _object(lake: Path, path: Path) -> Iterator[tuple[str, int]]:
    try:
        yield path.relative_to(lake).as_posix(), path.stat().st_size
    except FileNotFoundError:  # compaction took it since the folder was listed
        return
