"""The engine of AWS: the user's own SQL, run by Athena in the deployed workgroup."""

import secrets
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from catalog.answer import Answer, Row
from catalog.cost import Scanned
from catalog.drivers.athena_rows import answer_columns, read_rows
from catalog.drivers.athena_run import Progress, Run
from catalog.drivers.aws import client
from catalog.drivers.pruning import Pruned, partitions_read, partitions_total, prune
from catalog.drivers.sandbox import open_sandbox
from catalog.planning import Plan, plan
from catalog.port import Catalog, Value
from catalog.rewriting import literal, localize, rewrite


def _unheard(_progress: Progress) -> None:
    pass


@dataclass(slots=True)
class AthenaEngine:
    """See `catalog.port.Engine`. Threads may share it.

    What is asked is planned here first, so that a question is refused in the same words as by the
    engine of one machine, and before it costs anything.
    """

    catalog: Catalog
    database: str
    """The deployed one; SQL may call it so, or `playlake`."""
    workgroup: str
    client: Any = None
    on_progress: Callable[[Progress], None] = _unheard
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    new_token: Callable[[], str] = lambda: secrets.token_hex(16)
    _sandbox: Any = field(default=None, repr=False)
    _runs: set[Run] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        self.client = client("athena") if self.client is None else self.client
        self._sandbox = open_sandbox(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """See `catalog.port.Engine.close`."""
        for run in tuple(self._runs):
            run.stop()
        self._sandbox.close()

    def query(
        self,
        sql: str,
        *,
        full_scan: bool = False,
        parameters: Mapping[str, Value] | None = None,
    ) -> Answer:
        """See `catalog.port.Engine.query`.

        Returns when Athena has the answer; a query that is interrupted before, by Ctrl-C or
        whatever else, is stopped in Athena too.
        """
        planned = plan(localize(sql, self.database), parameters)
        pruned = self._prune(planned, full_scan=full_scan)
        texts = {name: literal(value) for name, value in (parameters or {}).items()}
        run = Run(self.client, self.workgroup, self.database, self.clock, self.sleep)
        self._runs.add(run)
        try:
            run.start(rewrite(_statement(sql), self.database, texts), self.new_token())
            scanned_bytes = run.wait(self.on_progress)
        except BaseException:
            run.stop()
            raise
        finally:
            self._runs.discard(run)
        return _answer(run, _scanned(scanned_bytes, pruned))

    def _prune(self, planned: Plan, *, full_scan: bool) -> list[Pruned]:
        names = {scan.table.name for scan in planned.scans}
        days = {name: self.catalog.partitions(name) for name in sorted(names)}
        return [
            prune(self._sandbox, scan, days[scan.table.name], full_scan=full_scan)
            for scan in planned.scans
        ]


def _statement(sql: str) -> str:
    """The SQL without the semicolon that ends it at a prompt."""
    return sql.strip().rstrip(";").rstrip()


def _answer(run: Run, scanned: Scanned) -> Answer:
    pages = run.pages()
    first = next(pages)
    columns = answer_columns(first["ResultSetMetadata"])

    def rows() -> Generator[Row, None, None]:
        # The first row of the first page, and of no other, is the columns' names.
        yield from read_rows(columns, first["Rows"][1:])
        for page in pages:
            yield from read_rows(columns, page["Rows"])

    streamed = rows()
    return Answer(columns, streamed, scanned, streamed.close)


def _scanned(scanned_bytes: int, pruned: list[Pruned]) -> Scanned:
    return Scanned(
        bytes=scanned_bytes,
        partitions_read=partitions_read(pruned),
        partitions_total=partitions_total(pruned),
        files=None,
        rows=None,
    )
