"""A day's events, looked for in the lake."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from events.rejected import REJECTED_EVENTS
from playlake.auditing.lake_ids import LakeIds, PartitionIds

NEAR_DAYS = 7
"""Events that came on a day are looked for in the days of event time so far before it, and in older
ones only while some are not found."""
_DAY_MS = 86_400_000

Place = tuple[str, str]
"""A partition: its dt, its table."""


@dataclass(slots=True)
class Sought:
    """What was found so far of the events that arrived on one day."""

    day: date
    ids: pa.Array
    """Distinct ids of what the archive has of the day."""
    rows: int = 0
    """Distinct rows that were received on the day, those of `ids` and others."""
    rejected: int = 0
    """Of those, the ones that are in the table of rejected events."""
    extra: int = 0
    """Of those, the ones that are not among `ids`."""
    doubled: int = 0
    """Rows beside them with the id of another one in the same partition."""
    _found: list[pa.ChunkedArray] = field(default_factory=list)

    def meet(self, partition: PartitionIds) -> None:
        """Look for them in a partition that was not looked at before."""
        begin = _epoch_ms(self.day)
        ids, received = partition.rows["event_id"], partition.rows["received_at"]
        inside = pc.and_(pc.greater_equal(received, begin), pc.less(received, begin + _DAY_MS))
        ours = pc.is_in(ids, value_set=self.ids)
        count = _distinct_count if pc.count_distinct(ids).as_py() < len(ids) else _count
        rows = count(ids, inside)
        self.rows += rows
        self.rejected += rows * (partition.table == REJECTED_EVENTS.name)
        self.doubled += _count(ids, inside) - rows
        self.extra += count(ids, pc.and_not(inside, ours))
        self._found.append(ids.filter(ours))

    def absent(self) -> pa.Array:
        """Those of `ids` that were in no partition so far."""
        found = pa.chunked_array(
            [chunk for each in self._found for chunk in each.chunks], pa.string()
        )
        return self.ids.filter(pc.invert(pc.is_in(self.ids, value_set=found)))


def partitions_for(lake: LakeIds, day: date) -> tuple[list[Place], list[Place]]:
    """Where what came on `day` lies: near by, and where else it may lie, the newest first.

    No event is more than a day ahead of its arrival: its clock is then not believed.
    """
    oldest = (day - timedelta(days=NEAR_DAYS)).isoformat()
    newest = (day + timedelta(days=1)).isoformat()
    begin = _epoch_ms(day)
    near: list[Place] = []
    far: list[Place] = []
    for dt, table in lake.partitions():
        if dt <= newest:
            is_near = dt >= oldest and lake.concerns(dt, table, begin, begin + _DAY_MS)
            (near if is_near else far).append((dt, table))
    return near, far


def _epoch_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000


def _count(_ids: pa.ChunkedArray, mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _distinct_count(ids: pa.ChunkedArray, mask: pa.ChunkedArray) -> int:
    # Only where there are doubles: a table of a million ids is larger than they are.
    return int(pc.count_distinct(ids.filter(mask)).as_py())
