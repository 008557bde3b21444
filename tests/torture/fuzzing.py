"""Input that nobody would send: a coverage-guided fuzzer and Hypothesis, on both pure stages.

What breaks one of them by the fuzzer is kept as a file, named in the row and in the error that ends
the run; Hypothesis tells its own.
"""

import importlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

from tests.torture.fuzz_coverage import Lines
from tests.torture.fuzz_laws import examine
from tests.torture.fuzz_run import Report, taken
from tests.torture.row import Fault, Row

CRASHES = Path(tempfile.gettempdir()) / "playlake-fuzzing"
"""Where a run works, and where what broke something stays."""

_TARGETS = {"collector": "fuzz_collect", "transform": "fuzz_transform"}


@dataclass(frozen=True)
class Fuzzed:
    """A run of atheris: what it reports, and how much of the code its corpus reaches."""

    report: Report
    reached: int
    lines: int
    folder: Path
    seconds: float

    @property
    def note(self) -> str:
        """For the row."""
        crashes = f"{len(self.report.crashes)} crashes"
        where = f" ({self.folder})" if self.report.crashes else ""
        per_second = self.report.cases / self.seconds
        return (
            f"coverage {self.reached} of {self.lines} lines, {crashes}{where},"
            f" {per_second:,.0f} cases/s"
        )


class Broken(Exception):
    """A case broke something; the files that hold it are named."""


def fuzz(stage: str, times: int, seed: int) -> Iterator[Row]:
    """The row of a run on the `collector` or the `transform`. Raises Broken at its end if there was
    a crash."""
    fuzzed = run_atheris(_TARGETS[stage], times, seed)
    report = fuzzed.report
    yield Row(
        f"fuzzing, {stage}", report.cases, report.events, report.lost, report.doubled,
        note=fuzzed.note,
    )  # fmt: skip
    if report.crashes:
        broken = " ".join(str(fuzzed.folder / crash) for crash in report.crashes)
        raise Broken(f"these files broke something: {broken}")


def explore(times: int, seed: int) -> Iterator[Row]:
    """The row of so many cases of Hypothesis."""
    events = examine(times, seed)
    yield Row("fuzzing, Hypothesis", times, events, 0, 0, note="collector and transform")


def run_atheris(target: str, cases: int, seed: int) -> Fuzzed:
    """Run the target in a process of its own, then count the lines that its corpus reaches."""
    require_atheris()
    CRASHES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{target}-", dir=CRASHES))
    began = time.monotonic()
    with (folder / "log").open("w") as log:
        # libFuzzer takes 0 for a seed of the clock's.
        command = (target, str(cases), str(folder), f"-seed={seed or 1}", "-rss_limit_mb=1024")
        done = subprocess.run(
            [sys.executable, "-m", "tests.torture.fuzz_run", *command],
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    seconds = time.monotonic() - began
    if done.returncode:
        raise Broken(f"the fuzzer ended with {done.returncode}: see {folder / 'log'}")
    report = Report(**json.loads((folder / "report.json").read_text()))
    reached, lines = _coverage(importlib.import_module(f"tests.torture.{target}"), folder)
    return Fuzzed(report, reached, lines, folder, seconds)


def require_atheris() -> None:
    """Raise ImportError with a sentence where there is no atheris."""
    if importlib.util.find_spec("atheris") is None:
        raise ImportError(
            "atheris is not installed: pip install atheris==3.0.0 (wheels: Linux, Python 3.11-3.13)"
        )


def _coverage(module: ModuleType, folder: Path) -> tuple[int, int]:
    """Lines that the corpus reaches, of those that there are in the target's modules."""
    crashes = {path.name for path in folder.glob("crash-*")}
    cases = [
        path.read_bytes()
        for path in (folder / "corpus").iterdir()
        if f"crash-{path.name}" not in crashes
    ]
    with Lines(module.COVERED) as lines:
        for at in range(0, len(cases), 100):
            with suppress(Exception):  # the run itself has judged them
                taken(module, cases[at : at + 100]).batch.settle()
    return len(lines.reached), len(lines.all)


FAULTS = (
    *(Fault(f"fuzz-{stage}", 1_000_000, partial(fuzz, stage)) for stage in _TARGETS),
    # It shrinks and explains, but is slower by as much.
    Fault("hypothesis", 20_000, explore),
)
