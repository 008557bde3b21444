"""How a contender is asked: a process of its own, one round for each line of its standard input.

The standard library only, for each contender runs in its own environment.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self


class Stopwatch:
    """Sums up the seconds that pass inside it, and those in which this process had a core.

    The latter say how two compare where others want the core too; they leave out the disk.
    """

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = 0.0
        self._began = (0.0, 0.0)

    def __enter__(self) -> Self:
        self._began = (time.perf_counter(), time.process_time())
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu_seconds += time.process_time() - self._began[1]

    def less(self, part: "Stopwatch") -> "Stopwatch":
        """What is left without a part of it."""
        left = Stopwatch()
        left.seconds = self.seconds - part.seconds
        left.cpu_seconds = self.cpu_seconds - part.cpu_seconds
        return left


Work = Callable[[Path, Path], Stopwatch]
"""Reads all that lies in the first folder, writes Parquet under the second, which is new, and gives
what it took, without what whoever calls it in production has done before."""


def answer(work: Work) -> None:
    """For each line, a JSON array of two folders, do the work, and answer with a line of JSON:
    `seconds`, `cpu_seconds`, and `peak_mb`, the most that this process had in memory so far.

    Whatever else is printed goes nowhere: a handler logs to its standard output.
    """
    with os.fdopen(os.dup(1), "w") as voice, Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        for line in sys.stdin:
            source, out = map(Path, json.loads(line))
            took = work(source, out)
            answered = {"seconds": took.seconds, "cpu_seconds": took.cpu_seconds}
            print(json.dumps({**answered, "peak_mb": peak_mb()}), file=voice, flush=True)


def peak_mb() -> float:
    """The most that this process ever had in memory, in 10^6 bytes. Not `ru_maxrss`: that one
    begins with what the process had that started it."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 10**6
