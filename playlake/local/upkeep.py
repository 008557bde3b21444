"""The upkeep of a local lake: many small files become one, and each event one row."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from catalog.data_file import DataFile, Reason, Skipped
from catalog.port import FileCatalog
from events.errors import Unavailable
from events.registry import REGISTRY
from events.table import Table
from transform.mending.compaction import Compacted, compact
from transform.mending.packing import packed
from transform.store import Store

_logger = logging.getLogger("playlake.upkeep")

QUIET_SECONDS = 2.0
"""How long a partition is left alone after its last new file."""
MANY_FILES = 32
"""With this many files a partition is not left alone however often it grows."""
SMALL_SHARE = 4
"""What is new is merged into what is large once it is a quarter of it: each row is then rewritten a
few times in all, not once for every batch that follows it."""
CHEAP_BYTES = 32 * 1024 * 1024
"""A file up to this size is merged without counting: it takes about a second to write."""
GRACE_SECONDS = 5.0
"""How long a file stays after another took its place: a query that was planned before the swap may
be reading it still."""
FILE_BYTES = 64 * 2**20
"""About what a file comes to have here, beside a server that shares its memory: making one takes
half a gigabyte. `playlake compact` makes larger ones."""
PATIENCE_SECONDS = 60.0
"""After this long without a new file a partition is merged whatever its shares."""

_WAITED_FOR = (Unavailable, OSError)
"""The lake's disk, and that of temporary files, on which a large file is made."""

Partition = tuple[str, str]  # table, dt


@dataclass(slots=True)
class Upkeep:
    """Compacts the partitions of a lake as they need it. One thread at a time."""

    catalog: FileCatalog
    store: Store
    clock: Callable[[], float] = time.monotonic
    compactions: int = field(default=0, init=False)
    """How many partitions were compacted so far."""
    _taken_over: bool = field(default=False, init=False)
    _grown: dict[Partition, float] = field(default_factory=dict)
    _replaced: deque[tuple[float, str]] = field(default_factory=deque)

    def note_growth(self, table: str, dt: str) -> None:
        """A partition got a file just now. Any thread may say so."""
        self._grown[table, dt] = self.clock()

    def note_superseded(self, skipped: Iterable[Skipped]) -> None:
        """Files that the catalog left out because another holds their rows: they are to go."""
        for each in skipped:
            if each.reason is Reason.SUPERSEDED:
                self._replaced.append((self.clock(), each.key))

    def take_over(self) -> None:
        """Take up what an earlier process left, however it ended: files that the catalog does not
        know or that were replaced, and partitions of more than one file."""
        changed = self.catalog.sync()
        self.note_superseded(changed.skipped)
        # Only what another file says it holds: a file that was dropped may be there again, changed.
        replaced = (key for file in changed.added for key in file.replaces)
        self._replaced.extend((self.clock(), key) for key in replaced)
        for table in REGISTRY.tables:
            files = Counter(file.partition for file in self.catalog.files(table.name))
            for (name, dt), count in files.items():
                if count > 1:
                    self._grown.setdefault((name, dt), self.clock())
        self._taken_over = True

    def run(self, stop: threading.Event) -> None:
        """Compact what is due, until `stop` is set; what was replaced is then deleted at once."""
        with _logged():
            self.take_over()
        while not stop.wait(QUIET_SECONDS / 4):
            with _logged():
                if not self._taken_over:
                    self.take_over()
            with _logged():
                self.compact_due()
                self.delete_replaced(GRACE_SECONDS)
        with _logged():
            self.delete_replaced()

    def compact_due(self) -> list[Compacted]:
        """Compact each partition that has grown and is due."""
        now = self.clock()
        done = []
        for (table, dt), grown_at in list(self._grown.items()):
            files = self.catalog.files(table, {dt})
            if len(files) < 2:
                self._forget((table, dt), grown_at)
            elif _is_due(files, now - grown_at):
                done += self._compact((table, dt), grown_at)
        return done

    def compact_all(self) -> list[Compacted]:
        """Compact every partition that has grown, due or not."""
        return [
            compacted
            for partition, grown_at in list(self._grown.items())
            for compacted in self._compact(partition, grown_at)
        ]

    def delete_replaced(self, grace_seconds: float = 0.0) -> None:
        """Delete the files that were replaced at least so long ago."""
        while self._replaced and self.clock() - self._replaced[0][0] >= grace_seconds:
            self.store.delete(self._replaced[0][1])
            self._replaced.popleft()

    def _compact(self, partition: Partition, grown_at: float) -> list[Compacted]:
        table, dt = partition
        files = self.catalog.files(table, {dt})
        self._forget(partition, grown_at)
        if len(files) < 2:
            return []
        found = packed([(file.key, file.bytes) for file in files], FILE_BYTES)
        beside, done = list(found.full), list[Compacted]()
        try:
            for group in found.groups:
                keys = [key for key, _ in group]
                done.append(self._swap(REGISTRY.table(table), dt, keys, beside))
                beside += done[-1].added
        except ValueError as error:
            # pyarrow's errors are ValueErrors: a file is torn. What is readable stays readable.
            _logger.error("%s dt=%s is not compacted: %s", table, dt, error)  # noqa: TRY400
            return []
        except KeyError:
            # Somebody deleted a file behind the catalog's back; what is left is the partition.
            self.catalog.sync()
            self.note_growth(table, dt)
            return []
        except _WAITED_FOR:
            self.note_growth(table, dt)
            raise
        self.compactions += bool(done)
        # Given back: a merge of eight files of two megabytes left 714 MB with the process, and 147
        # after this. A day's file grows; the server's memory is not to.
        pa.default_memory_pool().release_unused()
        return done

    def _swap(self, table: Table, dt: str, keys: list[str], beside: Sequence[str]) -> Compacted:
        done = compact(self.store, table, dt, keys, beside)
        try:
            self.catalog.replace(done.replaced, done.added)
        except Unavailable:
            for key in set(done.added) - set(keys):
                # Nobody knows the new file; found later, beside what came since, it would count.
                self.store.delete(key)
            raise
        self._replaced.extend((self.clock(), key) for key in done.replaced)
        return done

    def _forget(self, partition: Partition, grown_at: float) -> None:
        """Strike a partition off, unless it has grown again meanwhile."""
        if self._grown.get(partition) == grown_at:
            del self._grown[partition]


@contextmanager
def _logged() -> Iterator[None]:
    """Upkeep waits for infrastructure as delivery does: nothing has changed, it is due again."""
    try:
        yield
    except _WAITED_FOR as error:
        _logger.warning("upkeep waits: %s", error)


def _is_due(files: tuple[DataFile, ...], quiet_seconds: float) -> bool:
    sizes = sorted(file.bytes for file in files)
    worth_it = sizes[-1] <= max(CHEAP_BYTES, sum(sizes[:-1]) * SMALL_SHARE)
    quiet_or_many = quiet_seconds >= QUIET_SECONDS or len(files) >= MANY_FILES
    return quiet_seconds >= PATIENCE_SECONDS or (worth_it and quiet_or_many)
