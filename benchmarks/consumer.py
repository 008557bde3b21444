"""The consumer of a shard beside Firehose's path: speed, files, what reports scan, memory.

    python -m benchmarks.consumer [--events 1000000] [--rounds 5] [--behind-gb 2] [--json FILE]

The same events, packed as the collector packs them, go through `transform.batch.deliver` in
batches of 3 MB and through `ShardConsumer` in batches of 128 MB: into a new folder each round, one
after the other within the round, on one core, after a round that warms up. Firehose archives the
raw lines by itself, so that its peer is the consumer without them. Memory is that of a process of
its own, spoken to as the KCL speaks to its child, by records that are made as they are read.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks import measuring
from benchmarks._kcl_child import (
    RECORDS_A_CALL,
    TINY_GB,
    memory_behind,
    messages,
    packed,
    shard_consumer,
    through_kcl,
    tiny_events,
)
from benchmarks.measuring import Race
from benchmarks.transform import BEGAN_MS, DAY_MS, firehose_events, play_events
from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from catalog.named import named_query
from events.layout import parse_key
from transform.batch import deliver
from transform.drivers.file_store import FileStore
from transform.gathering import StreamRecord
from transform.process import Processor

REPORTS: Mapping[str, Mapping[str, str | int]] = {
    "play_time_by_video": {},
    "watch_time_by_user": {},
    "sessions_by_platform": {"user_id": 4_711},
}
MEMORY_BOUND_MB = 700
"""A gigabyte, less 256 MB for the JVM, and some room."""
_FIREHOSE, _CONSUMER = "Firehose's handler", "consumer"
_ARCHIVING, _UNDER_KCL = "consumer, archiving raw lines", "consumer, as the KCL's child"


@dataclass(frozen=True, slots=True)
class Files:
    """What lies in a lake, and the bytes that each report reads of it."""

    sizes: list[int]
    scanned: dict[str, int]


def main() -> None:
    """Measure, print and, if asked, write the figures."""
    parser = measuring.options(__doc__, events=1_000_000)
    parser.add_argument("--behind-gb", type=float, default=2.0)
    options = parser.parse_args()
    machine = measuring.machine("duckdb", "pyarrow", "amazon_kclpy")
    memory = {
        "plays": memory_behind(options.behind_gb, play_events(10_000, seed=2)),
        "tiny events": memory_behind(min(options.behind_gb, TINY_GB), tiny_events()),
    }
    measuring.use_one_core()
    with tempfile.TemporaryDirectory() as folder:
        taken, files = compared(Path(folder), play_events(options.events), options.rounds)
    race = Race(options.events, _FIREHOSE, taken)
    report(race, machine, files, memory)
    lakes = {name: {"files": each.sizes, "scanned": each.scanned} for name, each in files.items()}
    figures = {"machine": machine, "events": options.events, "seconds": taken}
    measuring.write_json(options.json, {**figures, "lakes": lakes, "memory": memory})


def compared(
    folder: Path, lines: Sequence[bytes], rounds: int
) -> tuple[dict[str, list[float]], dict[str, Files]]:
    """Seconds a round of each way, and the lakes of the last round."""
    batches, records = firehose_events(lines), list(packed(lines))
    calls = messages(records)
    ways: dict[str, Callable[[Path], object]] = {
        _FIREHOSE: partial(through_firehose, batches),
        _CONSUMER: partial(through_consumer, records, keep_raw=False),
        _ARCHIVING: partial(through_consumer, records, keep_raw=True),
        _UNDER_KCL: partial(through_kcl, calls),
    }
    taken = measuring.in_turn(
        {name: measuring.timed(way) for name, way in ways.items()}, rounds, folder
    )
    return taken, {name: files_of(folder / name) for name in (_FIREHOSE, _CONSUMER)}


def through_firehose(batches: Iterable[Mapping[str, Any]], root: Path) -> None:
    """As `transform.handler.transform` does, without Lambda's logs and traces."""
    processor, store = Processor(), FileStore(root / "lake")
    for batch in batches:
        deliver(batch, processor, store)


def through_consumer(records: Sequence[StreamRecord], root: Path, *, keep_raw: bool) -> None:
    """As records that somebody else has parsed already."""
    consumer = shard_consumer(root, keep_raw=keep_raw)
    consumer.start(None)
    for start in range(0, len(records), RECORDS_A_CALL):
        consumer.take(records[start : start + RECORDS_A_CALL])
    consumer.flush()


def files_of(root: Path) -> Files:
    """Every data file, and what the reports read of them, by the local engine's own count."""
    lake = root / "lake"
    sizes = [each.bytes for each in FileStore(lake).entries() if parse_key(each.key)]
    with LocalCatalog(lake, root / "catalog.db") as catalog, DuckDBEngine(catalog) as engine:
        catalog.sync()
        return Files(sizes, {name: scanned(engine, name) for name in REPORTS})


def scanned(engine: DuckDBEngine, name: str) -> int:
    """Bytes that a report over both days of the events reads."""
    query = named_query(name)
    first, last = (_day(BEGAN_MS + days * DAY_MS) for days in (0, 2))
    given = query.arguments(
        {**REPORTS[name], "since": first, "until": last}, datetime.now(UTC).date()
    )
    with engine.query(query.sql, parameters=given) as answer:
        for _ in answer:
            pass
        return answer.scanned.bytes


def _day(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).date().isoformat()


def report(
    race: Race,
    machine: Mapping[str, object],
    files: Mapping[str, Files],
    memory: Mapping[str, Mapping[str, float]],
) -> None:
    """Print the tables."""
    console = measuring.console()
    console.print(race.table(f"{race.events:,} events, one core"))
    console.print(measuring.described(machine))
    console.print(files_table(race.events, files))
    for name, each in memory.items():
        said = "under" if each["peak_mb"] < MEMORY_BOUND_MB else "NOT under"
        console.print(
            f"Memory: {each['gigabytes']:g} GB of {name} behind, caught up in"
            f" {each['seconds']:.0f} s, peak {each['peak_mb']:.0f} MB ({each['before_mb']:.0f} MB"
            f" of it before the first record): {said} {MEMORY_BOUND_MB} MB."
        )


def files_table(events: int, files: Mapping[str, Files]) -> Table:
    """Files and bytes scanned of each lake."""
    table = Table(title=f"The lake of {events:,} events, nothing compacted")
    table.add_column("")
    for name in files:
        table.add_column(name, justify="right")
    rows: dict[str, Callable[[Files], str]] = {
        "files": lambda each: f"{len(each.sizes):,}",
        "median size": lambda each: f"{statistics.median(each.sizes) / 10**6:.2f} MB",
        "bytes": lambda each: f"{sum(each.sizes) / 10**6:.1f} MB",
    }
    for name, show in rows.items():
        table.add_row(name, *map(show, files.values()))
    for name in REPORTS:
        read = (f"{each.scanned[name] / 10**6:.2f} MB" for each in files.values())
        table.add_row(f"{name} scans", *read)
    return table


if __name__ == "__main__":
    main()
