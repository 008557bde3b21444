"""The server's clock is ten years wrong: ahead, behind, and leaping from the one to the other.

libfaketime gives the process another wall clock, which is read from a file each time, so that it
can leap while the process lives. The clients' clock is right. The monotonic clock is left alone, as
the kernel's is when somebody sets the time.

An event's place follows from docs/ARCHITECTURE.md, Time: seen from ten years ahead its own time is
past, and believed; seen from ten years behind it is future, so that its day is that of its arrival
and its clock suspect. A rejected event is of the day of its arrival.
"""

import random
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from playlake.local.folder import DataFolder
from tests.conftest import run_playlake
from tests.torture.calls import Lacking
from tests.torture.load import Load, Unkept, day_of, table_of
from tests.torture.row import Fault, Row
from tests.torture.server import START_SECONDS, Server

TEN_YEARS = timedelta(days=3_650)
"""libfaketime's years have 365 days."""
_LIBRARY = "*/faketime/libfaketimeMT.so.1"
_SPELL_SECONDS = 3.0

Place = tuple[str, str, bool]
"""A table, a `dt`, and whether the clock is suspect."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Events that were acknowledged under one clock, and the days it showed: two at midnight."""

    shift: timedelta
    days: frozenset[str]
    acknowledged: frozenset[str]

    def places(self, event_id: str) -> set[Place]:
        """Where the event may lie."""
        table, suspect = table_of(event_id), self.shift < timedelta()
        if table == "rejected_events":
            return {(table, day, False) for day in self.days}
        return {(table, day, suspect) for day in (self.days if suspect else {day_of(event_id)})}


@dataclass
class Clock:
    """The wall clock of a server."""

    file: Path
    shift: timedelta = TEN_YEARS

    def leap(self) -> None:
        """From behind to ahead, or back, for a process that runs, too."""
        self.shift = -self.shift
        aside = self.file.with_suffix(".new")
        aside.write_text(f"{self.shift.total_seconds():+.0f}\n")
        aside.replace(self.file)

    def environment(self) -> dict[str, str]:
        """What a process has it by. Raises Lacking."""
        library = next(iter(Path("/usr/lib").glob(_LIBRARY)), None)
        if library is None:
            raise Lacking("there is no libfaketime: apt-get install faketime")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def today(self) -> str:
        """The day it shows."""
        return (datetime.now(UTC) + self.shift).date().isoformat()


@dataclass
class _Bout:
    server: Server
    clock: Clock
    load: Load
    rng: random.Random
    spells: list[Spell] = field(default_factory=list)
    recovery: list[float] = field(default_factory=list)

    def spell(self, began: float) -> None:
        """Let the clients go on under the clock as it is now, which it is since `began`."""
        self.load.forget()
        self.load.expect_answer(began)
        before, day = set(self.load.acknowledged), self.clock.today()
        with self.load.running(self.server.url):
            self.recovery.append(self.load.recovered(START_SECONDS))
            time.sleep(self.rng.uniform(0, _SPELL_SECONDS))
        days = frozenset({day, self.clock.today()})
        acknowledged = frozenset(self.load.acknowledged - before)
        self.spells.append(Spell(self.clock.shift, days, acknowledged))

    def end(self) -> None:
        """By SIGKILL or by SIGTERM."""
        if self.rng.random() < 0.5:
            self.server.kill()
        else:
            self.server.stop(signal.SIGTERM)


def cause(times: int, seed: int) -> Iterator[Row]:
    """So many leaps, by turns between two processes and while one lives. Raises Unkept, Lacking."""
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(Path(folder, "clock"))
        clock.leap()
        with Server(Path(folder, "data"), clock.environment()) as server:
            bout = _Bout(server, clock, Load(seed), random.Random(seed))
            server.start()
            bout.spell(time.monotonic())
            for number in range(times):
                _leap(bout, alive=number % 2 == 1)
            server.stop()
            row = server.settled_row("clock", times, bout.load, bout.recovery[1:])
            must_lie_in_their_places(server.folder, bout.spells)
            must_pass_audit(server.data)
        yield row


def _leap(bout: _Bout, *, alive: bool) -> None:
    if not alive:
        bout.end()
    began = time.monotonic()
    bout.clock.leap()
    if not alive:
        bout.server.start()
    bout.spell(began)


def must_lie_in_their_places(folder: DataFolder, spells: Sequence[Spell]) -> None:
    """Raises Unkept for an event that is in another table or day than the contract says."""
    allowed = {event: spell.places(event) for spell in spells for event in spell.acknowledged}
    with LocalCatalog(folder.lake, folder.catalog) as catalog, DuckDBEngine(catalog) as engine:
        for table in {table_of(event) for event in allowed}:
            suspect = "FALSE" if table == "rejected_events" else "clock_suspect"
            sql = f"SELECT event_id, dt, {suspect} FROM {table}"
            with engine.query(sql, full_scan=True) as answer:
                for event, dt, is_suspect in answer:
                    place = (table, str(dt), bool(is_suspect))
                    if place not in allowed.get(event, {place}):
                        raise Unkept(f"{event} lies in {place}, not in {allowed[event]}")


def must_pass_audit(data: Path) -> None:
    """Raises Unkept unless `playlake audit` finds nothing missing, whatever the days are called."""
    today = datetime.now(UTC).date()
    for middle in (today - TEN_YEARS, today, today + TEN_YEARS):
        done = run_playlake("audit", "--data", data, *_around(middle))
        if done.code or "Nothing that was accepted is missing." not in done.out:
            raise Unkept(f"audit around {middle}:\n{done.out}{done.err}")


def _around(middle: date) -> tuple[str, ...]:
    days = timedelta(days=2)
    return ("--since", str(middle - days), "--until", str(middle + days))


FAULTS = (Fault("clock", 20, cause),)
