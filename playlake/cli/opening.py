"""Opening what a command looks at. What it takes is loaded here, so that no other command waits."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from events.errors import SettingsError
from playlake.cli.progress import Waiting
from playlake.deployed.deployment import Deployed, Deployment, StackDescription
from playlake.local.folder import DataFolder

if TYPE_CHECKING:
    from catalog.answer import Answer
    from catalog.drivers.glue import GlueCatalog
    from catalog.drivers.local import LocalCatalog
    from catalog.port import Engine, Value
    from playlake.cli.where import Where
    from playlake.compacting.relocation import Relocation
    from playlake.drivers.session import Session
    from playlake.lake import Lake
    from playlake.mending.workshop import Workshop
    from transform.mending.sweep import Swap
    from transform.store import Archive, Store


@contextmanager
def opened(where: Where, *, repairing: bool = False) -> Iterator[Lake]:
    """The lake in a data folder or of a deployed stack; its engine shows that it is at work.

    Raises SettingsError when nothing is there; a folder that is to be repaired need not have its
    catalog.
    """
    lake = _stack_lake(where) if isinstance(where, Deployed) else _folder_lake(where, repairing)
    with lake as found:
        yield found


@contextmanager
def opened_workshop(where: Where, *, looking: bool = False) -> Iterator[Workshop]:
    """The lake in a data folder or of a deployed stack, to be mended.

    It is this process's alone meanwhile. For a folder this raises SettingsError while `playlake
    dev` or another command that changes it runs, and when nothing is there. A stack's it waits for;
    whoever is only `looking` takes it as it is.
    """
    workshop = (
        _stack_workshop(where, looking=looking)
        if isinstance(where, Deployed)
        else _folder_workshop(where)
    )
    with workshop as found:
        yield found


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a sweep needs."""

    store: Store
    swap: Swap


@contextmanager
def opened_compaction(where: Where, *, looking: bool) -> Iterator[Compaction]:
    """The lake in a data folder or of a deployed stack, to be compacted; see `opened_workshop`."""
    compaction = (
        _stack_compaction(where, looking=looking)
        if isinstance(where, Deployed)
        else _folder_compaction(where, looking=looking)
    )
    with compaction as found:
        yield found


@dataclass(frozen=True, slots=True)
class FoundStack:
    """A stack that is there and can be used, and the session that found it."""

    session: Session
    description: StackDescription
    deployment: Deployment


def find_stack(where: Deployed) -> FoundStack:
    """The deployed stack; raises SettingsError or Unavailable, saying what to do."""
    session = open_session(where.region, where.profile)
    from playlake.drivers.stack import describe

    description = describe(session, where)
    return FoundStack(session, description, Deployment.of(where, description))


def open_session(region: str | None, profile: str | None) -> Session:
    """A session with AWS; raises SettingsError when it cannot be had.

    AWS_REGION counts before AWS_DEFAULT_REGION and the profile, as it does for `serverless` and
    the AWS CLI; boto3 by itself does not look at it.
    """
    try:
        from playlake.drivers.session import Session
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"AWS is asked through {error.name}, which is not installed: install playlake[aws]."
        ) from error
    return Session(os.environ.get("AWS_REGION") if region is None else region, profile)


class _Showing:
    """An engine that shows, while it answers, that it does."""

    def __init__(self, engine: Engine, waiting: Waiting) -> None:
        self._engine = engine
        self._waiting = waiting

    def query(
        self,
        sql: str,
        *,
        full_scan: bool = False,
        parameters: Mapping[str, Value] | None = None,
    ) -> Answer:
        """See `catalog.port.Engine.query`."""
        ask = partial(self._engine.query, sql, full_scan=full_scan, parameters=parameters)
        with self._waiting:
            return self._answered(ask)

    def _answered(self, ask: Callable[[], Answer]) -> Answer:
        return ask()

    def close(self) -> None:
        """See `catalog.port.Engine.close`."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Interruptible(_Showing):
    """One that Ctrl-C stops: DuckDB 2 heeds no signal in the thread that it answers in."""

    def _answered(self, ask: Callable[[], Answer]) -> Answer:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask)
            try:
                return asked.result()
            except KeyboardInterrupt:
                self.close()
                raise


@contextmanager
def _folder_lake(folder: DataFolder, repairing: bool) -> Iterator[Lake]:
    from catalog.drivers.duckdb_engine import DuckDBEngine
    from catalog.drivers.local import LocalCatalog
    from playlake.lake import Lake, days_of_files

    if not (repairing and folder.lake.is_dir()):
        folder.must_exist()
    with LocalCatalog(folder.lake, folder.catalog) as catalog, DuckDBEngine(catalog) as engine:
        yield Lake(
            catalog,
            _Interruptible(engine, Waiting("Reading")),
            lambda table: days_of_files(table, catalog.files(table)),
        )


@contextmanager
def _stack_lake(where: Deployed) -> Iterator[Lake]:
    found = find_stack(where)
    from playlake.drivers.deployed_lake import opened_lake
    from playlake.lake import Lake

    waiting = Waiting("Asking Athena")
    with opened_lake(found.session, found.deployment, waiting.tell) as lake:
        yield Lake(lake.catalog, _Showing(lake.engine, waiting), lake.days)


@contextmanager
def _owned(folder: DataFolder) -> Iterator[LocalCatalog]:
    """Whoever owns the spool owns the folder: nobody delivers or compacts beside us."""
    from catalog.drivers.local import LocalCatalog
    from ingest.drivers.spool import Spool

    folder.must_exist()
    with Spool(folder.spool), LocalCatalog(folder.lake, folder.catalog) as catalog:
        yield catalog


@contextmanager
def _folder_workshop(folder: DataFolder) -> Iterator[Workshop]:
    from playlake.mending.workshop import Workshop
    from transform.drivers.file_store import FileStore

    with _owned(folder) as catalog:
        yield Workshop(
            str(folder.root),
            FileStore(folder.lake),
            FileStore(folder.root),
            catalog.register,
            catalog.replace,
            catalog.sync,
        )


@contextmanager
def _folder_compaction(folder: DataFolder, *, looking: bool) -> Iterator[Compaction]:
    from playlake.compacting.folder import FolderSwap, delete_outlived
    from transform.drivers.file_store import FileStore

    lake = FileStore(folder.lake)
    with _owned(folder) as catalog:
        skipped = catalog.sync().skipped
        if not looking:
            delete_outlived(lake, skipped)
        yield Compaction(lake, FolderSwap(lake, catalog.replace))


@contextmanager
def _stack_workshop(where: Deployed, *, looking: bool) -> Iterator[Workshop]:
    from playlake.compacting.lease import Guarded
    from playlake.drivers.deployed_lake import LAKE_PREFIX
    from playlake.mending.workshop import Workshop

    lake, root, catalog = _stack_stores(where)
    with nullcontext() if looking else _alone(root, catalog) as relocation:
        if relocation is not None:
            lake, root = Guarded(lake, relocation.check), Guarded(root, relocation.check)
        yield Workshop(
            where.name,
            lake,
            root,
            lambda keys: catalog.register(f"{LAKE_PREFIX}/{key}" for key in keys),
            lambda _removed, _added: None,  # Glue knows partitions, not files
            catalog.sync,
        )


@contextmanager
def _stack_compaction(where: Deployed, *, looking: bool) -> Iterator[Compaction]:
    lake, root, catalog = _stack_stores(where)
    if looking:
        from transform.mending.sweep import PlainSwap

        yield Compaction(lake, PlainSwap(lake))
        return
    with _alone(root, catalog) as relocation:
        yield Compaction(lake, relocation)


def _stack_stores(where: Deployed) -> tuple[Archive, Archive, GlueCatalog]:
    """The stack's lake, its bucket, and its catalog."""
    from catalog.drivers.glue import GlueCatalog
    from playlake.drivers.deployed_lake import LAKE_PREFIX
    from transform.drivers.s3_store import S3Store

    found = find_stack(where)
    bucket, s3 = found.deployment.bucket, found.session.client("s3")
    glue = found.session.client("glue")
    catalog = GlueCatalog(found.deployment.database, bucket, LAKE_PREFIX, glue, s3)
    return S3Store(bucket, LAKE_PREFIX, s3), S3Store(bucket, "", s3), catalog


@contextmanager
def _alone(root: Archive, catalog: GlueCatalog) -> Iterator[Relocation]:
    """Nobody else mends the lake meanwhile, and what others were killed in is ended."""
    from playlake.compacting.lease import Lease
    from playlake.compacting.relocation import CALLS_AT_ONCE, Relocation

    lease = Lease(root, f"`playlake {sys.argv[1]}` on {socket.gethostname()}")
    with Waiting("Waiting for") as waiting, lease.held(waiting.tell) as held:
        relocation = Relocation(root, catalog, held.check, at_once=CALLS_AT_ONCE)
        relocation.recover()
        yield relocation
