"""A batch that is written again, while compaction is at work on what was written of it."""

from events.layout import compacted_key, parse_key
from tests.shard import Lake, ids, records
from transform.committing import Writer
from transform.gathering import Before, Gathered, Gathering
from transform.process import Processor
from transform.store import Part


class Compacting(Lake):
    """A lake some of whose files are merged into others just before they are read."""

    due: frozenset[str] = frozenset()
    merged: int = 0

    def merge(self, key: str) -> None:
        table, dt = parse_key(key)
        self.merged += 1
        self[compacted_key(table, dt, f"{self.merged:032x}")] = self.pop(key)

    def get_part(self, key: str, start: int, length: int) -> Part:
        if key in self.due and key in self:
            self.merge(key)
        return super().get_part(key, start, length)


def batch() -> Gathered:
    gathering = Gathering(Processor(), None, keep_raw=False)
    for each in records(4):
        gathering.add(each)
    return gathering.finish()


def test_a_file_that_is_merged_between_its_listing_and_its_reading_is_looked_for_again():
    lake = Compacting()
    writer = Writer(lake, lake, set().update, "plays-shard-0")
    writer(batch(), Before.NOTHING)
    for key in list(lake):
        lake.merge(key)
    lake.due = frozenset(lake)
    writer(batch(), Before.SAME)
    assert lake.due.isdisjoint(lake)
    assert lake.rows() == ids(records(4))
