"""The ports: which partitions there are, which files, and who answers questions about them."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol, Self

from catalog.answer import Answer
from catalog.data_file import Changed, DataFile, Partition, Registered, Skipped

Value = str | int | float | bool | None
"""What a query's parameter can be."""


class Synced(Protocol):
    """What a `sync` did, by partition."""

    @property
    def gained(self) -> tuple[Partition, ...]:
        """Where something lay in the lake that the catalog did not know, in order."""

    @property
    def lost(self) -> tuple[Partition, ...]:
        """Where the catalog knew something that lies in the lake no more, in order."""

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What was left out, and why."""


class Catalog(Protocol):
    """The partitions of every table: what Glue keeps, and all that Athena asks for.

    Every method raises `events.errors.CatalogUnavailable` when the catalog does not answer.
    """

    def register(self, keys: Iterable[str]) -> Registered:
        """Make the objects' partitions known. `keys` are as the lake's notices have them.

        A folder's are relative to the lake, a bucket's to the bucket. Registering an object twice
        is registering it once, and costs one look-up. An object that is gone, foreign or torn never
        keeps its neighbours from being registered.
        """

    def partitions(self, table: str) -> tuple[str, ...]:
        """The `dt` of every partition of the table, oldest first."""

    def sync(self) -> Synced:
        """Make the catalog agree with what lies in the lake, and say what that took.

        Writers may be at work meanwhile: what they register in between stays.
        """


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
        """See `Catalog.sync`; what it took, file by file."""


class Engine(Protocol):
    """Answers SQL in Athena's dialect from the partitions that its catalog knows."""

    def query(
        self,
        sql: str,
        *,
        full_scan: bool = False,
        parameters: Mapping[str, Value] | None = None,
    ) -> Answer:
        """Answer one SELECT; `parameters` are the values of its `:name`s.

        Raises `FullScanRefused` when a scan has no bound on `dt` and `full_scan` is False,
        otherwise what `catalog.planning.plan` raises, `QueryFailed` when the engine refuses, and
        `CatalogUnavailable` when the catalog or the engine does not answer.
        """

    def close(self) -> None:
        """End every query that still runs, and close every answer that is still open."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
