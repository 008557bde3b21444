"""A gathered batch → objects in the lake and in the archive, known to the catalog."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from events.layout import is_of_others, object_key, parse_key
from transform.archive import archive_key, packed
from transform.batch import write
from transform.failed import FAILED, Failed, failed_line
from transform.gathering import Before, Gathered, Unprocessable
from transform.ledger import Totals
from transform.mending.presence import EventIds, absent
from transform.parquet import DataObject, data_objects, digest, encode
from transform.reading import read_parquet
from transform.store import Store

_CODE, _SOURCE = "Consumer.ProcessingFailed", "playlake consume"


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the batches of one shard. The same batch again writes the same objects.

    Each call raises `events.errors.Unavailable` when the store or the catalog does not answer.
    """

    lake: Store
    archive: Store
    """Rooted where `raw/` and `failed/` lie."""
    register: Callable[[Iterable[str]], object]
    """Makes the partitions of these keys, relative to the lake, known."""
    name: str
    """Of stream and shard: what the archive's objects are called by."""
    puts_at_once: int = 1

    def __call__(self, batch: Gathered, before: Before) -> Totals:
        """Write what is not there; compaction may have been at work since the writer before."""
        objects = data_objects(batch.tables)
        if before is not Before.NOTHING:
            objects = (left for each in objects for left in _not_there(each, self.lake, before))
        keys = write(objects, self.lake, self.puts_at_once)
        if batch.raw:
            self.archive.put(self._key("raw", batch), batch.raw)
        if batch.failed:
            lines = b"".join(map(_error_record, batch.failed))
            self.archive.put(self._key(FAILED, batch), packed(lines))
        self.register(keys)
        return Totals(1, batch.records, batch.rows, len(keys))

    def _key(self, prefix: str, batch: Gathered) -> str:
        # Where nothing is before it, another stream of the name may have begun here on that day.
        after = batch.after or f"start-{batch.through}"
        return archive_key(prefix, batch.arrived_ms, f"{self.name}-{after}")


def _not_there(each: DataObject, lake: Store, before: Before) -> Iterable[DataObject]:
    """What of the object's rows is not in the lake yet.

    A writer that died after it had put an object never said so; when compaction has made that
    object part of another since, its rows are there under another name. An object of more records
    had another name from the start: then every file of the day is looked into, which takes long
    and is seldom.
    """
    parsed = parse_key(each.key)
    assert parsed is not None
    table, dt = parsed
    keys = list(lake.keys(f"{each.key.rpartition('/')[0]}/"))
    if each.key in keys:
        yield each  # a put of what is there
        return
    others = [key for key in keys if before is Before.MORE or is_of_others(key)]
    if not others:
        yield each
        return
    rows, _ = read_parquet(each.data)
    try:
        left = absent(rows, others, EventIds(lake))
    except KeyError:
        # Compaction made one of those files part of another since they were listed.
        yield from _not_there(each, lake, before)
        return
    if len(left) == len(rows):
        yield each
    elif len(left):
        yield DataObject(object_key(table, dt, digest(left["event_id"])), encode(left))


def _error_record(failed: Unprocessable) -> bytes:
    # No clock: the same batch again writes the same object.
    record = failed.record
    why = Failed(_CODE, failed.problem, attempts=1, ended_ms=record.arrived_ms, source=_SOURCE)
    return failed_line(record.data, record.arrived_ms, why)
