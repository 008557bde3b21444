"""A process that is killed by SIGKILL at each named point of an event's way (docs/ARCHITECTURE.md).

Where a point lies is told by system calls, "the third sync of the spool's log after the first
batch's archive", and the shim notes which call it was before it kills: a plan that did not come to
its end, or a process that ended otherwise, is an error. Which of several alike is the last one
(which request, which file, which batch) is drawn anew each time.

The collector is called in the process: its answer is the one that HTTP carries.
"""

import random
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.torture.aftermath import Aftermath, Unexpected, struck
from tests.torture.calls import Step
from tests.torture.row import Fault, Row, tallied
from tests.torture.short_run import ROUND_REQUESTS

Plan = Callable[[random.Random], list[Step]]

_LOG = "spool.db-wal"
_CATALOG = "catalog.db-wal"
_BATCH_FILES = 4
"""A batch is at least so many files: plays, stalls, clicks and what was rejected."""
_MERGED = 3
"""So many of them, at least, find another in their partition from the second batch on."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process is killed."""

    name: str
    plan: Plan
    earlier: Plan | None = None
    """What an earlier process was killed by, of which this one is the recovery."""
    failing: bool = False
    """Whether the second batch fails, and goes to failed/."""


def cause(point: Point, times: int, seed: int) -> Row:
    """Die there so often. Raises Unexpected when it did not."""
    done = [_die(point, seed * 1_000 + number) for number in range(times)]
    tallies = [tallied(set(each.acknowledged), each.rows) for each in done]
    return Row(
        f"killed: {point.name}",
        times,
        sum(len(each.acknowledged) for each in done),
        sum(lost for lost, _ in tallies),
        sum(doubled for _, doubled in tallies),
        tuple(each.recovery for each in done),
    )


def _die(point: Point, seed: int) -> Aftermath:
    chance = random.Random(f"{point.name} {seed}")
    plans = [each(chance) for each in (point.earlier, point.plan) if each]
    with tempfile.TemporaryDirectory(prefix="playlake-crash-") as folder:
        after = struck(Path(folder, "data"), seed, *plans, failing=point.failing)
    for life, plan in zip(after.lives, plans, strict=True):
        if life.code != -signal.SIGKILL or len(life.strokes) != len(plan):
            steps = ", ".join(map(str, plan))
            raise Unexpected(
                f"{point.name}: ended {life.code} at {life.strokes} of {steps}\n{life.said}"
            )
    return after


def _of_request(*last: Step) -> Plan:
    """In the commit of some request of the second or third batch."""

    def plan(chance: random.Random) -> list[Step]:
        syncs = chance.randint(1, ROUND_REQUESTS)
        return [_archived(chance.randint(1, 2)), Step("sync", _LOG, when=str(syncs)), *last]

    return plan


def _of_commit(number: int, *last: Step) -> Plan:
    """In the spool's so manieth commit after some batch's archive was renamed."""

    def plan(chance: random.Random) -> list[Step]:
        before = [Step("sync", _LOG, when=str(number - 1))] if number > 1 else []
        return [_archived(chance.randint(1, 2)), *before, *last]

    return plan


_COMPLETE, _CUT, _ATTEMPT = 1, ROUND_REQUESTS + 2, ROUND_REQUESTS + 3
"""Which commit it is: a batch's end, then the requests, then the next one's bounds and attempt."""


def _of_file(*last: Step, before: Sequence[Step] = ()) -> Plan:
    """At some file of the first or second batch; the first of `last` says which, of so many."""

    def plan(chance: random.Random) -> list[Step]:
        first = [_archived(1)] if chance.random() < 0.5 else []
        return [*first, *before, *_drawn(last, chance.randint(1, _BATCH_FILES))]

    return plan


def _of_merging(*last: Step, most: int = _MERGED) -> Plan:
    """In the compaction that follows the second batch; the first of `last` is drawn of `most`."""
    return lambda chance: [_archived(2), *_drawn(last, chance.randint(1, most))]


def _of_batch(*last: Step) -> Plan:
    """At the archive of some batch."""
    return lambda chance: _drawn(last, chance.randint(1, 3))


def _drawn(last: Sequence[Step], number: int) -> list[Step]:
    return [Step(last[0].calls, last[0].on, last[0].action, str(number)), *last[1:]]


def _archived(number: int) -> Step:
    return Step("rename", "raw/", when=str(number))


def _plain(*steps: Step) -> Plan:
    return lambda _: list(steps)


def _before(calls: str, on: str) -> Step:
    return Step(calls, on, "kill-before")


def _after(calls: str, on: str) -> Step:
    return Step(calls, on, "kill-after")


def _half(on: str) -> Step:
    return Step("write", on, "torn-kill")


