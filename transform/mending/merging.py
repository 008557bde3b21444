"""Rows of many data files as one sequence in the table's order, a part at a time, each event once.

Files are sorted as their table is, so that what is held at once is a stretch of the order from each
of them, and never all the rows. A file that is not sorted loses nothing but order.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from events.arrow import schema
from events.table import Table
from transform.enrich import distinct
from transform.parquet import digest
from transform.reading import DataRows

STRETCH_ROWS = 524_288
"""What is held at once of rows that are not large."""
_STRETCH_BYTES = 128 * 2**20
"""What a stretch is to take in Arrow, by the rows that each file begins with."""
_SAMPLES = 32
"""Rows that are looked at for each stretch's end: the more, the more even the stretches."""
_PROBE_ROWS = 1024
_GOLDEN = 0.618034
_COUNTED_ROWS = 1_000_000
_PLACES = pa.schema(
    {
        "event_id": pa.string(),
        "received_at": pa.timestamp("ms"),
        "file": pa.int32(),
        "row": pa.int64(),
    }
)


class TooMuch(Exception):
    """The rows take more memory than they may; nothing was written."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of the rows of some files before they are merged."""

    rows: int
    """How many stay."""
    digest: str
    """See `transform.parquet.digest`, of their ids."""
    dropped: tuple[pa.Array, ...]
    """By file, the places of the rows that go."""
    ends: tuple[tuple[Any, ...], ...]
    """The last key of each stretch but the last, ascending; a key has a value for each column."""
    stretch_rows: int
    """About how many rows a stretch has."""


