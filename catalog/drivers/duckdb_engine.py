"""The engine of one machine: Athena's SQL, answered by DuckDB from the files it must read."""

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb

from catalog.answer import Answer, AnswerColumn, Row
from catalog.cost import Scanned
from catalog.data_file import DataFile
from catalog.drivers.dialect import answer_column, duckdb_sql, has_zone, without_zones
from catalog.drivers.pruning import (
    Pruned,
    failures_named,
    partitions_read,
    partitions_total,
    prune,
)
from catalog.drivers.reading import relation
from catalog.drivers.sandbox import one_line, open_sandbox
from catalog.planning import Plan, Scan, plan
from catalog.port import FileCatalog, Value
from events.errors import QueryFailed

_ATTEMPTS = 5
_BATCH = 1_000
_BUSY_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class _Selected:
    """A scan, and the files it reads."""

    pruned: Pruned
    files: tuple[DataFile, ...]

    @property
    def scan(self) -> Scan:
        return self.pruned.scan


class _FileGone(Exception):
    """A file that the catalog named is not there: compacted since, or deleted behind its back."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key} is in the catalog but not in the lake; run `playlake catalog sync`."
        )


class DuckDBEngine:
    """See `catalog.port.Engine`: over a lake in a folder. Threads may share it."""

    def __init__(self, catalog: FileCatalog) -> None:
        self._catalog = catalog
        self._connection = open_sandbox(catalog.lake)
        self._cursors: set[duckdb.DuckDBPyConnection] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """See `catalog.port.Engine.close`."""
        while True:
            for cursor in tuple(self._cursors):
                # A query that has ended in its own thread meanwhile has closed its cursor there.
                with suppress(duckdb.ConnectionException):
                    cursor.interrupt()
            try:
                # Its cursors with it. DuckDB refuses while one of them is still in a call.
                self._connection.close()
            except duckdb.ResourceInUseException:
                time.sleep(_BUSY_SECONDS)
            else:
                return

    def query(
        self,
        sql: str,
        *,
        full_scan: bool = False,
        parameters: Mapping[str, Value] | None = None,
    ) -> Answer:
        """See `catalog.port.Engine.query`."""
        planned = plan(sql, parameters)
        for _ in range(_ATTEMPTS):
            selected = [self._select(scan, full_scan=full_scan) for scan in planned.scans]
            try:
                return self._answer(planned, selected)
            except _FileGone as error:
                # Compaction swapped files since they were selected; the catalog knows the new ones.
                gone = str(error)
        raise QueryFailed(gone)

    def _select(self, scan: Scan, *, full_scan: bool) -> _Selected:
        table = scan.table.name
        dts = self._catalog.partitions(table)
        pruned = prune(self._connection, scan, dts, full_scan=full_scan)
        return _Selected(pruned, self._catalog.files(table, pruned.read))

    def _answer(self, planned: Plan, selected: Sequence[_Selected]) -> Answer:
        sql = duckdb_sql(planned.query)
        cursor = self._connection.cursor()
        self._cursors.add(cursor)
        try:
            columns = self._execute(cursor, sql, selected)
            first: list[Row] = cursor.fetchmany(_BATCH)
        except duckdb.Error as error:
            self._release(cursor)
            raise _fault(error, self._catalog.lake, selected) from error
        rows: Iterator[Row] = iter(first)
        if len(first) < _BATCH:
            self._release(cursor)
        else:
            rows = itertools.chain(first, self._rest(cursor))
        return Answer(columns, rows, _scanned(selected), lambda: self._release(cursor))

    def _execute(
        self, cursor: duckdb.DuckDBPyConnection, sql: str, selected: Sequence[_Selected]
    ) -> tuple[AnswerColumn, ...]:
        """Start the query over its scans, and give the columns that it answers with."""
        for each in selected:
            body = relation(each.scan.table, self._catalog.lake, each.files)
            cursor.execute(f'CREATE TEMP VIEW "{each.scan.name}" AS {body}')
        described = cursor.execute(sql).description or []
        columns = tuple(answer_column(name, str(kind)) for name, kind, *_ in described)
        if any(map(has_zone, columns)):
            cursor.execute(without_zones(sql, columns))
        return columns

    def _rest(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        with failures_named():
            while batch := cursor.fetchmany(_BATCH):
                yield from batch
        self._release(cursor)

    def _release(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursors.discard(cursor)
        cursor.close()


def _fault(error: duckdb.Error, lake: Path, selected: Sequence[_Selected]) -> Exception:
    if isinstance(error, duckdb.IOException):
        for file in itertools.chain.from_iterable(each.files for each in selected):
            if not (lake / file.key).exists():
                return _FileGone(file.key)
    return QueryFailed(one_line(error))


def _scanned(selected: Sequence[_Selected]) -> Scanned:
    files = {file.key: file for each in selected for file in each.files}
    pruned = [each.pruned for each in selected]
    return Scanned(
        bytes=sum(_bytes(each) for each in selected),
        partitions_read=partitions_read(pruned),
        partitions_total=partitions_total(pruned),
        files=len(files),
        rows=sum(file.rows for file in files.values()),
    )


def _bytes(selected: _Selected) -> int:
    needed = selected.scan.columns
    return sum(file.column_bytes.get(name, 0) for file in selected.files for name in needed)
