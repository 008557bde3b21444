"""What every benchmark measures with: the machine, rounds in turn, medians, a table and JSON.

Figures of two runs are not comparable; ratios within one run are. So the ways that are compared
take turns: a machine that slows down slows them all.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

Way = Callable[[Path], float]
"""Does all the work of a round in a new, empty folder, and gives the seconds that it took."""


def options(description: str | None, *, events: int, rounds: int = 5) -> argparse.ArgumentParser:
    """A parser that knows --events, --rounds and --json; the description is the first line."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=events, help="how many (%(default)s)")
    parser.add_argument("--rounds", type=int, default=rounds, help="after one (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    return parser


def use_one_core() -> None:
    """Keep this process, and those that it starts from now on, on one core.

    Arrow sizes its pool by OMP_NUM_THREADS when it is first imported. Where the system cannot pin
    a process (macOS), only the number of threads is one.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def machine(*packages: str) -> dict[str, object]:
    """What it ran on: processor, memory, how busy it was; Python's version and the packages'."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 10**9, 1),
        "load": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.release()}",
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in packages},
    }


def _processor() -> str:
    """Its name, where the system tells: Linux, and not on every architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def described(found: Mapping[str, object]) -> str:
    """The machine in a sentence. A load of about one is this benchmark's own."""
    versions = found["versions"]
    assert isinstance(versions, Mapping)
    return (
        f"{found['processor'] or found['architecture']}, {found['architecture']}, {found['cores']}"
        f" cores, {found['memory_gb']} GB, {found['system']}, load {found['load']:.1f} before;"
        f" {', '.join(f'{name} {each}' for name, each in versions.items())}"
    )


def console() -> Console:
    """Where tables go: as wide as they need it where nobody watches, and plain."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 110)


def timed(work: Callable[[Path], object]) -> Way:
    """The work as a way that takes as long as it runs."""

    def way(folder: Path) -> float:
        began = time.perf_counter()
        work(folder)
        return time.perf_counter() - began

    return way


def in_turn(ways: Mapping[str, Way], rounds: int, root: Path) -> dict[str, list[float]]:
    """Seconds of each round of each way, after a round that warms up.

    A way's folder is `root` / its name; what the last round made is still there.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            shutil.rmtree(root / name, ignore_errors=True)
            (root / name).mkdir(parents=True)
            taken[name].append(way(root / name))
    return {name: each[1:] for name, each in taken.items()}


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of a few measurements, and how far they lie apart."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, measured: Sequence[float]) -> "Spread":
        """Of one measurement or more."""
        return cls(statistics.median(measured), min(measured), max(measured))


@dataclass(frozen=True, slots=True)
class Race:
    """The same events, gone through in several ways; `yardstick` is what the others are held to."""

    events: int
    yardstick: str
    seconds: Mapping[str, Sequence[float]]
    more: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Further columns of the table: by title, a cell for each way that has one."""

    def speed(self, name: str, of: str | None = None) -> float:
        """A way's speed as a multiple of another's, the yardstick's unless named; by medians."""
        other = self.seconds[self.yardstick if of is None else of]
        return Spread.of(other).median / Spread.of(self.seconds[name]).median

    def table(self, title: str) -> Table:
        """Events a second, their spread over the rounds, and the speed beside the yardstick's."""
        table = Table(title=title)
        table.add_column("")
        ours = ("events/s", "slowest", "fastest", f"of {self.yardstick}")
        for name in (*ours, *self.more):
            table.add_column(name, justify="right")
        for name, taken in self.seconds.items():
            spread = Spread.of(taken)
            rates = (f"{self.events / each:,.0f}" for each in (spread.median, spread.most))
            fastest, beside = f"{self.events / spread.least:,.0f}", f"{self.speed(name):.2f}"
            further = (cells.get(name, "") for cells in self.more.values())
            table.add_row(name, *rates, fastest, beside, *further)
        return table


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure is to be, and what it is."""

    what: str
    found: float
    least: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        wanted = [
            f"{word} {bound:g}"
            for word, bound in (("at least", self.least), ("at most", self.most))
            if bound is not None
        ]
        said = "met" if self.met else "NOT met"
        return f"{self.what}: {self.found:.3g}; {' and '.join(wanted)}: {said}"

    @property
    def met(self) -> bool:
        """Whether it lies within."""
        above = self.least is None or self.found >= self.least
        return above and (self.most is None or self.found <= self.most)


def write_json(path: Path | None, found: Mapping[str, object]) -> None:
    """The figures as JSON, if a file was named."""
    if path is not None:
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
