"""The files of `rejected_events`, whose events may have come good."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from events.arrow import schema
from events.rejected import REJECTED_EVENTS
from playlake.mending.workshop import Workshop
from transform.identity import identities
from transform.mending.compaction import superseded
from transform.mending.replay import Replay, count_rejects, renamed
from transform.mending.rewriting import without
from transform.mending.tally import Fate
from transform.reading import DataRows, StoredFile, read_parquet
from transform.records import RawRecord
from transform.store import Store

_ROWS = 500
"""Processed at once: a payload is at most 256 KB, and hardly ever more than one."""


@dataclass(frozen=True, slots=True)
class RejectedEvents:
    """Replays them, a file at a time."""

    shop: Workshop
    replay: Replay
    keep_late: bool
    """Whether what came too late stays: so it is where nobody said how late is too late now."""

    def __call__(self, key: str) -> None:
        """Write what comes good of the file to its tables, then take it out of the file.

        Raises KeyError when the file is gone, and `events.errors.Unavailable`.
        """
        try:
            file = DataRows(self.shop.lake.get(key), REJECTED_EVENTS)
            for _ in _parts(file):  # all of it is whole, before any of it is written elsewhere
                pass
        except ValueError as error:  # pyarrow's errors are ValueErrors
            self.replay.tally.torn(f"{key}: {error}")
            return
        good = [event_id for chunk in self._chunks(file) for event_id in self._come_good(chunk)]
        if good:
            taken = pa.array(good, pa.string())
            rewritten = without(self.shop.lake, key, lambda rows: pc.is_in(rows["event_id"], taken))
            if rewritten:
                self.shop.settle(rewritten)

    def delete_superseded(self, keys: Iterable[str]) -> None:
        """Delete, of these files, those whose rows another one holds.

        So an interrupted replay or compaction left them. What would be left of such a file would
        count beside the one that holds its rows, which is of another name. `sync` has been called.
        """
        for key in superseded({key: _replaced(self.shop.lake, key) for key in keys}):
            self.shop.lake.delete(key)

    def _chunks(self, file: DataRows) -> Iterator[pa.Table]:
        for rows in _parts(file):
            if self.keep_late:
                late = pc.fill_null(pc.equal(rows["reason"], "too_late"), False)
                self.replay.tally.read += pc.sum(late).as_py() or 0
                count_rejects(self.replay.tally, Fate.BAD, rows.filter(late))
                rows = rows.filter(pc.invert(late))  # noqa: PLW2901
            if len(rows):
                yield rows

    def _come_good(self, rows: pa.Table) -> list[str]:
        """The ids of those that are good now; they are in their tables."""
        recorded = rows["event_id"].to_pylist()
        payloads = list(map(_payload, rows["payload"], rows["payload_encoding"]))
        arrivals = rows["received_at"].cast(pa.int64()).to_pylist()
        taken = self.replay.take(
            list(map(_record, recorded, rows["reason"], payloads, arrivals)),
        )
        # Made where they have none: there it was made in another batch, among other equals.
        made = identities([None] * len(rows), payloads, arrivals)
        ids = dict(zip(made, recorded, strict=True))
        tables = {name: renamed(table, ids) for name, table in taken.tables.items()}
        still = {each for each, result in zip(recorded, taken.results, strict=True) if not result}
        bad = tables.pop(REJECTED_EVENTS.name, None)
        if bad is not None:
            count_rejects(self.replay.tally, Fate.BAD, bad)
            still.update(bad["event_id"].to_pylist())
        self.replay.restore(tables, beside_rejected=False)
        return [each for each in recorded if each not in still]


def _parts(file: DataRows) -> Iterator[pa.Table]:
    return file.batches(schema(REJECTED_EVENTS).names, _ROWS)


def _replaced(lake: Store, key: str) -> tuple[str, ...]:
    try:
        return read_parquet(StoredFile(lake, key), [])[1]
    except (KeyError, ValueError):  # gone, or torn
        return ()


def _payload(text: pa.StringScalar, encoding: pa.StringScalar) -> bytes:
    payload = (text.as_py() or "").encode()
    return base64.b64decode(payload) if encoding.as_py() == "base64" else payload


def _record(event_id: str, reason: pa.StringScalar, payload: bytes, arrived_at: int) -> RawRecord:
    """The record that the event came in, alone. What is no base64 was a whole record's data."""
    broken = reason.as_py() == "bad_base64"
    return RawRecord(event_id, payload if broken else base64.b64encode(payload), arrived_at)
