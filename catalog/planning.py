"""A query's plan: which tables it scans, what it needs of them, and which days bound it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.scope import traverse_scope

from catalog.port import Value
from catalog.restriction import Restriction, restrictions
from catalog.statement import bind, parse, resolve, scans
from events.errors import FullScanRefused
from events.registry import REGISTRY
from events.table import PARTITION_KEY, Table

FIRST_DAY, LAST_DAY = "1970-01-01", "2999-12-31"
"""Days that no data is from. A predicate that lets both of them pass bounds nothing: `dt = dt`."""

_EXAMPLE_DAY = "2026-11-24"
_SCAN = "scan"


@dataclass(frozen=True, slots=True)
class Scan:
    """One place where a query reads a table."""

    name: str
    """What the plan's query calls it: each scan may read other days than the table's next one."""
    table: Table
    columns: frozenset[str]
    """The columns of the files that the query needs; `dt` is in their names, not in them."""
    restriction: Restriction
    """A condition on the bare column `dt` that every row which matters meets, if there is one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A query over scans: typed and resolved, each scan in its table's stead."""

    query: exp.Query
    scans: tuple[Scan, ...]


def plan(sql: str, parameters: Mapping[str, Value] | None = None) -> Plan:
    """Plan one SELECT in Athena's dialect over the tables of the lake.

    Raises `QueryFailed` for what is no SELECT, `UnknownName` for a table, column or parameter
    that is not there.
    """
    tables = {table.name: table for table in REGISTRY.tables}
    query = resolve(bind(parse(sql), parameters or {}), tables)
    nodes = list(scans(query))
    for number, node in enumerate(nodes):
        node.meta[_SCAN] = f"{_SCAN}_{number}"
    restricted, needed = restrictions(query), _needed_columns(query)
    found = tuple(
        Scan(
            node.meta[_SCAN],
            tables[node.name],
            frozenset(needed[node.meta[_SCAN]] - {PARTITION_KEY}),
            restricted.get(id(node)),
        )
        for node in nodes
    )
    for node in nodes:
        node.replace(_scan_node(node))
    return Plan(query, found)


def refusal(scan: Scan, newest: str | None) -> FullScanRefused:
    """Why the scan is refused, and what to write; `newest` is the table's newest day, if any."""
    day = newest or _EXAMPLE_DAY
    return FullScanRefused(
        f"This query reads every day of {scan.table.name}. Add a predicate on {PARTITION_KEY}, "
        f"such as WHERE {PARTITION_KEY} = '{day}' "
        f"(or {PARTITION_KEY} BETWEEN '{day[:8]}01' AND '{day}'), or pass --full-scan."
    )


def _scan_node(node: exp.Table) -> exp.Table:
    renamed = node.copy()
    renamed.set("this", exp.to_identifier(node.meta[_SCAN], quoted=True))
    renamed.set("db", None)
    renamed.set("catalog", None)
    return renamed


def _needed_columns(query: exp.Query) -> Mapping[str, set[str]]:
    """The columns that the answer depends on, by scan: stars in subqueries ask for more."""
    try:
        pruned = pushdown_projections(query.copy())
    except OptimizeError:  # a star over what has no known columns: count everything it may need
        pruned = query
    needed: defaultdict[str, set[str]] = defaultdict(set)
    for scope in traverse_scope(pruned):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table):
                needed[source.meta.get(_SCAN, "")].add(column.name)
    return needed
