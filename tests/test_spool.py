"""The spool: durable, in order, its batches fixed; through the death of its process, too."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import SettingsError, StreamUnavailable
from ingest.drivers.spool import Backlog, Batch, Buffering, Spool, read_backlog
from ingest.drivers.spool_batch import MAX_BATCH_RECORDS
from ingest.drivers.spool_schema import open_writer
from playlake.testing.stream import MemoryStream
from tests.stream_suite import Read, StreamSuite

AT_ONCE = Buffering(max_age_ms=0)
NOON = 1_790_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "records.sqlite"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    with Spool(path, now_ms=lambda: NOON) as spool:
        yield spool


def cut_all(spool: Spool, buffering: Buffering = AT_ONCE) -> list[Batch]:
    return list(iter(lambda: spool.cut(NOON, buffering), None))


def data_of(*batches: Batch) -> list[bytes]:
    return [record.data for batch in batches for record in batch.records]


@contextmanager
def disk_held(path: Path) -> Iterator[None]:
    """Nobody else can write to the spool meanwhile: commits queue up behind this."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


class TestSpoolAsStream(StreamSuite):
    @pytest.fixture
    def stream(self, spool: Spool) -> Spool:
        return spool

    @pytest.fixture
    def read(self, spool: Spool) -> Read:
        return lambda: data_of(*cut_all(spool))


class TestMemoryStreamAsStream(StreamSuite):
    @pytest.fixture
    def stream(self) -> MemoryStream:
        return MemoryStream()

    @pytest.fixture
    def read(self, stream: MemoryStream) -> Read:
        return lambda: list(stream.records)


# Group commit


def test_what_waits_for_the_disk_is_one_commit(spool: Spool, path: Path):
    with disk_held(path):
        futures = [spool.submit([b"%d" % each]) for each in range(1_000)]
        assert not any(future.done() for future in futures)
    for future in futures:
        future.result(5)
    # The first may have begun alone, before the others came.
    assert spool.put_commits <= 2
    assert data_of(*cut_all(spool)) == [b"%d" % each for each in range(1_000)]


def test_a_put_on_an_idle_spool_is_committed_by_itself(spool: Spool):
    for each in range(3):
        spool.put([b"%d" % each])
    assert spool.put_commits == 3


def test_a_hang_up_does_not_undo_what_was_submitted(spool: Spool, path: Path):
    with disk_held(path):
        future = spool.submit([b"1"])
        assert not future.cancel()
    future.result(5)
    assert spool.backlog().records == 1


def test_a_put_is_refused_rather_than_held_in_memory_without_bound(path: Path):
    with Spool(path, max_queued_bytes=100_000) as spool:
        with disk_held(path):
            taken = [spool.submit([b"x" * 40_000]) for _ in range(2)]
            with pytest.raises(StreamUnavailable, match="does not keep up"):
                spool.submit([b"x" * 40_000]).result(0)
        for future in taken:
            future.result(5)
        spool.put([b"x" * 40_000])
        assert spool.backlog().records == 3


def test_closing_makes_durable_what_was_submitted(path: Path):
    spool = Spool(path)
    with disk_held(path):
        futures = [spool.submit([b"%d" % each]) for each in range(100)]
        closing_ = threading.Thread(target=spool.close)
        closing_.start()
    closing_.join(5)
    assert all(future.done() and future.exception() is None for future in futures)
    assert read_backlog(path).records == 100


def test_a_closed_spool_says_so(spool: Spool):
    spool.close()
    with pytest.raises(StreamUnavailable, match="is closed"):
        spool.put([b"1"])


