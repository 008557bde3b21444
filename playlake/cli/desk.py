"""What answers the dashboard, wherever the lake lies; nothing of it is shown in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playlake.cli.listening import names_of
from playlake.cli.opening import find_stack
from playlake.cli.options import today
from playlake.deployment import Deployed

if TYPE_CHECKING:
    from catalog.port import FileCatalog
    from playlake.cli.opening import FoundStack
    from playlake.cli.where import Where
    from playlake.dashboard.live import LiveFeed
    from playlake.dashboard.routes import Desk

QUERIES_AT_ONCE = 4
"""Half of what a page asks: the first answers are on screen while the others are computed."""


@contextmanager
def desk_over(where: Where, host: str) -> Iterator[Desk]:
    """Over a data folder that somebody else collects into, or over a deployed stack."""
    if isinstance(where, Deployed):
        with desk_of_stack(find_stack(where), str(where), host) as desk:
            yield desk
        return
    from catalog.drivers.local import LocalCatalog

    where.must_exist()
    with (
        LocalCatalog(where.lake, where.catalog) as catalog,
        desk_of_folder(catalog, str(where.root), host) as desk,
    ):
        yield desk


@contextmanager
def desk_of_folder(
    catalog: FileCatalog, place: str, host: str, live: LiveFeed | None = None
) -> Iterator[Desk]:
    """Over a catalog that is open."""
    from catalog.drivers.duckdb_engine import DuckDBEngine
    from playlake.dashboard.routes import Desk

    with _querying() as pool, DuckDBEngine(catalog) as engine:
        yield Desk(engine, pool, place, today, live, names_of(host))


@contextmanager
def desk_of_stack(found: FoundStack, place: str, host: str) -> Iterator[Desk]:
    """Over a stack that was found, through Athena."""
    from playlake.dashboard.routes import Desk
    from playlake.drivers.deployed_lake import opened_lake

    with _querying() as pool, opened_lake(found.session, found.deployment, lambda _: None) as lake:
        yield Desk(lake.engine, pool, place, today, None, names_of(host))


@contextmanager
def _querying() -> Iterator[ThreadPoolExecutor]:
    """Threads for queries. An engine that is closed before they are left has ended what they ran;
    what had not begun by then never does."""
    pool = ThreadPoolExecutor(QUERIES_AT_ONCE, thread_name_prefix="query")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
