"""What a replay makes of objects that are large, torn, or no objects of ours."""

import random

import pyarrow as pa
import pytest

from playlake.replaying.source import Source
from tests.memory_store import Memory
from tests.records import lines
from tests.replayable import (
    DAY,
    FAILED,
    PLAYS,
    error_line,
    ids_of,
    play,
    put_lines,
    reject,
    replayed,
)
from transform.mending.tally import Fate

EVENTS, PADDING = 10_000, "x" * 4_000


class Watched(Memory):
    """Notes how much Arrow holds, whenever something is put."""

    def __init__(self) -> None:
        super().__init__()
        self.before = 0
        self.held: list[int] = []

    def put(self, key: str, data: bytes) -> None:
        self.held.append(pa.total_allocated_bytes() - self.before)
        super().put(key, data)


def test_memory_does_not_grow_with_a_file_of_rejected_events():
    """Payloads repeat themselves: a small file is large in memory, this one 40 MB."""
    store = Watched()
    reject(store, "1a", *(play(str(number), pad=PADDING) for number in range(EVENTS)))
    store.before = pa.total_allocated_bytes()
    store.held.clear()
    assert replayed(store, Source.REJECTED).total(Fate.GOOD) == EVENTS
    assert max(store.held) < EVENTS * len(PADDING)


def noisy(number: int) -> dict[str, object]:
    """A play that no compression makes small."""
    return play(f"e{number}", noise=random.Random(number).randbytes(1_000).hex())


@pytest.mark.parametrize(
    ("source", "key", "line"),
    [
        (Source.RAW, f"raw/dt={DAY}/torn.json.gz", lambda number: lines(noisy(number))),
        (Source.FAILED, f"{FAILED}/torn", lambda number: error_line(noisy(number))),
    ],
)
def test_what_can_be_read_of_a_torn_object_is_replayed_and_it_stays_as_it_is(source, key, line):
    store = Memory()
    put_lines(store, key, *map(line, range(100)))
    torn = store[key] = store[key][: len(store[key]) // 2]
    tally = replayed(store, source)
    assert (tally.total(Fate.BAD), [each.reason for each in tally if each.reason]) == (1, ["torn"])
    assert 40 < len(ids_of(store, PLAYS)) == tally.total(Fate.GOOD) < 60
    assert store[key] == torn
    assert replayed(store, source).total(Fate.GOOD) == 0


def test_a_hidden_file_beside_the_archive_is_no_part_of_it():
    store = Memory({f"raw/dt={DAY}/.DS_Store": b"\0\n", f"{FAILED}/.DS_Store": b"\0\n"})
    assert [replayed(store, each).read for each in (Source.RAW, Source.FAILED)] == [0, 0]