def test_a_commit_is_on_the_disk_before_it_is_acknowledged(path: Path):
    # A killed process cannot show this, only a power cut could: so SQLite is asked.
    path.parent.mkdir()
    with closing(open_writer(path, None)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


# Faults of the disk


def put_until_refused(spool: Spool) -> list[bytes]:
    acknowledged: list[bytes] = []
    for each in range(1_000):
        record = b"%d" % each * 5_000
        future = spool.submit([record])
        if error := future.exception(5):
            assert isinstance(error, StreamUnavailable)
            assert "full" in str(error)
            return acknowledged
        acknowledged.append(record)
    pytest.fail("the disk never filled up")


def test_a_full_disk_fails_the_put_and_loses_nothing_that_was_acknowledged(path: Path):
    with Spool(path, max_file_bytes=1_000_000, now_ms=lambda: NOON) as spool:
        acknowledged = put_until_refused(spool)
        assert len(acknowledged) > 10
        batches = cut_all(spool)
        assert data_of(*batches) == acknowledged
        for batch in batches:
            spool.complete(batch)
        spool.put([b"x" * 500_000])
        assert spool.backlog() == Backlog(1, 500_000, NOON)


def test_a_file_that_is_no_spool_is_refused_and_left_alone(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"a letter to my mother" * 100)
    with pytest.raises(SettingsError, match="cannot be opened as a spool"):
        Spool(path)
    assert path.read_bytes().startswith(b"a letter")


def test_delivered_records_give_their_room_to_new_ones(spool: Spool, path: Path):
    for _ in range(50):
        spool.put([b"x" * 500_000])
        for batch in cut_all(spool):
            spool.complete(batch)
    assert path.stat().st_size < 3_000_000


def test_a_flood_gives_the_disk_back_once_it_is_delivered(spool: Spool, path: Path):
    spool.put([b"x" * 1_000_000] * 40)
    for batch in cut_all(spool):
        spool.complete(batch)
    spool.close()
    assert path.stat().st_size < 20_000_000


# Batches


def test_a_batch_is_due_by_the_age_of_its_first_record(spool: Spool):
    spool.put([b"1"])
    assert spool.cut(NOON + 999) is None
    assert data_of(spool.cut(NOON + 1_000)) == [b"1"]


def test_a_batch_is_due_by_its_size(spool: Spool):
    buffering = Buffering(max_bytes=100)
    spool.put([b"x" * 99])
    assert spool.cut(NOON, buffering) is None
    spool.put([b"y"])
    assert spool.cut(NOON, buffering).size == 100


def test_a_batch_is_due_by_its_number_of_records(spool: Spool):
    spool.put([b""] * (MAX_BATCH_RECORDS + 1))
    assert len(spool.cut(NOON).records) == MAX_BATCH_RECORDS
    assert spool.cut(NOON) is None


def test_a_clock_set_back_does_not_hold_records_up(spool: Spool):
    spool.put([b"1"])
    assert spool.cut(NOON - 3_600_000) is not None


def test_records_on_either_side_of_a_clock_that_was_set_are_not_one_batch(path: Path):
    ten_years = 3_650 * 86_400_000
    clock = iter([NOON, NOON + 1, NOON - ten_years, NOON - ten_years + 1, NOON + 2])
    with Spool(path, now_ms=lambda: next(clock)) as spool:
        for number in range(5):
            spool.put([b"%d" % number])
        batches = []
        while batch := spool.cut(NOON, AT_ONCE):
            batches.append(batch)
            spool.complete(batch)
    assert [[record.data for record in batch.records] for batch in batches] == [
        [b"0", b"1"],
        [b"2", b"3"],
        [b"4"],
    ]


def test_a_record_larger_than_a_batch_is_a_batch(spool: Spool):
    spool.put([b"x" * 200, b"y"])
    batches = cut_all(spool, Buffering(max_bytes=100, max_age_ms=0))
    assert [batch.size for batch in batches] == [200, 1]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.binary(max_size=60), max_size=12), max_size=12),
    st.integers(1, 200),
)
def test_batches_hold_every_record_once_in_order_and_within_bounds(puts, max_bytes):
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder) / "spool") as spool:
        for put in puts:
            spool.put(put)
        now_ms = time.time_ns() // 1_000_000
        buffering = Buffering(max_bytes, 0)
        batches = list(iter(lambda: spool.cut(now_ms, buffering), None))
        assert data_of(*batches) == [record for put in puts for record in put]
        assert all(batch.size <= max_bytes or len(batch.records) == 1 for batch in batches)
        assert spool.pending() == batches


