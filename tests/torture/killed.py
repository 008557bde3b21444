"""`playlake dev` is killed by SIGKILL at random moments, while clients go on and on.

A life ends within its start-up, or some seconds later: long enough for days to have peace, and so
to be compacted. A folder is used for many lives, then left to itself and counted.
"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.torture.load import Load
from tests.torture.row import Fault, Row
from tests.torture.server import START_SECONDS, Server, phase_of_death

FOLDER_KILLS = 100
"""After so many a new folder is taken: the lake of one does not grow for ever."""
_IN_START_UP, _START_UP_SECONDS = 0.2, 1.5
"""So many of all kills, and the seconds from the process's beginning in which they fall."""
_SERVING_SECONDS = 4.0
"""The others fall so soon after the first answer: upkeep leaves a day alone for 2 s."""


def cause(times: int, seed: int) -> Iterator[Row]:
    """Kill so often. Raises Unkept."""
    phases = Counter[str]()
    rows = [
        _in_one_folder(min(FOLDER_KILLS, times - first), seed + first, phases)
        for first in range(0, times, FOLDER_KILLS)
    ]
    yield Row(
        "killed",
        times,
        sum(row.acknowledged for row in rows),
        sum(row.lost for row in rows),
        sum(row.doubled for row in rows),
        tuple(seconds for row in rows for seconds in row.recovery),
        ", ".join(f"{phase} {count}" for phase, count in phases.most_common()),
    )


def _in_one_folder(times: int, seed: int, phases: Counter[str]) -> Row:
    rng, load, recovery = random.Random(seed), Load(seed), list[float]()
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder, "data")) as server:
        with load.running(server.url):
            load.expect_answer(time.monotonic())
            for number in range(times + 1):
                server.start()
                if number == times:
                    recovery.append(load.recovered(START_SECONDS))
                    break
                _wait_for_the_moment(rng, load)
                answered = load.is_answered()
                if answered and number:
                    recovery.append(load.recovered(0))
                server.kill()
                phases[phase_of_death(server, answered=answered)] += 1
                if answered:
                    load.expect_answer(time.monotonic())
            server.kill()
        return server.settled_row("killed", times, load, recovery)


def _wait_for_the_moment(rng: random.Random, load: Load) -> None:
    if rng.random() < _IN_START_UP:
        time.sleep(rng.uniform(0, _START_UP_SECONDS))
    else:
        load.is_answered(START_SECONDS)
        time.sleep(rng.uniform(0, _SERVING_SECONDS))


FAULTS = (Fault("killed", 500, cause),)
