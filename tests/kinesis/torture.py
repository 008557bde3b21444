"""Consumers that are killed while shards split and merge: is each acknowledged event one row?

    python -m tests.kinesis.torture [--events 1000000] [--kills 30] [--shards 8] [--daemons 2]
                                    [--reshards 4] [--gap 15] [--seed 1]

So many `playlake consume` run on one stream and one lake while events are put, packed as the
collector packs them. At random moments, about `--gap` seconds apart, a daemon (Java) or a child of
one (Python) is killed with SIGKILL, or a shard is split or two are merged.
"""

import argparse
import contextlib
import itertools
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from playlake.consuming.daemon import find_jars, kcl_version
from playlake.consuming.properties import OVERRIDES
from playlake.local.folder import DataFolder
from tests.kinesis.consuming import TABLES, Consuming, consuming, events, ids, kill, rows_by_id
from tests.kinesis.emulated import Emulated, Shards, emulated, require_everything

_REQUEST_EVENTS = 500
_READ_RECORDS = 25
"""At 75 kB each about 2 MB a read."""
_CATCH_UP_SECONDS = 300.0


@dataclass(frozen=True)
class Plan:
    """What is done to them."""

    events: int = 1_000_000
    kills: int = 30
    shards: int = 8
    daemons: int = 2
    reshards: int = 4
    gap: float = 15.0
    max_seconds: float = 5.0
    seed: int = 1


@dataclass
class Blow:
    """Something that was done, and which shards it struck."""

    what: str
    when: float
    shards: frozenset[str] = frozenset()
    recovered: dict[str, float] = field(default_factory=dict)
    """Seconds until the next commit of a shard."""


@dataclass
class Outcome:
    """What became of it."""

    blows: list[Blow]
    acknowledged: Counter[str]
    rows: Counter[str]
    seconds: float
    handovers: int
    commits: int
    again: int
    """Commits of batches that a writer had begun who was killed."""
    stops: list[float]

    @property
    def lost(self) -> int:
        """Events that were acknowledged and are no row."""
        return len(self.acknowledged - self.rows)

    @property
    def doubled(self) -> int:
        """Rows too many."""
        return (self.rows - self.acknowledged).total()


class Load:
    """Puts numbered events in the background, at a pace that lasts for all that is done."""

    def __init__(self, stream: Shards, count: int, seconds: float) -> None:
        self.acknowledged: Counter[str] = Counter()
        self._stream = stream
        self._count = count
        self._pause = seconds * _REQUEST_EVENTS / count
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        began = time.monotonic()
        for number, first in enumerate(range(0, self._count, _REQUEST_EVENTS)):
            made = events(min(_REQUEST_EVENTS, self._count - first), first)
            self._stream.put(made)
            self.acknowledged.update(ids(made))
            time.sleep(max(0.0, began + (number + 1) * self._pause - time.monotonic()))


def torture(aws: Emulated, folder: Path, plan: Plan) -> Outcome:
    """Do all that, in `folder`; returns once the lake has everything, or long after it should."""
    rng, data = random.Random(plan.seed), folder / "data"
    stream = aws.create_stream(plan.shards)
    stream.lease(stream.name)
    options = ("--data", data, "--max-seconds", plan.max_seconds)
    # Eight reads of 10 MB at once are more than kinesis-local answers before the KCL gives them up.
    reads = f"{aws.environment()[OVERRIDES]},maxRecords={_READ_RECORDS}"
    began = time.monotonic()
    with contextlib.ExitStack() as running:
        consumers = [
            running.enter_context(consuming(aws, stream, folder, *options, **{OVERRIDES: reads}))
            for _ in range(plan.daemons)
        ]
        consumers[0].wait(lambda: len(_owners(consumers)) >= plan.shards)
        deeds = _deeds(plan, rng, consumers, stream)
        with Load(stream, plan.events, plan.gap * len(deeds)) as load:
            blows = [_strike(deed, rng.uniform(0.5, 1.5) * plan.gap, consumers) for deed in deeds]
        _wait_for_rows(data, plan.events)
        stops = [each.stop() for each in consumers]
    said = _lines(consumers)
    for blow in blows:
        blow.recovered = dict(_recovered(blow, said))
    commits = [each for each in said if each["message"] == "committed"]
    return Outcome(
        blows,
        load.acknowledged,
        rows_by_id(data),
        time.monotonic() - began,
        _handovers(said),
        len(commits),
        sum(each["again"] for each in commits),
        stops,
    )


Deed = Callable[[], tuple[str, frozenset[str]]]
"""Does it; gives what was done, and to which shards."""


