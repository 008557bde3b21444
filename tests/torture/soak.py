"""An hour at a rate that the machine holds beside other work, with faults throughout.

In the first half a kill each minute or so, a full disk now and then, and rude clients all the time.
In the second half one process lives, under all of that but the kills: its memory must stay flat.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.calls import Lacking
from tests.torture.disk import Disk, small_disk
from tests.torture.load import Load, Pace, Unkept
from tests.torture.memory import Memory
from tests.torture.row import Fault, Row
from tests.torture.rude import Rude
from tests.torture.server import START_SECONDS, Server

PACE = Pace(threads=3, most_events=6, pause_seconds=0.03)
"""About 300 events/s: 3.5 a request and some 30 requests/s a thread."""
_MEGABYTES = 2_048
"""Of the disk. What is not written takes no memory."""
_GAP_SECONDS = 60.0
"""Between faults, in the mean; in a short soak less."""
_FULL_SHARE = 0.25
"""The share of faults that are a full disk, where one can be mounted."""
_MOST_FULL_SECONDS = 15.0
_MOST_GROWTH = 0.1
"""By this share a life's last stretch may exceed its first one after the warm-up."""


@dataclass
class _Soak:
    server: Server
    load: Load
    disk: Disk | None
    rng: random.Random
    gap_seconds: float
    kills: int = 0
    fulls: int = 0
    recovery: list[float] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    def first_half(self, until: float) -> None:
        """Kills, and full disks."""
        while self._rested(until):
            if self.disk and self.rng.random() < _FULL_SHARE:
                self._full(self.disk)
            else:
                self._kill()

    def second_half(self, until: float) -> None:
        """One life, without kills."""
        self._kill()
        with self.memory.watching(self.server.pid):
            while self._rested(until):
                if self.disk and self.rng.random() < _FULL_SHARE:
                    self._full(self.disk)

    def _rested(self, until: float) -> bool:
        """Let the time until the next fault pass; False when that would be too late."""
        gap = self.rng.uniform(0.3, 1.7) * self.gap_seconds
        left = until - time.monotonic()
        time.sleep(max(0.0, min(gap, left)))
        return gap < left

    def _kill(self) -> None:
        self.kills += 1
        self.server.kill()
        self.load.expect_answer(time.monotonic())
        self.server.start()
        self.recovery.append(self.load.recovered(START_SECONDS))

    def _full(self, disk: Disk) -> None:
        self.fulls += 1
        disk.fill(spare_bytes=0)
        time.sleep(self.rng.uniform(0.2, 1.0) * min(self.gap_seconds, _MOST_FULL_SECONDS))
        disk.clear()
        self.load.expect_answer(time.monotonic())
        self.recovery.append(self.load.recovered(START_SECONDS))


def cause(minutes: int, seed: int) -> Iterator[Row]:
    """A soak of so many minutes. Raises Unkept, also for memory that grows in a long life."""
    with ExitStack() as held:
        disk = _disk(held)
        folder = disk.path if disk else Path(held.enter_context(tempfile.TemporaryDirectory()))
        server = held.enter_context(Server(folder / "data"))
        gap = min(_GAP_SECONDS, minutes * 60 / 10)
        soak = _Soak(server, Load(seed, PACE), disk, random.Random(seed), gap)
        rude = Rude(server.port, seed)
        _run(soak, rude, minutes * 30)
        row = server.settled_row(
            "soak", soak.kills + soak.fulls, soak.load, soak.recovery, _note(soak, rude, minutes)
        )
    yield row
    _must_be_flat(soak.memory)


def _disk(held: ExitStack) -> Disk | None:
    try:
        return held.enter_context(small_disk(_MEGABYTES))
    except Lacking:
        return None


def _run(soak: _Soak, rude: Rude, half_seconds: float) -> None:
    began = time.monotonic()
    soak.load.expect_answer(began)
    soak.server.start()
    with soak.load.running(soak.server.url), rude.running():
        soak.load.recovered(START_SECONDS)
        soak.first_half(began + half_seconds)
        soak.second_half(began + 2 * half_seconds)
    soak.server.stop()


def _note(soak: _Soak, rude: Rude, minutes: int) -> str:
    rate = len(soak.load.acknowledged) / (minutes * 60)
    full = f"{soak.fulls} full disks" if soak.disk else "no full disk, as none could be mounted"
    return (
        f"{minutes} min at {rate:.0f} events/s: {soak.kills} kills, {full},"
        f" {rude.met.total():,} rude clients; {soak.memory.told()}"
    )


def _must_be_flat(memory: Memory) -> None:
    if memory.is_long and memory.growth > _MOST_GROWTH:
        raise Unkept(f"its memory grows by {memory.growth:.0%}: {memory.told()}")


FAULTS = (Fault("soak", 60, cause),)
"""Its times are minutes."""
