"""The catalog of a lake in a folder: SQLite."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Self

from catalog.data_file import Changed, DataFile, Partition, Registered, Skipped
from catalog.drivers import database
from catalog.drivers.applying import Applied, apply, superseded
from catalog.drivers.database import Database
from catalog.drivers.folder import objects
from catalog.drivers.footer import read_footer
from catalog.drivers.keys import sort_keys
from events.errors import CatalogUnavailable, SettingsError
from events.registry import REGISTRY
from events.table import PARTITION_KEY

_COLUMNS = {PARTITION_KEY, *(each.name for table in REGISTRY.tables for each in table.columns)}


class LocalCatalog:
    """See `catalog.port.FileCatalog`. Several processes may share a database; close it.

    Raises `SettingsError` for a lake inside a folder that looks like a partition of a column's.
    """

    def __init__(self, lake: Path, path: Path) -> None:
        self.lake = lake.absolute()
        for part in self.lake.parts:
            name, equals, _ = part.partition("=")
            # DuckDB reads columns from the path, in whatever case, and believes it before the file.
            if equals and name.lower() in _COLUMNS:
                raise SettingsError(f"{lake} lies in a folder named {name}=; rename that.")
        self._database = Database(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def register(self, keys: Iterable[str]) -> Registered:
        """See `catalog.port.Catalog.register`. Reads the footer of each file that is new."""
        ours, foreign = sort_keys(keys)
        with self._database.reading() as connection:
            known = database.known_keys(connection, ours)
            replaced = database.superseded_keys(connection, ours)
        unread = {key: ours[key] for key in ours if key not in known | replaced}
        files, unreadable = self._read(unread)
        applied = self._apply(files)
        return Registered(
            applied.partitions,
            tuple(file.key for file in applied.added),
            (*foreign, *unreadable, *superseded(replaced), *applied.superseded),
        )

    def partitions(self, table: str) -> tuple[str, ...]:
        """See `catalog.port.Catalog.partitions`."""
        with self._database.reading() as connection:
            return database.partitions(connection, table)

    def files(self, table: str, dts: Collection[str] | None = None) -> tuple[DataFile, ...]:
        """See `catalog.port.FileCatalog.files`."""
        with self._database.reading() as connection:
            if dts is None:
                return tuple(database.files(connection, table))
            return tuple(database.files_of(connection, table, dts))

    def replace(self, removed: Iterable[str], added: Iterable[str]) -> Changed:
        """See `catalog.port.FileCatalog.replace`.

        Raises `CatalogUnavailable`, with nothing changed, when a file of `added` cannot be read.
        """
        ours, foreign = sort_keys(added)
        files, unreadable = self._read(ours)
        if foreign or unreadable:
            raise _irreplaceable((*foreign, *unreadable)[0])
        applied = self._apply(files, tuple(removed))
        return Changed(applied.added, applied.dropped, applied.superseded)

    def sync(self) -> Changed:
        """See `catalog.port.FileCatalog.sync`. Reads only the footers it has not read before."""
        # The catalog is looked at before the folder: a file that is registered in between is in
        # neither list, so a writer at work is never taken for a loss.
        with self._database.reading() as connection:
            registered = database.sizes(connection)
        lying = dict(objects(self.lake))
        gone = [key for key, size in registered.items() if lying.get(key) != size]
        found, foreign = sort_keys(key for key in lying if registered.get(key) != lying[key])
        dropped, replaced = self._drop(gone, found)
        files, unreadable = self._read({key: found[key] for key in found if key not in replaced})
        applied = self._apply(files)
        skipped = (*foreign, *unreadable, *superseded(replaced), *applied.superseded)
        return Changed(applied.added, (*dropped, *applied.dropped), skipped)

    def _read(self, keys: dict[str, Partition]) -> tuple[list[DataFile], list[Skipped]]:
        read = [read_footer(self.lake, key, partition) for key, partition in keys.items()]
        files = [file for file in read if isinstance(file, DataFile)]
        return files, [skipped for skipped in read if isinstance(skipped, Skipped)]

    def _drop(self, gone: list[str], found: Collection[str]) -> tuple[list[DataFile], set[str]]:
        """Drop the files that are gone; and say which of those found another file replaces."""
        with self._database.writing() as connection:
            dropped = database.delete(connection, gone)
            database.forget_lost_successors(connection)
            return dropped, database.superseded_keys(connection, found)

    def _apply(self, files: list[DataFile], removed: tuple[str, ...] = ()) -> Applied:
        if not files and not removed:
            return Applied()
        with self._database.writing() as connection:
            return apply(connection, files, removed)


def _irreplaceable(fault: Skipped) -> CatalogUnavailable:
    return CatalogUnavailable(f"nothing was replaced: of {fault.key}, {fault.detail}")
