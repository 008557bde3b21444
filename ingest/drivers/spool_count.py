"""Records, counted by the UTC day on which the collector received what they hold."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from ingest.drivers.spool_batch import SpooledRecord

_ENDING = re.compile(rb'"received_at":(\d{13})\}\n')  # epoch milliseconds, from 2001 to 2286
_ENDING_BYTES = 29


class DayCount(NamedTuple):
    """Events of one UTC day, and the records that they came in."""

    dt: str
    events: int
    records: int


def count_by_day(records: Iterable[SpooledRecord]) -> list[DayCount]:
    """The events, lines that is, and the records of each day.

    A record's day is that of the `received_at` with which its last line ends, as the collector
    writes it (`ingest.recording`): the lake and the archive go by that, and a record that was
    received before midnight may be kept after it. Without one it is the day of its arrival.
    """
    days: dict[str, list[int]] = {}
    # What came in one request, or in one millisecond, ends alike: the clock is read once for it.
    seen: dict[bytes, list[int]] = {}
    for _, arrived_ms, data in records:
        ending = data[-_ENDING_BYTES:]
        counts = seen.get(ending)
        if counts is None:
            found = _ENDING.fullmatch(ending)
            counts = days.setdefault(_day(int(found[1]) if found else arrived_ms), [0, 0])
            if found:
                seen[ending] = counts
        counts[0] += data.count(b"\n")
        counts[1] += 1
    return [DayCount(day, *counts) for day, counts in sorted(days.items())]


def _day(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms // 1_000, UTC).date().isoformat()
