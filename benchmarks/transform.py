"""The transform Lambda beside DuckDB's `COPY` of the same events: one core, the same files out.

    python -m benchmarks.transform [--events 100000] [--rounds 5] [--json FILE]

DuckDB reads JSON lines from a file and writes zstd Parquet partitioned by day. It neither decodes
base64 nor validates nor parses agents, and it answers for no record: it is the limit to measure
against, not a peer.
"""

import argparse
import base64
import json
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import duckdb
from rich.console import Console
from rich.table import Table

from playlake.simulation.agents import AGENTS
from transform.handler import transform

BATCH_BYTES = 3 * 1024 * 1024
EVENTS_A_RECORD = 50
DAY_MS = 86_400_000
BEGAN_MS = 1_790_000_000_000
_CONTEXT = SimpleNamespace(
    function_name="transform",
    memory_limit_in_mb=1_769,
    invoked_function_arn="arn:aws:lambda:local:000000000000:function:transform",
    aws_request_id="0",
)


def play_events(count: int, seed: int = 1) -> list[bytes]:
    """Plays as the collector records them, over two days."""
    rng = random.Random(seed)
    agents = [agent.user_agent for agent in AGENTS]
    return [_event(rng, agents, BEGAN_MS + number * 2 * DAY_MS // count) for number in range(count)]


def _event(rng: random.Random, agents: Sequence[str], now: int) -> bytes:
    started = rng.randrange(600_000)
    event = {
        "type": "video_play",
        "event_id": str(UUID(int=rng.getrandbits(128))),
        "video_id": f"v-{rng.randrange(100):03d}",
        "user_id": rng.randrange(10_000),
        "started_at": started,
        "ended_at": started + rng.randrange(60_000),
        "wall_ms": 60_000,
        "logged_at": now,
        "referer": "https://video.example/watch",
        "user_agent": rng.choice(agents),
        "received_at": now + 100,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def firehose_events(lines: Sequence[bytes]) -> list[dict[str, object]]:
    """The events as Firehose hands them over: records of many lines, batches of 3 MiB."""
    packed = [
        b"\n".join(lines[start : start + EVENTS_A_RECORD]) + b"\n"
        for start in range(0, len(lines), EVENTS_A_RECORD)
    ]
    batches: list[list[dict[str, object]]] = [[]]
    size = 0
    for number, data in enumerate(packed):
        if size + len(data) > BATCH_BYTES:
            batches.append([])
            size = 0
        size += len(data)
        batches[-1].append(
            {
                "recordId": str(number),
                "approximateArrivalTimestamp": BEGAN_MS,
                "data": base64.b64encode(data).decode(),
            }
        )
    return [{"invocationId": str(n), "records": records} for n, records in enumerate(batches)]


def seconds(work: Callable[[], object], rounds: int) -> list[float]:
    """How long each round takes, after one that warms up."""
    work()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return taken


def main() -> None:
    """Run both, side by side, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    lines = play_events(options.events)
    batches = firehose_events(lines)
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "events.jsonl"), Path(folder, "out")
        source.write_bytes(b"\n".join(lines) + b"\n")
        os.environ["PLAYLAKE_LAKE_URI"] = Path(folder, "lake").as_uri()
        taken = {
            "DuckDB COPY": seconds(lambda: duckdb_copy(source, out), options.rounds),
            "playlake transform": seconds(
                lambda: [transform(batch, _CONTEXT) for batch in batches], options.rounds
            ),
        }
    report(options.events, sum(map(len, lines)) / len(lines), taken, options.json)


def duckdb_copy(source: Path, out: Path) -> None:
    """JSON lines to zstd Parquet by day, on one thread."""
    shutil.rmtree(out, ignore_errors=True)
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute(
            "COPY (SELECT *, strftime(make_timestamp(logged_at * 1000), '%Y-%m-%d') AS dt"
            f" FROM read_json('{source}', format = 'newline_delimited'))"
            f" TO '{out}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dt))"
        )


def report(events: int, size: float, taken: dict[str, list[float]], file: Path | None) -> None:
    """Print the table; write it as JSON if asked."""
    limit = statistics.median(taken["DuckDB COPY"])
    table = Table(title=f"{events:,} events of {size:.0f} bytes, {platform.machine()}, one core")
    for name in ("", "events/s, median", "slowest", "fastest", "of DuckDB"):
        table.add_column(name, justify="left" if not name else "right")
    for name, rounds in taken.items():
        median = statistics.median(rounds)
        rates = (events / each for each in (median, max(rounds), min(rounds)))
        table.add_row(name, *(f"{rate:,.0f}" for rate in rates), f"{limit / median:.2f}")
    Console().print(table)
    if file:
        file.write_text(json.dumps({"events": events, "event_bytes": size, "seconds": taken}))


if __name__ == "__main__":
    main()
