"""What becomes slower as the lake grows: reports over one day, a partition more, the dashboard.

    python -m benchmarks.growth [--events 10000000] [--days 90] [--rounds 3] [--full]
                                [--json FILE] [--keep FOLDER]

Every day of the lake has the traffic of one that was simulated (`benchmarks.growing_lake`), in the
files that compaction makes. Beside one another: DuckDB's time for three reports over one day, of a
lake of a tenth of the days and of all of them. Both are the same folder, whose first days have a
catalog of their own, so that the two sizes take turns. Then registering a partition and planning a
query over one day, where there are 9 partitions, 90 and 900: days of a few rows, for neither reads
any. Last, every report that the dashboard asks for, over all the days: planned, answered and made
into the response that the page gets, in a process of its own that has two minutes for each answer.

`--keep` leaves the lake in a folder for the next time, which does not look whether what writes it
has changed since.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from shutil import copyfile

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks import measuring
from benchmarks.growing_lake import PLAYS, Lake, cataloged, dt_of, grown, tiny_lake
from benchmarks.measuring import Bound, Spread, Way
from benchmarks.queries import Report, asked, must_equal
from benchmarks.responding import Answered, answered
from catalog.drivers.local import LocalCatalog
from catalog.drivers.pruning import prune
from catalog.drivers.sandbox import open_sandbox
from catalog.planning import Plan, plan
from events.table import PARTITION_KEY
from transform.drivers.file_store import FileStore

EVENTS, DAYS = 10_000_000, 90
FULL_EVENTS = 100_000_000
FLAT, BY_THE_LOG, DASHBOARD_SECONDS = 1.3, 1.5, 2.0
"""Issue 7: one day's reports of all days beside a tenth; log 900 beside log 90; the dashboard."""

ONE_DAY = ("daily_plays", "device_mix", "play_time_by_video")
ON_OPENING, ON_CHOICE = "on opening", "on choice"
DASHBOARD = {
    "daily_plays": ON_OPENING,
    "unique_viewers": ON_OPENING,
    "device_mix": ON_OPENING,
    "play_time_by_video": ON_OPENING,
    "completion_by_video": ON_OPENING,
    "startup_and_rebuffering": ON_OPENING,
    "retention": ON_OPENING,
    "concurrent_viewers": ON_OPENING,
    "watch_time_by_user": ON_OPENING,
    "exits_before_start": ON_OPENING,
    "os_mix": ON_CHOICE,
    "browser_mix": ON_CHOICE,
}
"""What `webapp/dashboard/dashboard.js` asks for by itself, down to the page's end, and what it asks
for once it is chosen."""

PARTITIONS = (9, 90, 900)
REGISTERING, PLANNING = "registering a partition", "planning a query over a day"
SELECTING = "of that, selecting its files"
_SHORT, _SHORTEST = 10, 30
"""Rounds of a report over a day, and of what takes milliseconds, for each of the dashboard's."""

Seconds = Mapping[str, Mapping[str, Sequence[float]]]
"""Of each round: by what was done, by the size of what it was done in, ascending."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was measured."""

    rows: Mapping[str, int]
    one_day: Seconds
    partitions: Seconds
    dashboard: Mapping[str, Answered]


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the lake, or find it, measure, print."""
    given = parse(arguments)
    found, console = measuring.machine("duckdb", "pyarrow", "sqlglot"), measuring.console()
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(given, Path(folder))
    show(console, figures, given.days)
    console.print(measuring.described(found))
    for bound in bounds(figures, full=given.full):
        console.print(str(bound))
    measuring.write_json(given.json, {"machine": found, "days": given.days, **asdict(figures)})


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What is asked for; `--full` overrides the size."""
    parser = measuring.options(__doc__, events=EVENTS, rounds=3)
    parser.add_argument("--days", type=int, default=DAYS, help="in all (%(default)s)")
    parser.add_argument("--full", action="store_true", help="100,000,000 events, 90 days")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the lake stays")
    given = parser.parse_args(arguments)
    if given.full:
        given.events, given.days = FULL_EVENTS, DAYS
    if not 2 <= given.days <= given.events:
        parser.error("a lake that grows has two days or more, and an event in each")
    return given