def survey(
    table: Table,
    files: Sequence[DataRows],
    beside: Iterable[DataRows] = (),
    most_rows: int = STRETCH_ROWS,
) -> Survey:
    """Decide which rows stay: of one event_id the one received first, and none that is in a file
    `beside` them, which stays as it is. A stretch has about `most_rows` or, where they are large,
    fewer. Raises ValueError."""
    names = ("event_id", "received_at", *table.sort_by)
    at_once = stretch_rows(table, files, most_rows)
    step = max(1, at_once // _SAMPLES)
    seen, samples = [_PLACES.empty_table()], [_no_rows(table, table.sort_by)]
    for number, file in enumerate(files):
        start = 0
        # Files of one distribution are looked at in different places, spread evenly.
        first = int(step * (number * _GOLDEN % 1))
        for batch in file.batches(names, STRETCH_ROWS):
            rows = pa.arange(start, start + len(batch))
            place = pa.repeat(pa.scalar(number, pa.int32()), len(batch))
            columns = [batch["event_id"], batch["received_at"], place, rows]
            seen.append(pa.table(columns, schema=_PLACES))
            every = pa.arange((first - start) % step, len(batch), step)
            samples.append(batch.select(table.sort_by).take(every))
            start += len(batch)
    rows = pa.concat_tables(seen)
    gone = pa.concat_tables([_PLACES.empty_table(), *_repeated(rows), *_held_by(rows, beside)])
    dropped = tuple(
        gone.filter(pc.equal(gone["file"], number))["row"].combine_chunks()
        for number in range(len(files))
    )
    staying = _staying(rows, dropped)
    del rows, seen, gone  # as much as all else
    ends = _ends(pa.concat_tables(samples), table.sort_by)
    return Survey(len(staying), digest(staying), dropped, ends, at_once)


def merged(
    table: Table, files: Sequence[DataRows], surveyed: Survey, most_bytes: int | None = None
) -> Iterator[pa.Table]:
    """The rows that stay, in the table's order. Raises ValueError, and TooMuch when a stretch of
    them is over `most_bytes` in memory."""
    at_once = max(1, surveyed.stretch_rows // max(1, len(files)))
    readers = [
        _Reader(file, table, dropped, at_once)
        for file, dropped in zip(files, surveyed.dropped, strict=True)
    ]
    order = [(name, "ascending") for name in table.sort_by]
    for end in (*surveyed.ends, None):
        parts, size = [_no_rows(table, schema(table).names)], 0
        for reader in readers:
            for part in reader.up_to(end):
                parts.append(part)
                size += part.nbytes
                if most_bytes is not None and size > most_bytes:
                    raise TooMuch(f"a part of them is over {most_bytes} bytes in memory")
        stretch = pa.concat_tables(parts)
        if len(stretch):
            yield stretch.sort_by(order)


class _Reader:
    """What is still to come of a file."""

    def __init__(self, file: DataRows, table: Table, dropped: pa.Array, at_once: int) -> None:
        self._batches = file.batches(schema(table).names, at_once)
        self._sort_by = table.sort_by
        self._dropped = dropped
        self._start = 0
        self._held: pa.Table | None = None

    def up_to(self, end: tuple[Any, ...] | None) -> Iterator[pa.Table]:
        """The rows whose key is not after `end`; all that are left for None."""
        while (held := self._next()) is not None:
            if end is None:
                self._held = None
                yield held
                continue
            within = _not_after(held, self._sort_by, end)
            yield held.filter(within)
            rest = held.filter(pc.invert(within))
            self._held = rest if len(rest) else None
            if len(rest):
                return

    def _next(self) -> pa.Table | None:
        while self._held is None:
            batch = next(self._batches, None)
            if batch is None:
                return None
            kept = self._without_dropped(batch)
            self._held = kept if len(kept) else None
        return self._held

    def _without_dropped(self, batch: pa.Table) -> pa.Table:
        start, self._start = self._start, self._start + len(batch)
        if not len(self._dropped):
            return batch
        places = pa.arange(start, self._start)
        return batch.filter(pc.invert(pc.is_in(places, value_set=self._dropped)))


def _repeated(rows: pa.Table) -> Iterator[pa.Table]:
    """Of rows with one event_id, all but the one received first.

    Counting ids takes four times their memory: they are counted by their last letter.
    """
    last = pc.utf8_slice_codeunits(rows["event_id"], -1)
    for letters in _shares(last, -(-len(rows) // _COUNTED_ROWS)):
        yield _repeated_of(rows.filter(pc.is_in(last, value_set=letters)))


def _shares(values: pa.ChunkedArray, most: int) -> Iterator[pa.Array]:
    """The distinct values, in at most so many sets that are about equally often there."""
    counts = sorted(pc.value_counts(values).to_pylist(), key=lambda each: -each["counts"])
    shares: list[list[Any]] = [[] for _ in range(most)]
    sizes = [0] * most
    for each in counts:
        smallest = sizes.index(min(sizes))
        shares[smallest].append(each["values"])
        sizes[smallest] += each["counts"]
    return (pa.array(share, values.type) for share in shares if share)


def _repeated_of(rows: pa.Table) -> pa.Table:
    counts = pc.value_counts(rows["event_id"])
    often = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    repeated = rows.filter(pc.is_in(rows["event_id"], value_set=often))
    repeated = repeated.sort_by([(name, "ascending") for name in ("received_at", "file", "row")])
    numbered = repeated.append_column("number", pa.arange(0, len(repeated)))
    first = distinct(numbered)["number"]
    return repeated.filter(pc.invert(pc.is_in(numbered["number"], value_set=first)))


def _held_by(rows: pa.Table, beside: Iterable[DataRows]) -> Iterator[pa.Table]:
    """The rows whose events other files hold."""
    ids = rows["event_id"]
    for file in beside:
        for batch in file.batches(("event_id",), STRETCH_ROWS):
            theirs = batch["event_id"]
            # The smaller set is the one that is remembered.
            if len(ids) < len(theirs):
                theirs = theirs.filter(pc.is_in(theirs, value_set=ids))
            if len(theirs):
                yield rows.filter(pc.is_in(ids, value_set=theirs))


def _staying(rows: pa.Table, dropped: Sequence[pa.Array]) -> pa.ChunkedArray:
    if not any(map(len, dropped)):
        return rows["event_id"]
    parts = []
    for number, gone in enumerate(dropped):
        of_file = rows.filter(pc.equal(rows["file"], number))
        parts.append(of_file.filter(pc.invert(pc.is_in(of_file["row"], value_set=gone))))
    return pa.concat_tables(parts)["event_id"]


def _ends(samples: pa.Table, sort_by: Sequence[str]) -> tuple[tuple[Any, ...], ...]:
    ordered = samples.sort_by([(name, "ascending") for name in sort_by])
    at = range(_SAMPLES - 1, len(ordered) - 1, _SAMPLES)
    found = [tuple(ordered[name][place] for name in sort_by) for place in at]
    return (*found[:1], *(end for before, end in pairwise(found) if end != before))


def _not_after(rows: pa.Table, sort_by: Sequence[str], end: Sequence[Any]) -> Any:
    """Whether each row's key is `end` or before it; nulls come last, as sorting has them."""
    within: Any = pa.repeat(pa.scalar(True), len(rows))
    for name, last in reversed(list(zip(sort_by, end, strict=True))):
        column = rows[name]
        if last.is_valid:
            before = pc.fill_null(pc.less(column, last), False)
            same = pc.fill_null(pc.equal(column, last), False)
        else:
            before, same = pc.is_valid(column), pc.is_null(column)
        within = pc.or_(before, pc.and_(same, within))
    return within


def stretch_rows(table: Table, files: Sequence[DataRows], most_rows: int = STRETCH_ROWS) -> int:
    """How many rows of these files are held at once, by the size of those they begin with."""
    rows, size = 1, 1.0
    for file in files:
        for probe in file.batches(schema(table).names, _PROBE_ROWS):
            rows += file.rows
            size += file.rows * probe.nbytes / len(probe)
            break
    return max(1, min(most_rows, int(_STRETCH_BYTES / (size / rows))))


def _no_rows(table: Table, names: Sequence[str]) -> pa.Table:
    return schema(table).empty_table().select(names)
