"""What came of a short life that was struck: it is lived, begun again, and its rows are counted."""

import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from playlake.local.folder import DataFolder
from tests.conftest import run_playlake
from tests.torture import forked
from tests.torture.calls import Shim, Step, Stroke
from tests.torture.load import rows_by_id
from tests.torture.short_run import REQUESTS, requests


class Unexpected(AssertionError):
    """It ended as playlake must not: by a traceback, torn files, or not as it was planned."""


@dataclass(frozen=True, slots=True)
class Life:
    """A process that lived and ended."""

    code: int
    answered: frozenset[int]
    """The requests that were answered 200, at last."""
    refused: frozenset[int]
    """Those that were answered 503 at least once."""
    strokes: tuple[Stroke, ...]
    ready: float | None
    """Seconds until its first answer of 200."""
    said: str
    """What it told a person."""


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What lay in the lake after one or more lives, once another had settled it."""

    lives: tuple[Life, ...]
    acknowledged: frozenset[str]
    rows: Counter[str]
    recovery: float
    """Seconds from the last one's end to the next answer of 200."""


def struck(
    folder: Path, seed: int, *plans: Sequence[Step], end: str = "close", failing: bool = False
) -> Aftermath:
    """Live in `folder` under each of the plans, then go on without and settle.

    Raises Unexpected.
    """
    ways = ("--end", end, *(["--failing"] if failing else []))
    lives, answered = list[Life](), set[int]()
    for plan in plans:
        lives.append(live(folder, seed, _first(answered), *ways, plan=plan))
        answered |= lives[-1].answered
    after = live(folder, seed, _first(answered), "--end", "settle")
    if after.code or after.ready is None:
        raise Unexpected(f"it does not go on, {after.code}:\n{after.said}")
    if failing:
        _replay(folder)
    must_be_whole(folder)
    return Aftermath(
        tuple(lives),
        ids(seed, answered | after.answered),
        rows_by_id(DataFolder(folder)),
        after.ready,
    )


def _first(answered: Collection[int]) -> int:
    """The first request that was not answered 200; the last one is sent again in any case."""
    return min(set(range(REQUESTS + 1)) - set(answered), default=REQUESTS)


def _replay(folder: Path) -> None:
    """What failed by a fault that is mended goes through the transform again."""
    done = run_playlake("replay", "--table", "failed", "--data", folder)
    if done.code:
        raise Unexpected(done.out + done.err)


def live(folder: Path, seed: int, first: int, *ways: str, plan: Sequence[Step] = ()) -> Life:
    """One process, to its end. Raises Unexpected for a traceback."""
    notes = folder.with_name(f"{folder.name}.notes")
    notes.unlink(missing_ok=True)
    shim = Shim(tuple(plan), folder, notes, seed)
    began = time.monotonic()
    out, err = (folder.with_name(f"{folder.name}.{name}") for name in ("out", "err"))
    arguments = (str(folder), str(seed), "--from", str(first), *ways)
    code = forked.live(arguments, shim.environment() if plan else {}, out, err)
    said = err.read_text()
    if "Traceback" in said:
        raise Unexpected(f"{shim.strokes()}\n{said}")
    answers = [line.split() for line in out.read_text().splitlines()]
    taken = {int(number): float(heard) for heard, status, number in answers if status == "200"}
    return Life(
        code,
        frozenset(taken),
        frozenset(int(number) for _, status, number in answers if status != "200"),
        tuple(shim.strokes()),
        min(taken.values()) - began if taken else None,
        said,
    )


def ids(seed: int, answered: Iterable[int]) -> frozenset[str]:
    """The events of those requests."""
    made = requests(seed)
    return frozenset(event["event_id"] for number in answered for event in made[number])


def must_be_whole(folder: Path) -> None:
    """Raises Unexpected unless each data file opens and each database passes its own check."""
    data = DataFolder(folder)
    for path in data.lake.rglob("*.parquet"):
        try:
            pq.read_table(path)
        except (OSError, ValueError) as error:
            raise Unexpected(f"{path} is torn: {error}") from error
    for path in (data.spool, data.catalog):
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            raise Unexpected(f"{path}: {found}")
