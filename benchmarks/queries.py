"""What a report reads of playlake's lake, and of the same plays as the hand-made lab keeps them.

    python -m benchmarks.queries [--events 300000] [--rounds 5] [--full] [--json FILE]

Thirty days of simulated traffic go through the local pipeline, compaction included. The lab has
Firehose put gzipped JSON lines under `YYYY/MM/DD/HH/`, in the order of arrival, and knows no
partitions, so that Athena reads every object whatever the question (Athena user guide, "Partition
your data"). Beside one another: bytes read and DuckDB's time for the lab's three reports over one
day, and the bytes of an event.

What could favour playlake is left to the lab. It gets the rows that playlake has, no duplicates,
and of the device only what the reports need; one object an hour, where Firehose's buffers of five
minutes make twelve, each compressed alone. The day is the middle one, by its plays. Both layouts
must give the same answers, and those the ones that the simulator meant.
"""

import gzip
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks import measuring
from benchmarks.measuring import Bound, Spread
from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from catalog.named import named_query
from catalog.port import Value
from events.video_play import VIDEO_PLAY
from playlake.local.feed import feed_folder
from playlake.local.folder import DataFolder
from playlake.simulation import Scenario, Simulation, Truth

REPORTS = ("play_time_by_video", "watch_time_by_user", "sessions_by_platform")
UNTIL, DAYS = date(2025, 9, 30), 30
EVENTS_A_VIEWER = 223
"""That a viewer sends in thirty days; measured."""
FULL_EVENTS, FULL_ROUNDS = 1_000_000, 10
FEWER_BYTES, OF_GZIPPED_JSON = 500.0, 0.6
"""Issue 7: the bytes that a report reads, and that an event takes."""

_PLATFORM = ("device_type", "os_name", "browser_name", "is_bot")
_FOUND_BESIDE = ("received_at", "referer", "user_agent", "properties")

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Report:
    """A named query over a day."""

    name: str
    given: Mapping[str, Value]

    @property
    def sql(self) -> str:
        """In Athena's dialect."""
        return named_query(self.name).sql


@dataclass(frozen=True, slots=True)
class Compared:
    """One report: bytes that each layout reads for it, seconds of each round."""

    ours_bytes: int
    lab_bytes: int
    ours_seconds: Sequence[float]
    lab_seconds: Sequence[float]

    @property
    def fewer(self) -> float:
        """How many times fewer bytes ours reads."""
        return self.lab_bytes / self.ours_bytes

    @property
    def faster(self) -> float:
        """How many times faster ours answers, by medians."""
        return Spread.of(self.lab_seconds).median / Spread.of(self.ours_seconds).median


@dataclass(frozen=True, slots=True)
class Stored:
    """The plays of both layouts."""

    plays: int
    parquet_bytes: int
    json_bytes: int
    json_objects: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Make both layouts, measure, print."""
    parser = measuring.options(__doc__, events=300_000)
    parser.add_argument("--full", action="store_true", help="1,000,000 events, 10 rounds")
    given = parser.parse_args(arguments)
    events, rounds = (FULL_EVENTS, FULL_ROUNDS) if given.full else (given.events, given.rounds)
    found, console = measuring.machine("duckdb", "pyarrow"), measuring.console()
    with tempfile.TemporaryDirectory() as folder:
        data, lab = DataFolder(Path(folder, "data")), Path(folder, "lab")
        truth = simulated(data, events)
        stored = write_lab(data, lab)
        measuring.use_one_core()
        reports = compared(data, lab, reports_of(truth), rounds)
    show(console, stored, reports)
    console.print(measuring.described(found))
    for bound in bounds(stored, reports):
        console.print(str(bound))
    measuring.write_json(given.json, as_json(found, stored, reports))


def simulated(data: DataFolder, events: int) -> Truth:
    """About so many events over thirty days, transformed and compacted; what they come to."""
    viewers = max(1, events // EVENTS_A_VIEWER)
    simulation = Simulation(Scenario(until=UNTIL, days=DAYS, viewers=viewers))
    feed_folder(simulation.requests(), data)
    return simulation.truth()


def write_lab(data: DataFolder, lab: Path) -> Stored:
    """Write the plays of the lake once more, as the lab's Firehose would."""
    with LocalCatalog(data.lake, data.catalog) as catalog:
        files = catalog.files(VIDEO_PLAY.table)
    sizes = [
        _write_hour(lab, hour, list(plays))
        for hour, plays in groupby(
            _plays([str(data.lake / file.key) for file in files]),
            key=lambda play: int(play["logged_at"]) // 3_600_000,
        )
    ]
    rows, parquet = sum(file.rows for file in files), sum(file.bytes for file in files)
    return Stored(rows, parquet, sum(sizes), len(sizes))


