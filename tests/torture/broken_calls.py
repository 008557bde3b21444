"""The N-th system call on the data folder fails, for N = 1, 2, 3 ... over a whole short life.

A life is lived once to count its calls, then once for each N that is tried; every other one ends by
SIGKILL, so that what is left is what was durable. The same process must go on: one call that fails
may refuse requests and put off a batch, or end a start with a sentence. It must not print a
traceback, nor refuse for ever. Afterwards another process, without the fault, settles the lake.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.torture.aftermath import Aftermath, Life, Unexpected, live, struck
from tests.torture.calls import Step
from tests.torture.row import Fault, Row, tallied
from tests.torture.short_run import REQUESTS

_EVERYTHING = frozenset(range(REQUESTS + 1))
_ENDS = {"close": 0, "kill": -9}
"""How it ends, and the status of it."""
_ENDED_BY_AN_ERROR = 1


@dataclass(frozen=True, slots=True)
class Breakage:
    """A way in which a call fails."""

    name: str
    calls: str
    action: str
    on: str = ""
    rest_percent: int = 0
    """Whether those after it fail, too, and how many of 100."""

    def at(self, number: int) -> Step:
        """The plan in which the call of that number is the first that fails."""
        when = f"{number}%{self.rest_percent}" if self.rest_percent else str(number)
        return Step(self.calls, self.on, self.action, when)


BREAKAGES = (
    Breakage("EIO at call N", "*", "eio"),
    Breakage("ENOSPC at call N", "open|write|sync|rename|truncate|mkdir", "enospc"),
    Breakage("write N is short", "write", "short"),
    Breakage("write N is torn, then EIO", "write", "torn"),
    Breakage("sync N fails and drops what was written", "sync", "lost"),
    Breakage("from call N on, EIO at one of twenty", "*", "eio", rest_percent=5),
)


def cause(breakage: Breakage, times: int, seed: int) -> Row:
    """Let as many different calls fail, one in each life. Raises Unexpected."""
    numbers = _spread(count(breakage, seed), times)
    done = [strike(breakage, number, seed) for number in numbers]
    struck_ones = [each for each in done if each.lives[0].strokes]
    tallies = [tallied(set(each.acknowledged), each.rows) for each in struck_ones]
    exits = sum(each.lives[0].code == _ENDED_BY_AN_ERROR for each in struck_ones)
    return Row(
        breakage.name,
        len(struck_ones),
        sum(len(each.acknowledged) for each in struck_ones),
        sum(lost for lost, _ in tallies),
        sum(doubled for _, doubled in tallies),
        tuple(each.recovery for each in struck_ones),
        f"{exits} ended with a sentence" if exits else "",
    )


def count(breakage: Breakage, seed: int) -> int:
    """How many calls of that kind there are in a life."""
    with tempfile.TemporaryDirectory(prefix="playlake-calls-") as folder:
        every = Step(breakage.calls, breakage.on, "pass", "1+1")
        return len(live(Path(folder, "data"), seed, 0, plan=[every]).strokes)


def strike(breakage: Breakage, number: int, seed: int) -> Aftermath:
    """One life in which that call fails, and what came of it. Raises Unexpected."""
    # A life that is killed in the end does not come to the calls of its closing.
    for end in ("kill", "close") if number % 2 else ("close",):
        after = _strike(breakage, number, seed, end)
        if after.lives[0].strokes:
            break
    return after


def _strike(breakage: Breakage, number: int, seed: int, end: str) -> Aftermath:
    with tempfile.TemporaryDirectory(prefix="playlake-calls-") as folder:
        try:
            after = struck(Path(folder, "data"), seed, [breakage.at(number)], end=end)
            _must_have_gone_on(after.lives[0], end, breakage)
        except Unexpected as error:
            raise Unexpected(f"{breakage.at(number)}, seed {seed}: {error}") from error
    return after


def _must_have_gone_on(life: Life, end: str, breakage: Breakage) -> None:
    told = life.code == _ENDED_BY_AN_ERROR and life.said
    if life.code != _ENDS[end] and not told:
        raise Unexpected(f"it ended {life.code} at {life.strokes}:\n{life.said}")
    if not told and not breakage.rest_percent and life.answered != _EVERYTHING:
        raise Unexpected(f"it refuses {_EVERYTHING - life.answered} for ever:\n{life.said}")


def _spread(calls: int, times: int) -> list[int]:
    """So many numbers of calls, evenly over all of them; each one where there are no more."""
    wanted = min(times, calls)
    return [1 + place * calls // wanted for place in range(wanted)]


def cause_all(times: int, seed: int) -> Iterator[Row]:
    """A row for each way to fail, of at most so many calls each. Raises Unexpected."""
    return (cause(breakage, times, seed) for breakage in BREAKAGES)


FAULTS = (Fault("broken-calls", 60, cause_all),)
