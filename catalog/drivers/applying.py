"""The one way in which files come into the catalog and leave it for others."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from catalog.data_file import DataFile, Partition, Reason, Skipped
from catalog.drivers import database


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of it."""

    partitions: tuple[Partition, ...] = ()
    """Those that had no file before."""
    added: tuple[DataFile, ...] = ()
    dropped: tuple[DataFile, ...] = ()
    superseded: tuple[Skipped, ...] = ()
    """Files that were not added, because another one holds their rows."""


def apply(
    connection: sqlite3.Connection, files: list[DataFile], removed: tuple[str, ...]
) -> Applied:
    """Add the files, and drop what they replace and what is removed, inside one transaction."""
    empty = {part for part in _partitions(files) if not database.has_partition(connection, part)}
    replaced = _supersede(connection, files, removed)
    skipped = database.superseded_keys(connection, [file.key for file in files])
    wanted = [file for file in files if file.key not in skipped]
    added = [file for file in wanted if database.put(connection, file)]
    return Applied(
        tuple(part for part in _partitions(added) if part in empty),
        tuple(added),
        tuple(database.delete(connection, replaced)),
        tuple(superseded(skipped)),
    )


def superseded(keys: Iterable[str]) -> list[Skipped]:
    """The report of files whose rows another one holds."""
    return [Skipped(key, Reason.SUPERSEDED, "another file holds its rows") for key in sorted(keys)]


def _supersede(
    connection: sqlite3.Connection, files: list[DataFile], removed: tuple[str, ...]
) -> list[str]:
    """Note what stands for what; and say which keys must not count from now on.

    Keys derive from content, so rewriting a file may give that very file: it then stays.
    """
    kept = {file.key for file in files}
    if removed:  # the caller says what counts now: a key may come back that was replaced before
        database.reinstate(connection, kept)
    successor = files[0].key if files else None
    replaced = {key: successor for key in removed if key not in kept}
    replaced |= {key: file.key for file in files for key in file.replaces if key != file.key}
    database.supersede(connection, replaced)
    return list(replaced)


def _partitions(files: list[DataFile]) -> list[Partition]:
    return sorted({file.partition for file in files})