def _deeds(
    plan: Plan, rng: random.Random, consumers: list[Consuming], stream: Shards
) -> list[Deed]:
    """Kills of either kind, half and half, and splits and merges by turns, in random order."""

    def kill_daemon() -> tuple[str, frozenset[str]]:
        return _kill("daemon", Consuming.daemons)

    def kill_child() -> tuple[str, frozenset[str]]:
        # With one child its daemon goes, and so all of that one's shards.
        return _kill("child", Consuming.shards)

    def _kill(kind: str, victims: Callable[[Consuming], list[int]]) -> tuple[str, frozenset[str]]:
        consumer, pids = _somebody(rng, consumers, victims)
        struck = frozenset(
            shard for shard, worker in _owners(consumers).items() if worker is consumer
        )
        kill(rng.choice(pids))
        return f"{kind} killed", struck

    def split() -> tuple[str, frozenset[str]]:
        stream.split(rng.randrange(len(stream.open())))
        return "shard split", frozenset()

    def merge() -> tuple[str, frozenset[str]]:
        stream.merge(rng.randrange(len(stream.open()) - 1))
        return "shards merged", frozenset()

    kills = itertools.islice(itertools.cycle((kill_child, kill_daemon)), plan.kills)
    reshards = itertools.islice(itertools.cycle((split, merge)), plan.reshards)
    deeds: list[Deed] = [*kills, *reshards]
    rng.shuffle(deeds)
    return deeds


def _somebody(
    rng: random.Random, consumers: list[Consuming], victims: Callable[[Consuming], list[int]]
) -> tuple[Consuming, list[int]]:
    """A consumer that has something to kill; the last blow may have left none, for some seconds."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        consumer = rng.choice(consumers)
        pids = victims(consumer)
        if pids:
            return consumer, pids
        time.sleep(0.1)
    raise AssertionError("\n".join(each.told() for each in consumers))


def _strike(deed: Deed, pause: float, consumers: list[Consuming]) -> Blow:
    time.sleep(pause)
    for each in consumers:
        assert each.process.poll() is None, each.told()
    what, struck = deed()
    return Blow(what, time.monotonic(), struck)


def _lines(consumers: list[Consuming]) -> list[dict[str, Any]]:
    """What all of them have said, in the order in which it was heard."""
    said = [line for each in consumers for line in list(each.lines)]
    return sorted(said, key=lambda line: line["heard"])


def _owners(consumers: list[Consuming]) -> dict[str, Consuming]:
    """Who has each shard, by the last who said that it began."""
    owners: dict[str, tuple[float, Consuming]] = {}
    for each in consumers:
        for line in each.of("shard began"):
            owners[line["shard"]] = max(
                owners.get(line["shard"], (0.0, each)),
                (line["heard"], each),
                key=lambda owned: owned[0],
            )
    return {shard: owner for shard, (_, owner) in owners.items()}


def _recovered(blow: Blow, said: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    for shard in blow.shards:
        for line in said:
            later = line["heard"] > blow.when
            if later and line["message"] == "committed" and line["shard"] == shard:
                yield shard, line["heard"] - blow.when
                break


def _handovers(said: list[dict[str, Any]]) -> int:
    """How often a shard began at another worker than before."""
    owners: dict[str, str] = {}
    moved = 0
    for line in said:
        if line["message"] == "shard began":
            moved += owners.get(line["shard"], line["worker"]) != line["worker"]
            owners[line["shard"]] = line["worker"]
    return moved


def _wait_for_rows(data: Path, count: int) -> None:
    """Until there are so many, or no more come; the counts are compared by whoever asked."""
    deadline = time.monotonic() + _CATCH_UP_SECONDS
    while time.monotonic() < deadline and _count(DataFolder(data)) < count:
        time.sleep(1)


def _count(data: DataFolder) -> int:
    with LocalCatalog(data.lake, data.catalog) as catalog, DuckDBEngine(catalog):
        return sum(file.rows for table in TABLES for file in catalog.files(table))


def show(outcome: Outcome, console: Console) -> None:
    """Print the run's table, and what it comes to."""
    table = Table(title="What was done, and how long until each shard's next commit")
    for column in ("", "at, s", "shards", "median, s", "longest, s"):
        table.add_column(column, justify="right" if column else "left")
    first = outcome.blows[0].when if outcome.blows else 0.0
    for blow in outcome.blows:
        took = sorted(blow.recovered.values())
        known = (f"{took[len(took) // 2]:.1f}", f"{took[-1]:.1f}") if took else ("", "")
        table.add_row(blow.what, f"{blow.when - first:.1f}", str(len(blow.shards)), *known)
    console.print(table)
    stops = ", ".join(f"{each:.1f}" for each in outcome.stops)
    console.print(
        f"{outcome.commits:,} commits, {outcome.again} of batches that another had begun;"
        f" {outcome.handovers} hand-overs of a shard; {outcome.seconds:.0f} s; ends took {stops} s."
    )
    console.print(
        f"acknowledged {outcome.acknowledged.total():,}, rows {outcome.rows.total():,},"
        f" lost {outcome.lost}, doubled {outcome.doubled}",
        style="bold",
    )


def main() -> int:
    """Run it from the command line; 1 when anything is lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = Plan()
    for name in ("events", "kills", "shards", "daemons", "reshards", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(given, name))
    for name in ("gap", "max-seconds"):
        parser.add_argument(f"--{name}", type=float, default=getattr(given, name.replace("-", "_")))
    plan = Plan(**vars(parser.parse_args()))
    require_everything()
    console = Console()
    console.print(f"KCL {'.'.join(map(str, kcl_version(find_jars())))}, {plan}")
    with tempfile.TemporaryDirectory(prefix="torture-") as folder, emulated(Path(folder)) as aws:
        outcome = torture(aws, Path(folder), plan)
    show(outcome, console)
    return int(outcome.lost > 0 or outcome.doubled > 0)


if __name__ == "__main__":
    raise SystemExit(main())
