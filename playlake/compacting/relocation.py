"""Swapping files where readers see whatever lies in a partition's folder: Athena's.

Two objects cannot be put and deleted at once, but a partition's location changes at once. So a copy
of the partition as it is to be comes to lie aside; queries are sent there; what lies at home
changes; and they are sent home again. A query sees the old files or the new one, never both.

    1. what is about to happen is noted                  compacting/<table>/dt=<date>.json
    2. the new file, and copies of those that stay       compacting/<table>/dt=<date>/
    3. the partition's location is that folder           queries that were planned before: grace
    4. the new file comes home, what it replaces goes
    5. the partition's location is home again            queries that were planned between: grace
    6. the copies and the note go

Partitions take these steps together, so that queries are waited for once, not for each of them.
Whoever is killed, the next one finds the notes: before 3 it takes the copies away, after it it goes
on from 4. A file that arrives between 2 and 5 is seen after 5.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from events.layout import parse_key
from transform.mending.compaction import Built, Compacted
from transform.store import Archive

_MOST_ROUNDS = 10
_MOST_PENDING = 16
"""Partitions that are swapped together: each takes two calls of Glue, while what arrives waits."""
ASIDE = "compacting/"
LAKE = "lake/"
GRACE_SECONDS = 5.0
"""How long a query that was planned before a move may still open the files that it was told of. One
that takes longer fails, and says that a file is gone."""


CALLS_AT_ONCE = 10
"""As many as botocore keeps connections: S3 takes seconds to copy a file of 256 MB."""


class Locations(Protocol):
    """Where queries look for a partition's files.

    Every method raises `events.errors.CatalogUnavailable` when the catalog does not answer.
    """

    def is_aside(self, table: str, dt: str) -> bool | None:
        """Whether the partition is read from elsewhere than its home; None: there is none."""

    def move(self, table: str, dt: str, folder: str | None) -> bool:
        """Let queries read the partition from this folder of the bucket, or from home for None.

        False when there is no such partition, and so nobody who reads it.
        """


@dataclass(frozen=True, slots=True)
class Relocation:
    """A `transform.mending.sweep.Swap` that no query sees half of. One at a time on a lake: the
    `Lease`."""

    root: Archive
    """Where `lake/` lies."""
    locations: Locations
    check: Callable[[], None]
    """Called before each step; raises when another process mends the lake by now."""
    sleep: Callable[[float], object] = time.sleep
    grace_seconds: float = GRACE_SECONDS
    at_once: int = 1
    """Copies and deletions under way together: of a day of gigabytes each stays for seconds."""
    _pending: list[Compacted] = field(default_factory=list)

    def swap(self, built: Built) -> bool:
        """See `transform.mending.sweep.Swap.swap`. Raises `events.errors.Unavailable`."""
        done = built.done
        if (done.table, done.dt) in {(each.table, each.dt) for each in self._pending}:
            self.finish()  # of a partition there is one note and one folder
        if not set(done.replaced) <= set(self._home(done)):
            return False
        self.check()
        self.root.put(_note(done), _words(done))
        if done.key is not None:
            self.root.put(_aside(done.key), built.data)
        self._pending.append(done)
        if len(self._pending) == _MOST_PENDING:
            self.finish()
        return True

    def finish(self) -> None:
        """See `transform.mending.sweep.Swap.finish`. Raises `events.errors.Unavailable`."""
        pending = list(self._pending)
        self._pending.clear()
        for done in pending:
            self._copy_others(done)
        self._move({done: _folder(done) for done in pending})
        self._bring_home(pending)

    def recover(self) -> list[Compacted]:
        """End what others were killed in; gives the swaps that were ended, not those undone."""
        notes = [key for key in self.root.keys(ASIDE) if key.endswith(".json")]
        found = [_read(note, self.root.get(note)) for note in notes]
        begun = [done for done in found if self._is_begun(done)]
        for done in found:
            if done not in begun:
                self._clear(done)
        self._bring_home(begun)
        return begun

    def _is_begun(self, done: Compacted) -> bool:
        """Whether queries are sent aside, or nobody asks and the new file is home already."""
        aside = self.locations.is_aside(done.table, done.dt)
        if aside is not None:
            return aside
        staged = done.key is not None and _aside(done.key) in set(self.root.keys(_folder(done)))
        return staged and done.key in set(self._home(done))

    def _copy_others(self, done: Compacted) -> None:
        """Everything at home that stays, until nothing came meanwhile.

        Where files come faster than they are copied, the last of them are seen after the swap.
        """
        copied = set(done.replaced) | set(done.added)
        for _ in range(_MOST_ROUNDS):
            new = [key for key in self._home(done) if key not in copied]
            if not new:
                return
            self._each(lambda key: self.root.copy(LAKE + key, _aside(key)), new)
            copied |= set(new)

    def _move(self, folders: Mapping[Compacted, str | None]) -> None:
        """Send queries there, and wait for those that were planned before."""
        moved = False
        for done, folder in folders.items():
            self.check()
            moved |= self.locations.move(done.table, done.dt, folder)
        if moved:
            self.sleep(self.grace_seconds)

    def _bring_home(self, pending: Sequence[Compacted]) -> None:
        for done in pending:
            self.check()
            if done.key is not None:
                self.root.copy(_aside(done.key), LAKE + done.key)
            self._each(lambda key: self.root.delete(LAKE + key), done.replaced)
        self._move(dict.fromkeys(pending))
        for done in pending:
            self._clear(done)

    def _clear(self, done: Compacted) -> None:
        self._each(self.root.delete, list(self.root.keys(_folder(done))))
        self.root.delete(_note(done))

    def _each(self, work: Callable[[str], None], keys: Sequence[str]) -> None:
        """Work on every key; when one fails, those that are not begun are left."""

        def checked(key: str) -> None:
            self.check()
            work(key)

        if self.at_once == 1:
            for key in keys:
                checked(key)
            return
        with ThreadPoolExecutor(self.at_once) as pool:
            for _ in pool.map(checked, keys):
                pass

    def _home(self, done: Compacted) -> Iterator[str]:
        keys = self.root.keys(f"{LAKE}{done.table}/dt={done.dt}/")
        ours = (key.removeprefix(LAKE) for key in keys)
        return (key for key in ours if parse_key(key))


def _aside(key: str) -> str:
    return ASIDE + key


def _folder(done: Compacted) -> str:
    return f"{ASIDE}{done.table}/dt={done.dt}/"


def _note(done: Compacted) -> str:
    # Beside the folder, not in it: Athena reads whatever lies there.
    return f"{ASIDE}{done.table}/dt={done.dt}.json"


def _words(done: Compacted) -> bytes:
    return json.dumps({"key": done.key, "replaced": done.replaced}).encode()


def _read(note: str, data: bytes) -> Compacted:
    table, day = note.removeprefix(ASIDE).removesuffix(".json").split("/dt=")
    words: Mapping[str, object] = json.loads(data)
    key, replaced = words["key"], words["replaced"]
    assert isinstance(replaced, list), "as this module writes it"
    return Compacted(table, day, None if key is None else str(key), tuple(replaced), 0, 0)
