"""A shard's records, the lake that they go to, and a consumer between the two."""

import base64
import gzip
import json
from collections.abc import Sequence
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq

from events.layout import parse_key
from tests.memory_store import Memory
from tests.records import ARRIVED, LAB_PLAY, lines
from transform.committing import Writer
from transform.consumer import Clock, Committed, Habits, Limits, ShardConsumer
from transform.gathering import StreamRecord
from transform.ledger import Ledger, Place
from transform.process import Processor

DAY_MS = 86_400_000
STOPPED = Clock(lambda: 0.0, lambda: ARRIVED)


@cache
def record_at(number: int, events: int = 2) -> StreamRecord:
    """The shard's `number`-th record: a few plays of several days, some of them broken."""
    made = [
        {
            **LAB_PLAY,
            "event_id": f"{number}-{each}",
            "logged_at": ARRIVED - (number + each) % 3 * DAY_MS,
            "ended_at": "late" if (number + each) % 7 == 0 else 14_000,
        }
        for each in range(events)
    ]
    data = base64.b64encode(lines(*made)).decode()
    return StreamRecord(Place(1_000 + 10 * number), data, ARRIVED + number)


def records(count: int) -> list[StreamRecord]:
    return [record_at(number) for number in range(count)]


class Lake(Memory):
    """A bucket; `lake/` and the archive lie side by side in it."""

    registered: set[str]

    def rows(self) -> list[str]:
        """The event of each row that a reader finds."""
        return sorted(
            each for key, data in self.items() if parse_key(key) for each in _ids_in(data)
        )

    def raw(self) -> list[bytes]:
        """The lines of the archive."""
        archived = (gzip.decompress(self[key]) for key in self if key.startswith("raw/"))
        return sorted(line for data in archived for line in data.splitlines())


@cache
def _ids_in(data: bytes) -> list[str]:
    return pq.ParquetFile(pa.BufferReader(data)).read(["event_id"])["event_id"].to_pylist()


def lines_of(given: Sequence[StreamRecord]) -> list[bytes]:
    return sorted(line for each in given for line in base64.b64decode(each.data).splitlines())


def consumer(
    store: object,
    *,
    size: int = 1_000,
    seconds: float = 60.0,
    clock: Clock = STOPPED,
    heard: list[Committed] | None = None,
    known: set[str] | None = None,
) -> ShardConsumer:
    register = set().update if known is None else known.update
    return ShardConsumer(
        Ledger(store, "plays", "shard-0"),
        Processor(),
        Writer(store, store, register, "plays-shard-0"),
        Habits(Limits(size, seconds), clock, ([] if heard is None else heard).append),
    )


def ids(given: Sequence[StreamRecord]) -> list[str]:
    return sorted(json.loads(line)["event_id"] for line in lines_of(given))
