"""The catalog ports: which partitions there are, and, where the catalog keeps them, which files."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol

from catalog.data_file import Changed, DataFile, Registered


class Catalog(Protocol):
    """The partitions of every table: what Glue keeps, and all that Athena asks for.

    Every method raises `events.errors.CatalogUnavailable` when the catalog does not answer.
    """

    def register(self, keys: Iterable[str]) -> Registered:
        """Make the objects' partitions known. `keys` are relative to the lake.

        Registering an object twice is registering it once, and costs one look-up. An object that
        is gone, foreign or torn never keeps its neighbours from being registered.
        """

    def partitions(self, table: str) -> tuple[str, ...]:
        """The `dt` of every partition of the table, oldest first."""


class FileCatalog(Catalog, Protocol):
    """A catalog that also keeps each partition's files, for an engine that is told what to read."""

    @property
    def lake(self) -> Path:
        """The folder that the files' keys are relative to."""

    def files(self, table: str, dts: Collection[str] | None = None) -> tuple[DataFile, ...]:
        """The table's files in those partitions, in all of them by default, by key."""

    def replace(self, removed: Iterable[str], added: Iterable[str]) -> Changed:
        """Swap files in one transaction: a query sees all of `removed` or all of `added`.

        The removed keys never count again, even when a batch that is delivered twice writes one
        of them a second time: its rows are in what replaced it.
        """

    def sync(self) -> Changed:
        """Make the catalog agree with what lies in the lake, and say what that took."""
