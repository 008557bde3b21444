"""What answers the dashboard, wherever the lake lies; nothing of it is shown in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from shlex import quote
from typing import TYPE_CHECKING

from playlake.cli.listening import names_of
from playlake.cli.opening import find_stack
from playlake.cli.options import today
from playlake.deployed.deployment import DEFAULT_STAGE, Deployed

if TYPE_CHECKING:
    from catalog.port import Engine, FileCatalog
    from playlake.cli.opening import FoundStack
    from playlake.cli.where import Where
    from playlake.web.dashboard.live import LiveFeed
    from playlake.web.dashboard.routes import Desk

_NO_DAY = "9999-12-31"

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
    from playlake.web.dashboard.routes import Desk

    with _querying() as pool, DuckDBEngine(catalog) as engine:
        pool.submit(_warm_up, engine)
        yield Desk(engine, pool, place, today, f"--data {quote(place)}", live, names_of(host))


def _warm_up(engine: Engine) -> None:
    """Ask the first chart's question of a day that nothing is in, before a page asks it: half of
    what the first question takes is loading what plans and answers it."""
    from catalog.named import named_query

    query = named_query("daily_plays")
    no_day = query.arguments({"since": _NO_DAY, "until": _NO_DAY}, today())
    engine.query(query.sql, parameters=no_day).close()


@contextmanager
def desk_of_stack(found: FoundStack, place: str, host: str) -> Iterator[Desk]:
    """Over a stack that was found, through Athena."""
    from playlake.drivers.deployed_lake import opened_lake
    from playlake.web.dashboard.routes import Desk

    with _querying() as pool, opened_lake(found.session, found.deployment, lambda _: None) as lake:
        options = _options(found, place)
        yield Desk(lake.engine, pool, place, today, options, None, names_of(host))


def _options(found: FoundStack, name: str) -> str:
    """The options by which any command finds the stack, wherever the AWS environment points."""
    _, identifier, stage = name.split("-")
    staged = "" if stage == DEFAULT_STAGE else f" --stage {stage}"
    return f"--identifier {identifier}{staged} --region {found.description.region}"


@contextmanager
def _querying() -> Iterator[ThreadPoolExecutor]:
    """Threads for queries. An engine that is closed before they are left has ended what they ran;
    what had not begun by then never does."""
    pool = ThreadPoolExecutor(QUERIES_AT_ONCE, thread_name_prefix="query")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