def measured(given: argparse.Namespace, scratch: Path) -> Figures:
    """All of it; `scratch` is an empty folder."""
    kept = (given.keep or scratch) / f"growth-{given.events}-{given.days}"
    rows, folder = grown(kept, given.events, given.days), kept / "lake"
    sizes = (max(1, given.days // 10), given.days)
    lakes = [cataloged(folder, scratch / f"{days}.db", days) for days in sizes]
    tiny = tiny_lake(scratch / "tiny", folder, PARTITIONS[-1] + 1)
    return Figures(
        rows,
        one_day_seconds(lakes, _SHORT * given.rounds, scratch / "nothing"),
        partition_seconds(tiny, _SHORTEST * given.rounds, scratch),
        dashboard_answered(lakes[-1], given.rounds),
    )


def one_day_seconds(lakes: Sequence[Lake], rounds: int, nothing: Path) -> Seconds:
    """Each report over a day, the middle one of those that every lake has."""
    reports = [_over((lakes[0].days - 1) // 2, name) for name in ONE_DAY]
    taken = {}
    with ExitStack() as opened:
        engines = {_days(lake.days): opened.enter_context(lake.engine()) for lake in lakes}
        for report in reports:
            first, *others = (asked(engine, report)[0] for engine in engines.values())
            for rows in others:
                must_equal(report, "more days", rows, first)
            ways = {name: _way(partial(asked, engine, report)) for name, engine in engines.items()}
            taken[report.name] = measuring.in_turn(ways, rounds, nothing)
    return taken


def _over(day: int, name: str) -> Report:
    return Report(name, {"since": dt_of(day), "until": dt_of(day)})


def _days(count: int) -> str:
    return f"{count} day{'s' * (count > 1)}"


def _way(work: Callable[[], object]) -> Way:
    return measuring.timed(lambda _folder: work())


@dataclass(frozen=True, slots=True)
class Planner:
    """What the engine does before it executes."""

    catalog: LocalCatalog
    connection: duckdb.DuckDBPyConnection

    def plan(self, report: Report) -> None:
        """From SQL to files."""
        self.select(plan(report.sql, report.given))

    def select(self, planned: Plan) -> None:
        """From a plan to files."""
        for scan in planned.scans:
            days = self.catalog.partitions(scan.table.name)
            pruned = prune(self.connection, scan, days, full_scan=False)
            self.catalog.files(scan.table.name, pruned.read)


def partition_seconds(tiny: Path, rounds: int, scratch: Path) -> Seconds:
    """What it takes to know one more partition, and to find one, by how many there are."""
    lakes = {str(days): cataloged(tiny, scratch / f"tiny-{days}.db", days) for days in PARTITIONS}
    (new,) = FileStore(tiny).keys(f"{PLAYS.name}/{PARTITION_KEY}={dt_of(PARTITIONS[-1])}/")
    report = _over(PARTITIONS[0] // 2, ONE_DAY[0])
    planned = plan(report.sql, report.given)
    with ExitStack() as opened, closing(open_sandbox(tiny)) as connection:
        planners = {
            name: Planner(opened.enter_context(lake.opened()), connection)
            for name, lake in lakes.items()
        }
        work: dict[str, dict[str, Way]] = {
            REGISTERING: {name: _registering(lake, new) for name, lake in lakes.items()},
            PLANNING: {name: _way(partial(each.plan, report)) for name, each in planners.items()},
            SELECTING: {
                name: _way(partial(each.select, planned)) for name, each in planners.items()
            },
        }
        return {
            what: measuring.in_turn(ways, rounds, scratch / "ways") for what, ways in work.items()
        }


def _registering(lake: Lake, key: str) -> Way:
    """Have a copy of the catalog know a partition that is new to it."""

    def way(folder: Path) -> float:
        copied = folder / lake.catalog.name
        copyfile(lake.catalog, copied)
        with LocalCatalog(lake.folder, copied) as catalog:
            catalog.partitions(PLAYS.name)  # what a process that runs has read already
            began = time.perf_counter()
            registered = catalog.register([key])
            taken = time.perf_counter() - began
        if len(registered.partitions) != 1:
            raise SystemExit(f"{key} is no new partition: no figure of it.")
        return taken

    return way


def dashboard_answered(lake: Lake, rounds: int) -> dict[str, Answered]:
    """Every report that the dashboard asks for, over all the days, as it asks."""
    with lake.engine() as engine:
        rows, _ = asked(engine, _over(0, "play_time_by_video"))
    more = {"retention": {"video_id": rows[0][0]}, "watch_time_by_user": {"limit": "100"}}
    return {name: answered(lake, name, more.get(name, {}), rounds) for name in DASHBOARD}


def show(console: Console, figures: Figures, days: int) -> None:
    """Print the tables."""
    rows, plays = sum(figures.rows.values()), figures.rows[PLAYS.name]
    console.print(
        _side_by_side("Reports over one day, by the days that there are", figures.one_day)
    )
    console.print(_side_by_side("By the partitions that there are", figures.partitions))
    table = Table(
        title=f"The dashboard's reports over {days} days: {rows:,} events, {plays:,} of them plays"
    )
    table.add_column("")
    table.add_column("asked")
    for name in ("seconds", "slowest", "reads", "rows"):
        table.add_column(name, justify="right")
    for name, each in figures.dashboard.items():
        table.add_row(name, DASHBOARD[name], *_cells(each))
    console.print(table)
    for name, each in figures.dashboard.items():
        if each.fault is not None:
            console.print(f"{name}: {each.fault}")


def _cells(each: Answered) -> tuple[str, ...]:
    if each.fault is not None:
        return ("failed", "", "", "")
    spread = Spread.of(each.seconds)
    read = f"{each.read_bytes / 1_000_000:,.1f} MB"
    return f"{spread.median:.2f}", f"{spread.most:.2f}", read, f"{each.rows:,}"


def _side_by_side(title: str, seconds: Seconds) -> Table:
    """The medians, and the last as a multiple of the one before."""
    table = Table(title=title)
    table.add_column("")
    for size in next(iter(seconds.values())):
        table.add_column(f"{size}, ms", justify="right")
    table.add_column("times", justify="right")
    for what, by_size in seconds.items():
        medians = (f"{Spread.of(taken).median * 1_000:,.2f}" for taken in by_size.values())
        table.add_row(what, *medians, f"{grown_times(by_size):.2f}")
    return table


def grown_times(by_size: Mapping[str, Sequence[float]]) -> float:
    """The seconds at the last size as a multiple of those at the one before, by medians."""
    *_, before, last = (Spread.of(taken).median for taken in by_size.values())
    return last / before


def bounds(figures: Figures, *, full: bool) -> list[Bound]:
    """What issue 7 asks; of the dashboard only with 100 million events."""
    return [
        *(
            Bound(
                f"{name} over a day, {' beside '.join(reversed(list(by_size)))}",
                grown_times(by_size),
                most=FLAT,
            )
            for name, by_size in figures.one_day.items()
        ),
        *(
            Bound(
                f"{what}, 900 partitions beside 90",
                grown_times(figures.partitions[what]),
                most=BY_THE_LOG,
            )
            for what in (REGISTERING, PLANNING)
        ),
        *(
            Bound(f"{name} of all days, seconds", each.median, most=DASHBOARD_SECONDS)
            for name, each in figures.dashboard.items()
            if full
        ),
    ]


if __name__ == "__main__":
    main()
