"""The rules of time: seconds or milliseconds, what is believed, which UTC day is an event's."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

DAY_MS = 86_400_000
SECONDS_BELOW = 1e11
"""A time below this is in seconds: as ms it would lie before 1973, and above it, in seconds, after
5138."""
EARLIEST_MS = 946_684_800_000  # 2000-01-01: before it no player logged anything
LATEST_MS = 253_402_300_799_999  # 9999-12-31: the last that SQL's timestamps and dates can say
AHEAD_MS = 600_000
"""How far a client's clock may be ahead of the collector's and still be believed."""


def to_ms(times: pa.Array) -> pa.Array:
    """float64 epoch seconds or milliseconds → int64 milliseconds. A time that no date can say stays
    outside EARLIEST_MS..LATEST_MS, but within int64."""
    scaled = pc.if_else(pc.less(times, SECONDS_BELOW), pc.multiply(times, 1000.0), times)
    bounded = pc.min_element_wise(
        pc.max_element_wise(scaled, -1.0, skip_nulls=False), float(LATEST_MS + 1), skip_nulls=False
    )
    return pc.cast(pc.round(bounded), pa.int64())


def plausible(time: Any) -> int | None:
    """One JSON value as epoch ms, if it is a time that the lake can hold."""
    if not isinstance(time, int | float) or isinstance(time, bool):
        return None
    ms = time * 1000 if time < SECONDS_BELOW else time
    return round(ms) if EARLIEST_MS <= ms <= LATEST_MS else None


def impossible(times: pa.Array) -> pa.Array:
    """Whether each int64 ms time is one that no player can have logged; null stays null."""
    return pc.or_(pc.less(times, EARLIEST_MS), pc.greater(times, LATEST_MS))


def days(times: pa.Array) -> pa.Array:
    """The UTC day of each int64 ms time, as `YYYY-MM-DD`; of an impossible one, the nearest there
    is."""
    possible = pc.min_element_wise(pc.max_element_wise(times, EARLIEST_MS), LATEST_MS)
    encoded = pc.divide(possible, DAY_MS).dictionary_encode()
    names = [utc_day(number * DAY_MS).isoformat() for number in encoded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(encoded.indices)


def utc_day(epoch_ms: int) -> date:
    """The UTC day of a time."""
    return datetime.fromtimestamp(epoch_ms // 1_000, UTC).date()
