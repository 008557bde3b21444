"""A person taken out of everything that is stored: the archive's lines and the tables' rows.

Each object is rewritten by itself, and is what it was or what it is to be, whatever moment a crash
picks; a run that comes after finds what is left by looking. A data file gets a successor
(`transform.mending.rewriting`). An object of the archive is replaced where it lies, by
compare-and-swap: its name says which batch it is, whoever reads the archive never sees a line twice
or not at all, and there is no moment with two of it.

Nothing stands still meanwhile: a batch that is delivered again brings the person's rows back. So
the proof that nothing is left is a whole pass that found nothing, and passes are repeated until one
did.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow.compute as pc

from events.layout import parse_key
from events.registry import REGISTRY
from transform.ledger import shards_under_way
from transform.lines import Unreadable, stripped
from transform.mending.person import Person
from transform.mending.rewriting import Rewritten, without
from transform.reading import read_parquet
from transform.store import Archive, Stale, Store

MOST_PASSES = 4
"""The first, and three more where something came meanwhile."""
ARCHIVES = ("raw", "failed")
RESULTS = "query-results/"
"""Where a deployed stack's Athena leaves its answers, which may hold anything."""


class Held(NamedTuple):
    """An object that may name a person."""

    kind: str
    """Its table, or `raw` or `failed`."""
    key: str
    size: int

    @property
    def name(self) -> str:
        """Where it lies, from the root of the data."""
        return self.key if self.kind in ARCHIVES else f"lake/{self.key}"


@dataclass(slots=True)
class Pass:
    """What one look at everything came to."""

    files: int = 0
    bytes: int = 0
    found: Counter[str] = field(default_factory=Counter)
    """Rows of a table, or lines of `raw` or `failed`, that name the person."""
    holding: list[str] = field(default_factory=list)
    """The objects that they were found in."""
    rewritten: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    """Objects that held nothing else."""
    moved: list[str] = field(default_factory=list)
    """Objects that went, or changed, between being listed and being read: what was in them may be
    in another by now."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Objects of which nobody can say what they hold, and why."""
    under_way: list[str] = field(default_factory=list)
    """Shards of which a batch is begun and not complete: whoever goes on with it, the worker or,
    after its death, another one, writes all of its events again."""

    @property
    def settled(self) -> bool:
        """Whether another pass would find no more than this one did."""
        return not self.holding and not self.moved

    @property
    def proves(self) -> bool:
        """Whether nothing is left, so far as could be seen."""
        return self.settled and not self.unreadable and not self.under_way


def _ignore(_done: float, _total: float) -> None:
    pass


def _note_nothing(_key: str, _events: Sequence[bytes]) -> None:
    pass


@dataclass(slots=True)
class Erasure:
    """The looks for one person at a lake and its archive; `passes` grows as they are made.

    Every method raises `events.errors.Unavailable` when infrastructure fails: what was done is
    done, and the last of `passes` says how far it came.
    """

    person: Person
    lake: Store
    archive: Archive
    """Rooted where `raw/` and `failed/` lie."""
    settle: Callable[[Rewritten], object]
    """Makes a rewritten data file's successor count, and deletes it."""
    note: Callable[[str, Sequence[bytes]], object] = _note_nothing
    """Hears of an object of the archive before it changes: its key and the events that will go,
    each a line. It may hear so twice."""
    tell: Callable[[float, float], object] = _ignore
    """Hears how many bytes of how many were looked at."""
    passes: list[Pass] = field(default_factory=list)

    def erase(self) -> bool:
        """Remove the person, and look again until nothing is found; whether that was proven."""
        return self._repeat(self._erase)

    def look(self) -> bool:
        """Whether it is proven that nothing names the person; changes nothing."""
        return self._repeat(lambda _held, _done: None, until_holding=True)

    def drop_results(self) -> list[str]:
        """Delete the answers that were kept of queries; any of them may hold the person."""
        keys = list(self.archive.keys(RESULTS))
        for key in keys:
            self.archive.delete(key)
        return keys

    def _repeat(
        self, found: Callable[[Held, Pass], object], *, until_holding: bool = False
    ) -> bool:
        for _ in range(MOST_PASSES):
            self.passes.append(Pass())
            done = self._pass(self.passes[-1], found)
            if done.settled or (until_holding and done.holding):
                break
        return done.proves

    def _pass(self, done: Pass, found: Callable[[Held, Pass], object]) -> Pass:
        every = list(_objects(self.lake, self.archive))
        total = sum(held.size for held in every)
        for held in every:
            try:
                self._look_at(held, done, found)
            except (KeyError, Stale):
                done.moved.append(held.name)
            except Unreadable as error:
                done.unreadable[held.name] = str(error)
            done.files += 1
            done.bytes += held.size
            self.tell(done.bytes, total)
        done.under_way = list(shards_under_way(self.archive))
        return done

    def _look_at(self, held: Held, done: Pass, found: Callable[[Held, Pass], object]) -> None:
        count = self._count(held)
        if count:
            found(held, done)
            done.found[held.kind] += count
            done.holding.append(held.name)

    def _count(self, held: Held) -> int:
        if held.kind in ARCHIVES:
            return stripped(self.archive.get(held.key), self.person).removed
        return _count_rows(self.lake.get(held.key), self.person)

    def _erase(self, held: Held, done: Pass) -> None:
        left = self._erase_lines(held) if held.kind in ARCHIVES else self._erase_rows(held)
        (done.rewritten if left else done.deleted).append(held.name)

    def _erase_rows(self, held: Held) -> bool:
        try:
            rewritten = without(self.lake, held.key, self.person.among)
        except ValueError as error:
            raise Unreadable(str(error)) from error
        assert rewritten is not None, "a data file never changes"
        self.settle(rewritten)
        return rewritten.left > 0

    def _erase_lines(self, held: Held) -> bool:
        seen = self.archive.load(held.key)
        if seen is None:
            raise KeyError(held.key)
        left = stripped(seen.data, self.person, write=True)
        self.note(held.key, left.events)
        if left.kept:
            self.archive.save(held.key, left.data, seen)
        else:
            self.archive.delete(held.key)
        return left.kept > 0


def _objects(lake: Store, archive: Store) -> Iterator[Held]:
    # The archive first: what is replayed from it while this runs is looked for after it.
    for kind in ARCHIVES:
        for each in archive.entries(f"{kind}/"):
            yield Held(kind, each.key, each.bytes)
    for table in REGISTRY.tables:
        for each in lake.entries(f"{table.name}/"):
            if parse_key(each.key):
                yield Held(table.name, each.key, each.bytes)


def _count_rows(data: bytes, person: Person) -> int:
    try:
        rows, _ = read_parquet(data, sorted(person.columns))
        return int(pc.sum(person.among(rows)).as_py() or 0)
    except ValueError as error:  # torn
        raise Unreadable(str(error)) from error
    except (NotImplementedError, TypeError, KeyError) as error:
        raise Unreadable(f"its columns are not the table's: {error}") from error
