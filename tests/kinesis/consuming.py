"""`playlake consume` as a process, and the processes that it runs."""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from playlake.local.folder import DataFolder
from tests.conftest import PLAYLAKE
from tests.kinesis.emulated import Emulated, Shards

TABLES = ("video_play_events", "rejected_events", "custom_events")


@dataclass
class Consuming:
    """A running `playlake consume`, and what it has said."""

    process: subprocess.Popen[str]
    log: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    def follow(self) -> None:
        """Keep each line that it prints, with when it came (monotonic)."""
        for line in self.process.stdout:
            self.lines.append({**json.loads(line), "heard": time.monotonic()})

    def of(self, message: str) -> list[dict[str, Any]]:
        """Its lines of one kind."""
        return [each for each in self.lines if each["message"] == message]

    @property
    def commits(self) -> list[dict[str, Any]]:
        """A line for each."""
        return self.of("committed")

    def wait(self, check: Callable[[], object], seconds: float = 60.0) -> None:
        """Until `check` is true, or fail with all that it said."""
        deadline = time.monotonic() + seconds
        while not check():
            assert self.process.poll() is None, f"it ended: {self.told()}"
            assert time.monotonic() < deadline, f"it did not come to that: {self.told()}"
            time.sleep(0.05)

    def told(self) -> str:
        """What it printed, for a failure's message."""
        said = "\n".join(json.dumps(each) for each in self.lines[-30:])
        return f"{said}\n{self.log.read_text()[-6_000:]}"

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Ask it to end as a service manager does; gives the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(30) == 0, self.told()
        return time.monotonic() - began

    def daemons(self) -> list[int]:
        """The process id of each Java that it runs."""
        return [each for each in _children(self.process.pid) if _name(each) == "java"]

    def shards(self) -> list[int]:
        """The process id of each child of those."""
        return [child for daemon in self.daemons() for child in _children(daemon)]


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # pid (name) state parent ...; a name can have anything in it.
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(path.parent.name))
    return found


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def alive(pid: int) -> bool:
    """Whether there is such a process, and it does not only wait to be reaped."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def kill(pid: int) -> None:
    """SIGKILL: no handler runs, nothing is flushed."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def consuming(
    aws: Emulated, stream: Shards, folder: Path, *options: object, **settings: str
) -> Iterator[Consuming]:
    """`playlake consume` of the stream; its log lies in `folder`. Nothing of it is left behind."""
    number = len(list(folder.glob("consume-*.log")))
    log = folder / f"consume-{number}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*PLAYLAKE, "consume", "--stream", stream.name, *map(str, options)],
            env=aws.environment() | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    running = Consuming(process, log)
    follower = threading.Thread(target=running.follow, daemon=True)
    follower.start()
    try:
        yield running
    finally:
        for pid in [process.pid, *running.daemons(), *running.shards()]:
            kill(pid)
        process.wait(10)
        follower.join(10)
        process.stdout.close()


def event(number: int, logged_at: int) -> dict[str, object]:
    """The `number`-th event: a play, or now and then a click or a play that breaks the rules."""
    made: dict[str, object] = {"event_id": f"e{number}", "user_id": number, "logged_at": logged_at}
    if number % 10 == 3:
        return {**made, "action": "click", "buttonName": "like"}
    late = "late" if number % 10 == 7 else 14_000
    return {**made, "video_id": f"v{number % 50}", "started_at": 0, "ended_at": late}


def events(count: int, first: int = 0) -> list[dict[str, object]]:
    """So many numbered events, over three days."""
    now = time.time_ns() // 1_000_000
    numbers = range(first, first + count)
    return [event(number, now - number % 3 * 86_400_000) for number in numbers]


def ids(made: list[dict[str, object]]) -> Counter[str]:
    """How often each event should be found."""
    return Counter(str(each["event_id"]) for each in made)


def rows_by_id(folder: Path) -> Counter[str]:
    """How many rows the catalog of a data folder has of each event, of whatever table."""
    data, counts = DataFolder(folder), Counter()
    with LocalCatalog(data.lake, data.catalog) as catalog, DuckDBEngine(catalog) as engine:
        for table in TABLES:
            if catalog.partitions(table):
                sql = f"SELECT event_id FROM {table}"
                with engine.query(sql, full_scan=True) as answer:
                    counts.update(event_id for (event_id,) in answer)
    return counts
