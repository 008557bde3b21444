"""`playlake dev` is told to end by SIGTERM, again and again, while clients go on and on.

Each time it must end by itself, with 0, within its grace, and have delivered what it took. What
comes meanwhile it may answer, refuse or leave unheard; a 200 counts to the last moment.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from ingest.drivers.spool import read_backlog
from tests.torture.load import Load, Unkept
from tests.torture.row import Fault, Row
from tests.torture.server import START_SECONDS, Server

_SERVING_SECONDS = 3.0


def cause(times: int, seed: int) -> Iterator[Row]:
    """Stop it so often. Raises Unkept."""
    rng, load, recovery, ends = random.Random(seed), Load(seed), list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder, "data")) as server:
        with load.running(server.url):
            _begin(server, load)
            for _ in range(times):
                time.sleep(rng.uniform(0, _SERVING_SECONDS))
                ends.append(server.stop())
                _must_have_delivered(server)
                recovery.append(ends[-1] + _begin(server, load))
            server.stop()
        note = f"ends with 0 in {median(ends):.1f} s, at the most {max(ends):.1f} s"
        yield server.settled_row("sigterm", times, load, recovery, note)


def _begin(server: Server, load: Load) -> float:
    """Start it; gives the seconds until it answers."""
    load.expect_answer(time.monotonic())
    server.start()
    return load.recovered(START_SECONDS)


def _must_have_delivered(server: Server) -> None:
    if waiting := read_backlog(server.folder.spool).records:
        raise Unkept(f"{waiting} records wait in a spool that was left in peace:\n{server.said()}")


FAULTS = (Fault("sigterm", 100, cause),)
