"""Compaction: files of one partition, made one, each event once."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from events.arrow import schema
from events.layout import REPLACES, compacted_key
from events.table import Table
from transform.mending.merging import Survey, TooMuch, merged, survey
from transform.mending.packing import Memory
from transform.parquet import written
from transform.reading import DataRows, StoredFile
from transform.store import Store


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did: `replaced` keys became `key`, which holds `rows`.

    `key` is None when every event was in a file beside them already.
    """

    table: str
    dt: str
    key: str | None
    replaced: tuple[str, ...]
    rows: int
    duplicates: int
    bytes: int = 0
    """Of the object; what a file that is not written takes is 0."""

    @property
    def added(self) -> tuple[str, ...]:
        """`key`, if there is one."""
        return () if self.key is None else (self.key,)


@dataclass(frozen=True, slots=True)
class Built:
    """A compaction whose object is not in the store yet."""

    done: Compacted
    data: bytes = field(repr=False)

    def put(self, store: Store) -> None:
        """Write the object. Raises `events.errors.StoreUnavailable`."""
        if self.done.key is not None:
            store.put(self.done.key, self.data)


@dataclass(frozen=True, slots=True)
class Compactor:
    """Makes files one. Without `memory` it takes what it needs."""

    store: Store
    memory: Memory | None = None

    def build(
        self, table: Table, dt: str, keys: Sequence[str], beside: Sequence[str] = ()
    ) -> Built:
        """Make one object of the distinct rows of `keys`, files of one partition.

        Of events with the same event_id the one received first stays, but none that a file `beside`
        them holds, which stays as it is. A file whose successor is among them all adds no rows:
        what was taken out of it (`transform.mending.rewriting`) stays out. The object names the
        files that it replaces in its metadata (`events.layout.REPLACES`), so that whoever finds it
        beside them knows which to believe; deleting them is the caller's, once the catalog has it.

        Nothing is written. Raises `events.errors.StoreUnavailable`, KeyError for a key that is not
        there, ValueError for what is no Parquet of the table's, and TooMuch for what takes more
        memory than it may.
        """
        files = {key: self._open(key, table) for key in sorted(keys)}
        rows = sum(file.rows for file in files.values())
        if self.memory is not None and rows > self.memory.rows:
            raise TooMuch(f"{len(files)} files are {rows:,} rows")
        # Of files beside them only the ids are read, when each one's turn comes.
        others = {key: DataRows(StoredFile(self.store, key), table) for key in beside}
        outlived = superseded({key: file.replaces for key, file in (files | others).items()})
        counting = [file for key, file in files.items() if key not in outlived]
        surveyed = survey(table, counting, others.values())
        kept = surveyed.rows
        key = compacted_key(table.name, dt, surveyed.digest) if kept else None
        replaced = tuple(each for each in files if each != key)
        done = Compacted(table.name, dt, key, replaced, kept, rows - kept)
        data = self._encoded(table, counting, surveyed, done) if kept else b""
        return Built(replace(done, bytes=len(data)), data)

    def _open(self, key: str, table: Table) -> DataRows:
        return DataRows(self.store.get(key), table)

    def _encoded(
        self, table: Table, files: Sequence[DataRows], surveyed: Survey, done: Compacted
    ) -> bytes:
        most_bytes = None if self.memory is None else self.memory.arrow_bytes
        return written(
            schema(table),
            merged(table, files, surveyed, most_bytes),
            done.rows,
            {REPLACES: json.dumps(done.replaced)},
        )


def compact(
    store: Store, table: Table, dt: str, keys: Sequence[str], beside: Sequence[str] = ()
) -> Compacted:
    """`Compactor.build`, and write what was built."""
    built = Compactor(store).build(table, dt, keys, beside)
    built.put(store)
    return built.done


def superseded(replaces: Mapping[str, Collection[str]]) -> set[str]:
    """Of files, each with the keys that it replaces, those whose rows another one holds.

    A batch that was delivered again after a rewrite can make two files name each other. Neither is
    then superseded: better are rows that count twice until they are compacted than none.
    """
    named = {each for key, keys in replaces.items() for each in keys if each != key}
    reached = set(replaces) - named
    begun = list(reached)
    while begun:
        found = set(replaces[begun.pop()]) & (replaces.keys() - reached)
        reached |= found
        begun += found
    return reached & named