def _plays(files: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Every play as JSON would have it, times in epoch milliseconds, in the order of its time."""
    times = {"logged_at", "sent_at", "received_at"}
    names = [*(field.name for field in VIDEO_PLAY.fields), *_FOUND_BESIDE, *_PLATFORM]
    selected = (f"epoch_ms({name}) AS {name}" if name in times else name for name in names)
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT {', '.join(selected)} FROM read_parquet(?, hive_partitioning = false)"
            " ORDER BY logged_at",
            [files],
        )
        while some := found.fetchmany(10_000):
            for row in some:
                yield {
                    name: value for name, value in zip(names, row, strict=True) if value is not None
                }


def _write_hour(lab: Path, hour: int, plays: Iterable[Mapping[str, Any]]) -> int:
    """One object, named as Firehose names its own; gives its bytes."""
    began = datetime.fromtimestamp(hour * 3_600, UTC)
    path = lab / began.strftime("%Y/%m/%d/%H") / began.strftime("plays-1-%Y-%m-%d-%H-00-00.gz")
    path.parent.mkdir(parents=True)
    lines = (json.dumps(play, separators=(",", ":"), ensure_ascii=False) for play in plays)
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 6, mtime=0))
    return path.stat().st_size


def reports_of(truth: Truth) -> list[tuple[Report, Rows]]:
    """The reports over a day of as many plays as most, and the rows that each has to give."""
    days = truth.daily_plays(UNTIL - timedelta(days=DAYS - 1), UNTIL)
    by_plays = sorted(days, key=lambda row: (row["plays"], row["dt"]))
    day = date.fromisoformat(by_plays[len(by_plays) // 2]["dt"])
    viewers = [row["viewer"] for row in truth.watch_time_by_user(day, day)]
    user = next((int(viewer) for viewer in viewers if viewer.isdecimal()), None)
    if user is None:
        raise SystemExit("Nobody with a user_id played on that day; ask for more events.")
    whole_day: dict[str, Value] = {"since": day.isoformat(), "until": day.isoformat()}
    meant = (
        truth.play_time_by_video(day, day),
        truth.watch_time_by_user(day, day),
        truth.sessions_by_platform(day, day, user),
    )
    given = (whole_day, whole_day, {**whole_day, "user_id": user})
    return [
        (Report(name, arguments), [tuple(row.values()) for row in rows])
        for name, arguments, rows in zip(REPORTS, given, meant, strict=True)
    ]


def compared(
    data: DataFolder, lab: Path, reports: Iterable[tuple[Report, Rows]], rounds: int
) -> dict[str, Compared]:
    """Each report on both layouts. Raises SystemExit for an answer that is not right."""
    every = sum(path.stat().st_size for path in lab.rglob("*.gz"))
    done = {}
    with (
        LocalCatalog(data.lake, data.catalog) as catalog,
        DuckDBEngine(catalog) as engine,
        lab_tables(lab) as connection,
        tempfile.TemporaryDirectory() as nothing,
    ):
        for report, meant in reports:
            ours, theirs = partial(asked, engine, report), partial(asked_lab, connection, report)
            rows, read = ours()
            must_equal(report, "playlake", rows, meant)
            must_equal(report, "the lab's layout", theirs(), meant)
            ways = {"ours": _way(ours), "lab": _way(theirs)}
            taken = measuring.in_turn(ways, rounds, Path(nothing))
            done[report.name] = Compared(read, every, taken["ours"], taken["lab"])
    return done


def _way(ask: Callable[[], object]) -> measuring.Way:
    return measuring.timed(lambda _folder: ask())


def asked(engine: DuckDBEngine, report: Report) -> tuple[Rows, int]:
    """The answer of playlake's engine, planned and all, and the bytes that it counts."""
    with engine.query(report.sql, parameters=report.given) as answer:
        return list(answer), answer.scanned.bytes


@contextmanager
def lab_tables(lab: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lab's table as the reports name it, its columns declared as in Glue; the day of a play
    is to be computed from its time."""
    columns = {
        **dict.fromkeys(("video_id", "viewer_id", "play_id", "event_id"), "VARCHAR"),
        **dict.fromkeys(("user_id", "started_at", "ended_at", "logged_at"), "BIGINT"),
        **dict.fromkeys(("device_type", "os_name", "browser_name"), "VARCHAR"),
        "is_bot": "BOOLEAN",
    }
    declared = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA playlake")
        connection.execute(
            f"CREATE VIEW playlake.{VIDEO_PLAY.table} AS SELECT *, ended_at - started_at AS"
            " duration, strftime(make_timestamp(logged_at * 1000), '%Y-%m-%d') AS dt"
            f" FROM read_json('{lab}/**/*.gz', format = 'newline_delimited',"
            f" compression = 'gzip', columns = {{{declared}}})"
        )
        yield connection


def asked_lab(connection: duckdb.DuckDBPyConnection, report: Report) -> Rows:
    """DuckDB's answer; these three reports need nothing but its way to write a parameter."""
    sql = re.sub(r":(\w+)", r"$\1", report.sql)
    return connection.execute(sql, dict(report.given)).fetchall()


def must_equal(report: Report, layout: str, rows: Rows, meant: Rows) -> None:
    """A benchmark of wrong answers would measure nothing."""
    if sorted(rows, key=repr) != sorted(meant, key=repr):
        raise SystemExit(f"{report.name} over {layout} is not what was simulated: no figure of it.")


def show(console: Console, stored: Stored, reports: Mapping[str, Compared]) -> None:
    """Print the table."""
    table = Table(title=f"{stored.plays:,} plays of 30 days, reports over one; one core")
    table.add_column("")
    for name in ("reads", "lab reads", "times fewer", "ms", "lab ms", "times faster"):
        table.add_column(name, justify="right")
    for name, each in reports.items():
        read = (f"{size / 1_000:,.1f} kB" for size in (each.ours_bytes, each.lab_bytes))
        medians = (Spread.of(taken).median for taken in (each.ours_seconds, each.lab_seconds))
        ours, lab = (f"{median * 1_000:,.1f}" for median in medians)
        table.add_row(name, *read, f"{each.fewer:,.0f}", ours, lab, f"{each.faster:,.1f}")
    console.print(table)
    console.print(
        f"A play takes {stored.parquet_bytes / stored.plays:.1f} bytes of Parquet, compacted, and"
        f" {stored.json_bytes / stored.plays:.1f} of gzipped JSON in {stored.json_objects} objects."
    )


def bounds(stored: Stored, reports: Mapping[str, Compared]) -> list[Bound]:
    """What issue 7 asks."""
    return [
        *(
            Bound(f"{name}, times fewer bytes", each.fewer, least=FEWER_BYTES)
            for name, each in reports.items()
        ),
        Bound(
            "Parquet, of gzipped JSON's bytes",
            stored.parquet_bytes / stored.json_bytes,
            most=OF_GZIPPED_JSON,
        ),
    ]


def as_json(
    found: Mapping[str, object], stored: Stored, reports: Mapping[str, Compared]
) -> dict[str, object]:
    """All figures."""
    return {
        "machine": found,
        "stored": asdict(stored),
        "reports": {name: asdict(each) for name, each in reports.items()},
    }


if __name__ == "__main__":
    main()
