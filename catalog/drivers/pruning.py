"""Which of the days that there are a scan reads: its restriction, evaluated by DuckDB."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from catalog.drivers.dialect import duckdb_sql
from catalog.drivers.sandbox import one_line
from catalog.planning import FIRST_DAY, LAST_DAY, Scan, refusal
from events.errors import QueryFailed


@dataclass(frozen=True, slots=True)
class Pruned:
    """A scan, and the days that it reads."""

    scan: Scan
    read: frozenset[str]
    partitions: tuple[str, ...]
    """Every day there is of the table, read or not."""


def prune(
    connection: duckdb.DuckDBPyConnection, scan: Scan, dts: Sequence[str], *, full_scan: bool
) -> Pruned:
    """The days of `dts`, all that there are, oldest first, which the scan's restriction lets pass.

    Raises `FullScanRefused` when it bounds nothing and `full_scan` is False.
    """
    passing = _passing(connection, scan, [*dts, FIRST_DAY, LAST_DAY])
    if not full_scan and {FIRST_DAY, LAST_DAY} <= passing:
        raise refusal(scan, dts[-1] if dts else None)
    return Pruned(scan, frozenset(passing.intersection(dts)), tuple(dts))


def partitions_read(pruned: Sequence[Pruned]) -> int:
    """How many partitions the scans read, each counted once."""
    return len({(each.scan.table.name, dt) for each in pruned for dt in each.read})


def partitions_total(pruned: Sequence[Pruned]) -> int:
    """How many partitions there are of the tables that are read."""
    return len({(each.scan.table.name, dt) for each in pruned for dt in each.partitions})


@contextmanager
def failures_named() -> Iterator[None]:
    """Raise what DuckDB raises inside as `QueryFailed`."""
    try:
        yield
    except duckdb.Error as error:
        raise QueryFailed(one_line(error)) from error


def _passing(
    connection: duckdb.DuckDBPyConnection, scan: Scan, dts: Sequence[str]
) -> frozenset[str]:
    if scan.restriction is None:
        return frozenset(dts)
    condition = duckdb_sql(scan.restriction)
    sql = f"SELECT dt FROM (SELECT unnest(?) AS dt) WHERE {condition}"  # noqa: S608
    with connection.cursor() as cursor, failures_named():
        return frozenset(dt for (dt,) in cursor.execute(sql, [dts]).fetchall())
