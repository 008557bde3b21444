"""A small disk of the data folder's own is full, while clients go on; then it has space again.

The disk is a tmpfs, and full because its size is set to what lies on it. Every refusal must say
when to come again; once there is space, the same process must take events and deliver all that it
took, by itself. Where this user may not mount, a user namespace is asked for, in which it may.
"""

import dataclasses
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

from ingest.drivers.spool import read_backlog
from tests.torture.calls import Lacking
from tests.torture.disk import Disk, small_disk
from tests.torture.load import Load, Pace, Unkept
from tests.torture.row import Fault, Row
from tests.torture.server import START_SECONDS, Server

_PACE = Pace(padding=2_000)
_MEGABYTES = 1_024
_MOST_SPARE_BYTES = 64 * 1024
_UNREFUSED_SECONDS = 120.0
"""A spool with room inside its file goes on for a while on a full disk; that is as it should be."""
_FILLED_SECONDS = 1.0
_REFUSING_SECONDS = 1.5
_DELIVERY_SECONDS = 60.0


def cause(times: int, seed: int) -> Iterator[Row]:
    """Fill it so often. Raises Unkept and Lacking."""
    yield (_filled if os.geteuid() == 0 else _filled_in_a_namespace)(times, seed)


def _filled(times: int, seed: int) -> Row:
    rng, load, answers, whole = random.Random(seed), Load(seed, _PACE), list[float](), list[float]()
    with small_disk(_MEGABYTES) as disk, Server(disk.path / "data") as server:
        load.expect_answer(time.monotonic())
        server.start()
        with load.running(server.url):
            load.recovered(START_SECONDS)
            for _ in range(times):
                time.sleep(rng.uniform(0.2, 1.5))
                fill_until_refused(disk, load, rng)
                cleared = time.monotonic()
                answers.append(clear_until_answered(disk, load))
                whole.append(delivered(server, cleared))
        server.stop()
        note = (
            f"{load.refused} requests refused; all that was taken is in the lake"
            f" {median(whole):.1f} s after there is space, {max(whole):.1f} s at the most"
        )
        return server.settled_row("full-disk", times, load, answers, note)


def fill_until_refused(disk: Disk, load: Load, rng: random.Random) -> None:
    """Fill it, all but a few bytes, and let it be full for a while. Raises Unkept."""
    before, deadline = load.refused, time.monotonic() + _UNREFUSED_SECONDS
    spare = rng.randrange(_MOST_SPARE_BYTES)
    disk.fill(spare)
    filled = time.monotonic()
    while load.refused == before:
        if time.monotonic() > deadline:
            raise Unkept(f"a full disk refuses nothing for {_UNREFUSED_SECONDS:.0f} s")
        time.sleep(0.02)
        if time.monotonic() > filled + _FILLED_SECONDS:
            # Files that compaction replaced are deleted on a full disk, too, and leave room.
            disk.fill(spare)
            filled = time.monotonic()
    time.sleep(rng.uniform(0, _REFUSING_SECONDS))


def clear_until_answered(disk: Disk, load: Load) -> float:
    """Give it its space back; gives the seconds until an answer of 200. Raises Unkept."""
    disk.clear()
    load.expect_answer(time.monotonic())
    return load.recovered(START_SECONDS)


def delivered(server: Server, since: float) -> float:
    """Seconds from `since`, a monotonic time, until all that was taken before is delivered.

    Raises Unkept.
    """
    since_ms = (time.time() - time.monotonic() + since) * 1_000
    deadline = time.monotonic() + _DELIVERY_SECONDS
    while (oldest_ms := read_backlog(server.folder.spool).oldest_ms) and oldest_ms <= since_ms:
        if time.monotonic() > deadline:
            raise Unkept(f"it does not deliver though there is space:\n{server.said()}")
        time.sleep(0.02)
    return time.monotonic() - since


def _filled_in_a_namespace(times: int, seed: int) -> Row:
    """The same in a process that is root in a user namespace of its own."""
    command = (sys.executable, "-m", "tests.torture.full_disk", str(times), str(seed))
    try:
        done = subprocess.run(
            ["unshare", "-Urm", *command], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise Lacking("no small disk can be mounted: be root, or install unshare") from None
    if done.returncode:
        kind = Unkept if "Unkept" in done.stderr else Lacking
        raise kind(f"in a namespace of its own (unshare -Urm): {done.stderr[-3_000:]}")
    told = json.loads(done.stdout)
    return Row(**told | {"recovery": tuple(told["recovery"])})


FAULTS = (Fault("full-disk", 50, cause),)

if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(_filled(int(sys.argv[1]), int(sys.argv[2])))))