_ASIDE, _ARCHIVING = "^lake/.writing/", "^.writing/"
_FILED = Step("rename", "^lake/")

POINTS = (
    Point("spool, before a request is written", _of_request(_before("write", _LOG))),
    Point("spool, half of a request written", _of_request(_half(_LOG))),
    Point("spool, a request written and not synced", _of_request(_before("sync", _LOG))),
    Point("spool, a request synced and not answered", _of_request(_after("sync", _LOG))),
    Point("spool, before a batch is cut", _of_commit(_CUT, _before("write", _LOG))),
    Point("spool, a batch's cut not synced", _of_commit(_CUT, _before("sync", _LOG))),
    Point("spool, after a batch is cut", _of_commit(_CUT, _after("sync", _LOG))),
    Point("spool, after an attempt is counted", _of_commit(_ATTEMPT, _after("sync", _LOG))),
    Point("lake, before a file is written aside", _of_file(_before("open", _ASIDE))),
    Point("lake, half of a file written aside", _of_file(_half(_ASIDE))),
    Point("lake, a file written and not synced", _of_file(_before("sync", _ASIDE))),
    Point("lake, a file synced and not renamed", _of_file(_before("rename", "^lake/"))),
    Point("lake, a file renamed, its folder not synced", _of_file(_after("rename", "^lake/"))),
    Point("catalog, before it registers a file", _of_file(_FILED, _before("write", _CATALOG))),
    Point("catalog, half of a registration written", _of_file(_FILED, _half(_CATALOG))),
    Point(
        "catalog, after it registered a file",
        _of_file(_FILED, Step("write", _CATALOG), _before("mkdir", "")),
    ),
    Point("raw/, before it is written aside", _of_batch(_before("open", _ARCHIVING))),
    Point("raw/, half of it written aside", _of_batch(_half(_ARCHIVING))),
    Point("raw/, before it is renamed", _of_batch(_before("rename", "/raw/"))),
    Point("raw/, after it is renamed", _of_batch(_after("rename", "/raw/"))),
    Point("failed/, before it is renamed", _plain(_before("rename", "failed/")), failing=True),
    Point("failed/, after it is renamed", _plain(_after("rename", "failed/")), failing=True),
    Point("spool, before a batch completes", _of_commit(_COMPLETE, _before("write", _LOG))),
    Point("spool, a batch's end not synced", _of_commit(_COMPLETE, _before("sync", _LOG))),
    Point("spool, after a batch completed", _of_commit(_COMPLETE, _after("sync", _LOG))),
    Point("compaction, before the new file", _of_merging(_before("open", _ASIDE))),
    Point("compaction, half of the new file", _of_merging(_half(_ASIDE))),
    Point("compaction, before the new file is renamed", _of_merging(_before("rename", "^lake/"))),
    Point("compaction, before the catalog's swap", _of_merging(_after("rename", "^lake/"))),
    Point("compaction, half of the catalog's swap", _of_merging(_FILED, _half(_CATALOG))),
    Point(
        "compaction, after the catalog's swap",
        _of_merging(_FILED, Step("write", _CATALOG), _before("mkdir|unlink", "^lake/")),
    ),
    Point(
        "compaction, before a replaced file is deleted",
        _of_merging(_before("unlink", "^lake/"), most=2 * _MERGED),
    ),
    Point(
        "compaction, after a replaced file is deleted",
        _of_merging(_after("unlink", "^lake/"), most=2 * _MERGED),
    ),
    Point(
        "end, while the spool's log goes into its file",
        _plain(_archived(3), Step("write", "spool.db$", "torn-kill")),
    ),
    Point(
        "end, while the catalog's log goes into its file",
        _plain(_archived(3), Step("write", "catalog.db$", "torn-kill")),
    ),
    Point("start, while the spool is made", _plain(_before("unlink", "spool.db-journal"))),
    Point("start, while the catalog is made", _plain(_before("unlink", "catalog.db-journal"))),
    Point(
        "start, while the spool recovers its log",
        _plain(_before("write", "spool.db-shm")),
        earlier=_of_request(_half(_LOG)),
    ),
    Point(
        "start, while the catalog syncs",
        _plain(_before("write", _CATALOG)),
        earlier=_of_merging(_after("rename", "^lake/")),
    ),
    Point(
        "start, half of what the catalog's sync found written",
        _plain(_half(_CATALOG)),
        earlier=_of_merging(_after("rename", "^lake/")),
    ),
)


def cause_all(times: int, seed: int) -> Iterator[Row]:
    """A row for each point. Raises Unexpected."""
    return (cause(point, times, seed) for point in POINTS)


FAULTS = (Fault("crash-points", 20, cause_all),)