def test_a_batch_is_the_same_after_a_restart_whatever_came_since(path: Path):
    with Spool(path) as spool:
        spool.put([b"1", b"2"])
        spool.cut(NOON * 2)
        (first,) = spool.pending()
        spool.put([b"3"])
    with Spool(path) as spool:
        spool.put([b"4"])
        (again,) = spool.pending()
        assert again == first
        assert again.name == first.name
        assert [each.record_id for each in again.records] == [
            each.record_id for each in first.records
        ]
        assert data_of(spool.cut(NOON * 2)) == [b"3", b"4"]


def test_attempts_are_counted_across_restarts_and_can_be_excused(path: Path):
    with Spool(path) as spool:
        spool.put([b"1"])
        batch = spool.cut(NOON * 2)
        spool.attempted(spool.attempted(batch))
    with Spool(path) as spool:
        (again,) = spool.pending()
        assert again.attempts == 2
        spool.attempted(again)
        spool.excused(again)
        assert spool.pending() == [again]


def test_a_record_id_is_never_given_twice(path: Path):
    seen = []
    for _ in range(3):
        with Spool(path, now_ms=lambda: NOON) as spool:
            spool.put([b"same", b"same"])
            batch = spool.cut(NOON, AT_ONCE)
            seen += [record.record_id for record in batch.records]
            spool.complete(batch)
    assert len(set(seen)) == 6
    assert all(record_id.isdecimal() for record_id in seen)


def test_records_keep_their_time_of_arrival(path: Path):
    times = iter([NOON, NOON + 5])
    with Spool(path, now_ms=lambda: next(times)) as spool:
        spool.put([b"1", b"2"])
        spool.put([b"3"])
        batch = spool.cut(NOON + 10, AT_ONCE)
    assert [each.arrived_ms for each in batch.records] == [NOON, NOON, NOON + 5]


def test_the_backlog_is_what_is_not_complete(spool: Spool):
    assert spool.backlog() == Backlog(0, 0, None)
    spool.put([b"12", b"345"])
    batch = spool.cut(NOON, AT_ONCE)
    spool.put([b"6789"])
    assert spool.backlog() == Backlog(3, 9, NOON)
    assert spool.backlog().age_ms(NOON + 7) == 7
    spool.complete(batch)
    assert spool.backlog() == Backlog(1, 4, NOON)


def test_waiting_ends_when_a_record_is_due(spool: Spool):
    waiting = threading.Thread(target=spool.wait_due, args=(AT_ONCE, 60))
    waiting.start()
    spool.put([b"1"])
    waiting.join(5)
    assert not waiting.is_alive()


def test_reading_batches_does_not_keep_the_writer_waiting(spool: Spool, path: Path):
    spool.put([b"1"])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM records").fetchall()
        spool.submit([b"2"]).result(2)
        assert other.execute("SELECT count(*) FROM records").fetchone() == (1,)
        other.execute("ROLLBACK")


# One owner


def test_a_second_owner_is_refused_in_one_sentence(spool: Spool, path: Path):
    with pytest.raises(SettingsError, match=f"process {os.getpid()}.*stop it"):
        Spool(path)


def test_a_spool_that_was_closed_can_be_owned_again(spool: Spool, path: Path):
    spool.close()
    spool.close()
    with Spool(path) as again:
        again.put([b"1"])


def test_another_process_reads_the_backlog_of_a_spool_in_use(spool: Spool, path: Path):
    spool.put([b"12", b"345"])
    program = (
        "import sys; from pathlib import Path; from ingest.drivers.spool import read_backlog;"
        "print(*read_backlog(Path(sys.argv[1])))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program, path], check=True, capture_output=True, text=True
    )
    assert out.stdout.split() == ["2", "5", str(NOON)]


def test_nothing_waits_in_a_spool_that_was_never_begun(path: Path):
    assert read_backlog(path) == Backlog(0, 0, None)
    assert not path.exists()


def test_a_killed_owner_leaves_the_spool_to_the_next(path: Path):
    program = (
        "import os, sys; from pathlib import Path; from ingest.drivers.spool import Spool;"
        "Spool(Path(sys.argv[1])).put([b'1']); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert ended.returncode == -signal.SIGKILL
    with Spool(path) as spool:
        assert spool.backlog().records == 1
