"""A report of the dashboard, answered in a process of its own, which may fail or take too long."""

import math
import multiprocessing
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from multiprocessing.connection import Connection

from starlette.responses import JSONResponse

from benchmarks.growing_lake import Lake, dt_of
from benchmarks.measuring import Spread
from catalog.drivers.duckdb_engine import DuckDBEngine
from events.errors import PlaylakeError
from playlake.web.dashboard.asking import Question, ask
from playlake.web.dashboard.encoding import encoded

PATIENCE_SECONDS = 120.0

# A child is forked from a server that has imported this, and has none of this process's threads.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True)
class Answered:
    """A report of the dashboard: seconds of each round, the rows of the response and the bytes
    that they were read from; or why there is none."""

    seconds: Sequence[float] = ()
    rows: int = 0
    read_bytes: int = 0
    fault: str | None = None

    @property
    def median(self) -> float:
        """Seconds; infinitely many without a response."""
        return Spread.of(self.seconds).median if self.fault is None else math.inf


def answered(lake: Lake, name: str, more: Mapping[str, str], rounds: int) -> Answered:
    """The report's rounds, after one that warms up, over all the lake's days; a fault ends them."""
    ours, theirs = _PROCESSES.Pipe(duplex=False)
    process = _PROCESSES.Process(target=respond, args=(theirs, lake, name, more, rounds + 1))
    process.start()
    theirs.close()
    try:
        found = [heard(ours)]
        while found[-1].fault is None and len(found) <= rounds:
            found.append(heard(ours))
    finally:
        process.kill()
        process.join()
    seconds = [second for each in found[1:] for second in each.seconds]
    return replace(found[-1], seconds=seconds)


def heard(pipe: Connection) -> Answered:
    """The next round, as the process tells it."""
    if not pipe.poll(PATIENCE_SECONDS):
        return Answered(fault=f"no answer within {PATIENCE_SECONDS:g} s")
    try:
        told: Answered = pipe.recv()
    except EOFError:
        return Answered(fault="its process died")
    return told


def respond(pipe: Connection, lake: Lake, name: str, more: Mapping[str, str], rounds: int) -> None:
    """Answer a report so many times, as `/api/reports/{name}` does; tell of each."""
    # What DuckDB has spilled goes with that folder, even if it is killed.
    tempfile.tempdir = str(lake.catalog.parent)
    days = {"since": dt_of(0), "until": dt_of(lake.days - 1)}
    question = ask(name, {**days, **more}, lambda: date.fromisoformat(days["until"]))
    with lake.engine() as engine:
        for _ in range(rounds):
            try:
                pipe.send(_response(engine, question))
            except PlaylakeError as error:
                pipe.send(Answered(fault=str(error)))
                return


def _response(engine: DuckDBEngine, question: Question) -> Answered:
    began = time.perf_counter()
    with engine.query(question.named.sql, parameters=question.arguments) as answer:
        told = encoded(answer, question)
    JSONResponse(told)
    taken = time.perf_counter() - began
    return Answered([taken], len(told["rows"]), told["scanned"]["bytes"])
