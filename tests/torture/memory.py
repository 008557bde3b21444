"""How much memory a process and those it began hold while it lives, and whether that grows."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, median

from tests.processes import children
from tests.torture.beside import beside

SAMPLE_SECONDS = 5.0
WARM_UP_SHARE = 0.25
"""So much of a life is not looked at: caches and pools fill."""
LONG_SECONDS = 600.0
"""A life that is shorter says nothing of its memory."""
_WINDOWS = 12
"""The medians of so many stretches of a life are what its slope is of: a batch is a spike."""


@dataclass
class Memory:
    """Samples of one life: seconds since its beginning, and resident megabytes."""

    samples: list[tuple[float, float]] = field(default_factory=list)

    @contextmanager
    def watching(self, pid: int) -> Iterator[None]:
        """Sample it meanwhile; a process that is gone has no more."""
        began = time.monotonic()

        def run(stop: threading.Event) -> None:
            while (held := resident(pid)) is not None:
                self.samples.append((time.monotonic() - began, held))
                if stop.wait(SAMPLE_SECONDS):
                    return

        with beside(run):
            yield

    @property
    def medians(self) -> list[tuple[float, float]]:
        """Of each stretch after the warm-up: its middle in seconds, its median in MB."""
        warm = self.samples[int(len(self.samples) * WARM_UP_SHARE) :]
        size = max(1, len(warm) // _WINDOWS)
        stretches = [warm[at : at + size] for at in range(0, len(warm), size)]
        return [(median(at for at, _ in each), median(mb for _, mb in each)) for each in stretches]

    @property
    def is_long(self) -> bool:
        """Whether it can be told if its memory grows."""
        return bool(self.samples) and self.samples[-1][0] >= LONG_SECONDS

    @property
    def growth(self) -> float:
        """By which share the last stretch exceeds the first."""
        medians = self.medians
        return medians[-1][1] / medians[0][1] - 1

    @property
    def slope(self) -> float:
        """Megabytes an hour."""
        return linear_regression(*zip(*self.medians, strict=True)).slope * 3_600

    def told(self) -> str:
        """In a few words."""
        if not self.samples:
            return "no sample of its memory"
        held = [mb for _, mb in self.samples]
        return (
            f"resident {held[0]:.0f} MB at the start, {median(held):.0f} in the median,"
            f" {held[-1]:.0f} at the end of {self.samples[-1][0] / 60:.1f} min"
            + (f", {self.slope:+.1f} MB an hour after the warm-up" if self.is_long else "")
        )


def resident(pid: int) -> float | None:
    """Megabytes that the process and its children hold; None when it is gone."""
    own = _resident(pid)
    return None if own is None else own + sum(_resident(child) or 0.0 for child in children(pid))


def _resident(pid: int) -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    kilobytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(kilobytes[0]) / 1_024 if kilobytes else None
