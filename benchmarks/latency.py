"""From POST to a query that finds the event: `playlake dev` at a steady rate, its default flush.

    python -m benchmarks.latency [--rate 1000] [--seconds 30] [--json FILE]

Each event comes in a request of its own, from a process of its own, at its appointed time whether
or not those before it were answered: its clock starts then. Twenty of them a second are probes.
This process asks for those that it has not seen, as `playlake query` would, again and again, by an
engine of its own over the folder; a probe is found when the answer has it. Server, sender and
asker share the machine's cores.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from benchmarks import measuring
from benchmarks.measuring import Bound
from benchmarks.posting import PLAYLAKE, Connection, started
from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from playlake.local.folder import DataFolder

PROBES_A_SECOND = 20
PAUSE_SECONDS = 0.02
"""Between two questions: nobody asks without a breath."""
LOST_SECONDS = 60
CONNECTIONS = 64


@dataclass(slots=True)
class Probes:
    """Those that were sent, by id; times are of the system's monotonic clock, in seconds."""

    sent: dict[str, float] = field(default_factory=dict)
    found: dict[str, float] = field(default_factory=dict)
    rate: float = 0.0
    """Events a second that were answered by 200, as the sender tells at its end."""

    @property
    def missing(self) -> list[str]:
        """Sent, and in no answer yet."""
        return [each for each in list(self.sent) if each not in self.found]

    def delays(self, warm: int) -> list[float]:
        """Seconds from POST to answer, of those that were sent after so many seconds."""
        first = min(self.sent.values())
        return [
            self.found[each] - sent
            for each, sent in self.sent.items()
            if sent >= first + warm and each in self.found
        ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and, if asked, write the figures."""
    given = parse(arguments)
    if given.send:
        asyncio.run(send(given.send, given.rate, given.seconds))
        return
    found = measuring.machine("duckdb", "uvicorn")
    with tempfile.TemporaryDirectory() as folder:
        delays, sent = measured(DataFolder(Path(folder) / "data"), given)
    cuts = statistics.quantiles(delays, n=100)
    console = measuring.console()
    console.print(
        f"{len(delays):,} probes among {sent:,.0f} events/s. From POST to a"
        f" query that finds it: least {min(delays):.2f} s, p50 {cuts[49]:.2f}, p99 {cuts[98]:.2f},"
        f" most {max(delays):.2f}."
    )
    console.print(measuring.described(found))
    for bound in (
        Bound("events/s that were sent, of those that were to be", sent / given.rate, least=0.98),
        Bound("p50 in seconds", cuts[49], most=1.5),
        Bound("p99 in seconds", cuts[98], most=3.0),
    ):
        console.print(str(bound))
    figures = {"machine": found, "rate": given.rate, "sent_a_second": sent, "seconds": delays}
    measuring.write_json(given.json, figures)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=int, default=1_000, help="events a second (%(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="that count (%(default)s)")
    parser.add_argument(
        "--warm", type=int, default=3, help="seconds before those, which do not (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("--send", metavar="URL", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def measured(data: DataFolder, given: argparse.Namespace) -> tuple[list[float], float]:
    """Seconds of each probe that counts, and how many events a second were answered by 200.

    Raises SystemExit when a probe is in no answer a minute after the last was sent.
    """
    seconds = given.warm + given.seconds
    command = (*PLAYLAKE, "dev", "--quiet", "--port", "0", "--data", str(data.root))
    with started(*command) as url, asking(data) as ask, sending(url, given.rate, seconds) as sender:
        probes = Probes()
        listening = threading.Thread(target=listen, args=(sender, probes))
        listening.start()
        last = time.monotonic() + seconds + LOST_SECONDS
        while (listening.is_alive() or probes.missing) and time.monotonic() < last:
            look(ask, probes)
            time.sleep(PAUSE_SECONDS)
        sender.wait(LOST_SECONDS)
        listening.join()
    if probes.missing or sender.returncode:
        raise SystemExit(f"{len(probes.missing)} probes were never found; see above")
    return probes.delays(given.warm), probes.rate


@contextmanager
def asking(data: DataFolder) -> Iterator[DuckDBEngine]:
    """An engine over a folder that another process fills, as `playlake query` opens it."""
    with LocalCatalog(data.lake, data.catalog) as catalog, DuckDBEngine(catalog) as engine:
        yield engine


def look(engine: DuckDBEngine, probes: Probes) -> None:
    """Ask once for every probe that is missing."""
    if not (missing := probes.missing):
        return
    today = datetime.now(UTC).date()
    days = f"dt BETWEEN '{today - timedelta(1)}' AND '{today}'"  # midnight may lie between
    ids = ", ".join(f"'{each}'" for each in missing)
    sql = f"SELECT event_id FROM video_play_events WHERE {days} AND event_id IN ({ids})"
    with engine.query(sql) as answer:
        rows = [row[0] for row in answer]
    now = time.monotonic()
    probes.found.update({str(each): now for each in rows})


@contextmanager
def sending(url: str, rate: int, seconds: int) -> Iterator[subprocess.Popen[str]]:
    """The process that sends; it tells of each probe on its standard output."""
    options = (f"--send={url}", f"--rate={rate}", f"--seconds={seconds}")
    command = (sys.executable, "-m", "benchmarks.latency", *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def listen(sender: subprocess.Popen[str], probes: Probes) -> None:
    """Take down each probe that is told of, until there are no more."""
    assert sender.stdout is not None
    for line in sender.stdout:
        told = json.loads(line)
        if isinstance(told, float):
            probes.rate = told
        else:
            name, sent = told
            probes.sent[name] = sent


async def send(url: str, rate: int, seconds: int) -> None:
    """Be the sender. Raises SystemExit when an event was not answered by 200."""
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await Connection(url).open())
    began = time.monotonic()
    async with asyncio.TaskGroup() as posting:
        for number in range(rate * seconds):
            due = began + number / rate
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            posting.create_task(_post(idle, number, due, probe=number % _every(rate) == 0))
    print(rate * seconds / (time.monotonic() - began), flush=True)


def _every(rate: int) -> int:
    return max(1, rate // PROBES_A_SECOND)


async def _post(idle: asyncio.Queue[Connection], number: int, due: float, *, probe: bool) -> None:
    event = _play(number)
    if probe:
        event["event_id"] = str(uuid4())
        print(json.dumps([event["event_id"], due]), flush=True)
    connection = await idle.get()
    if (status := await connection.post(json.dumps(event).encode())) != 200:
        raise SystemExit(f"the collector answered {status}")
    idle.put_nowait(connection)


def _play(number: int) -> dict[str, object]:
    started_at = number % 600_000
    return {
        "type": "video_play",
        "video_id": f"v-{number % 100:03d}",
        "user_id": number % 10_000,
        "started_at": started_at,
        "ended_at": started_at + 5_000,
        "wall_ms": 5_000,
        "logged_at": time.time_ns() // 1_000_000,
        "referer": "https://video.example/watch",
    }


if __name__ == "__main__":
    main()
