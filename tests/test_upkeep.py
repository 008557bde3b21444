"""The upkeep of a local lake: when partitions are compacted, and what a crash leaves."""

import errno
import os
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.drivers import footer
from catalog.drivers.duckdb_engine import DuckDBEngine
from events.errors import CatalogUnavailable
from events.registry import REGISTRY
from ingest.request import Request
from playlake.local.folder import DataFolder
from playlake.local.pipeline import LocalPipeline, Observers
from playlake.local.upkeep import GRACE_SECONDS, PATIENCE_SECONDS, QUIET_SECONDS
from tests.conftest import eventually
from tests.records import LAB_PLAY, lines
from transform import parquet
from transform.drivers.file_store import FileStore
from transform.mending.compaction import compact


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def folder(tmp_path):
    return DataFolder(tmp_path)


@pytest.fixture
def pipeline(folder):
    with LocalPipeline(folder) as opened:
        opened.upkeep.clock = Clock()
        yield opened


def collect(pipeline, *event_ids):
    """Each call is a batch of its own."""
    for event_id in event_ids:
        body = lines(LAB_PLAY | {"event_id": event_id})
        response = pipeline.collect(Request("POST", "/events", {}, body))
        assert response.status == 200
        pipeline.delivery.drain()


def rows(pipeline):
    sql = "SELECT event_id FROM video_play_events"
    with DuckDBEngine(pipeline.catalog) as engine, engine.query(sql, full_scan=True) as answer:
        return sorted(event_id for (event_id,) in answer)


def files(pipeline):
    return list(pipeline.folder.lake.rglob("*.parquet"))


def test_a_partition_is_compacted_once_it_is_quiet(pipeline):
    collect(pipeline, "a", "b", "a")
    assert pipeline.upkeep.compact_due() == []
    pipeline.upkeep.clock.now += QUIET_SECONDS
    (done,) = pipeline.upkeep.compact_due()
    assert (done.rows, rows(pipeline)) == (2, ["a", "b"])
    assert pipeline.upkeep.compact_due() == []


def test_what_was_replaced_stays_for_readers_and_then_goes(pipeline):
    collect(pipeline, "a", "b")
    pipeline.upkeep.clock.now += QUIET_SECONDS
    pipeline.upkeep.compact_due()
    pipeline.upkeep.delete_replaced(GRACE_SECONDS)
    assert len(files(pipeline)) == 3
    pipeline.upkeep.clock.now += GRACE_SECONDS
    pipeline.upkeep.delete_replaced(GRACE_SECONDS)
    assert len(files(pipeline)) == 1
    assert rows(pipeline) == ["a", "b"]


def test_a_large_file_is_rewritten_only_when_it_is_worth_it(pipeline, monkeypatch):
    collect(pipeline, "a", "b")
    # Two files of one size: the one is a small share of the other, and that other is dear.
    monkeypatch.setattr("playlake.local.upkeep.CHEAP_BYTES", 0)
    monkeypatch.setattr("playlake.local.upkeep.SMALL_SHARE", 0.5)
    pipeline.upkeep.clock.now += QUIET_SECONDS
    assert pipeline.upkeep.compact_due() == []
    pipeline.upkeep.clock.now += PATIENCE_SECONDS
    assert len(pipeline.upkeep.compact_due()) == 1


def test_after_a_crash_between_swap_and_deletion_rows_count_once_and_leftovers_go(folder):
    with LocalPipeline(folder) as pipeline:
        collect(pipeline, "a", "b")
        pipeline.upkeep.compact_all()
        # The process ends here: what was replaced is still there.
        assert len(files(pipeline)) == 3
    folder.catalog.unlink()
    with LocalPipeline(folder) as pipeline:
        pipeline.settle()
        assert rows(pipeline) == ["a", "b"]
        assert len(files(pipeline)) == 1


def test_a_file_that_somebody_replaced_is_taken_up_and_not_deleted(pipeline):
    """The catalog drops the file it knew and adds the one that lies there, under the same key."""
    collect(pipeline, "a")
    (path,) = files(pipeline)
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table]), path)
    pipeline.settle()
    assert path.exists()
    assert rows(pipeline) == ["a", "a"]


def test_a_crash_between_writing_and_swapping_leaves_nothing_after_one_restart(folder):
    with LocalPipeline(folder) as pipeline:
        collect(pipeline, "a", "b")
        known = pipeline.catalog.files("video_play_events")
        compact(
            FileStore(folder.lake),
            REGISTRY.table("video_play_events"),
            known[0].partition.dt,
            [file.key for file in known],
        )
        # The process ends here: the catalog knows the old files, the lake holds all three.
    with LocalPipeline(folder) as pipeline:
        pipeline.settle()
        assert rows(pipeline) == ["a", "b"]
        assert len(files(pipeline)) == 1


def test_a_batch_that_is_delivered_again_after_compaction_never_counts_twice(pipeline):
    collect(pipeline, "a", "b")
    again = {path: path.read_bytes() for path in files(pipeline)}
    pipeline.settle()
    for path, data in again.items():
        path.write_bytes(data)
        pipeline.catalog.register([path.relative_to(pipeline.folder.lake).as_posix()])
    assert rows(pipeline) == ["a", "b"]


def test_a_file_that_somebody_deleted_does_not_end_the_upkeep(pipeline):
    collect(pipeline, "a", "b", "c")
    files(pipeline)[0].unlink()
    assert pipeline.upkeep.compact_all() == []
    assert len(pipeline.upkeep.compact_all()) == 1
    assert len(rows(pipeline)) == 2


def test_a_torn_file_is_left_out_and_the_upkeep_goes_on(pipeline):
    collect(pipeline, "a", "b")
    files(pipeline)[0].write_bytes(b"PAR1 torn")
    assert pipeline.upkeep.compact_all() == []
    pipeline.upkeep.clock.now += QUIET_SECONDS
    assert pipeline.upkeep.compact_due() == []


def test_a_swap_that_the_catalog_does_not_take_leaves_no_file_behind(pipeline, monkeypatch):
    collect(pipeline, "a", "b")

    def refuse(*_):
        raise CatalogUnavailable("told to fail")

    with monkeypatch.context() as patched:
        patched.setattr(pipeline.catalog, "replace", refuse)
        with pytest.raises(CatalogUnavailable):
            pipeline.upkeep.compact_all()
    assert len(files(pipeline)) == 2
    pipeline.settle()
    assert rows(pipeline) == ["a", "b"]
    assert len(files(pipeline)) == 1


def failing_once(monkeypatch, module, name):
    """The next call fails, as it does where no file may be opened any more."""
    right = getattr(module, name)

    def fail(*_arguments, **_named):
        monkeypatch.setattr(module, name, right)
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(module, name, fail)


def test_a_file_whose_footer_cannot_be_read_right_now_is_delivered_again(pipeline, monkeypatch):
    failing_once(monkeypatch, footer.pq, "read_metadata")
    body = lines(LAB_PLAY | {"event_id": "a"})
    assert pipeline.collect(Request("POST", "/events", {}, body)).status == 200
    with pytest.raises(CatalogUnavailable, match="Too many open files"):
        pipeline.delivery.drain()
    pipeline.delivery.drain()
    assert rows(pipeline) == ["a"]


def test_a_folder_that_cannot_be_listed_right_now_is_not_empty(pipeline, monkeypatch):
    collect(pipeline, "a", "b")
    failing_once(monkeypatch, os, "scandir")
    with pytest.raises(CatalogUnavailable, match="cannot be listed: Too many open files"):
        pipeline.catalog.sync()
    assert rows(pipeline) == ["a", "b"]


def keep_up(pipeline):
    """Run upkeep in its thread until one file is left of two."""
    stop = threading.Event()
    thread = threading.Thread(target=pipeline.upkeep.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: check(len(files(pipeline)) == 1), 15)
    finally:
        stop.set()
        thread.join()


def test_a_disk_of_temporary_files_that_is_full_does_not_end_the_upkeep(pipeline, monkeypatch):
    pipeline.upkeep.clock = time.monotonic
    collect(pipeline, "a", "a")
    failing_once(monkeypatch, parquet, "BytesIO")
    keep_up(pipeline)


def test_what_an_earlier_process_left_is_taken_up_when_the_catalog_answers(folder, monkeypatch):
    with LocalPipeline(folder) as pipeline:
        collect(pipeline, "a", "a")
        failing_once(monkeypatch, pipeline.catalog, "sync")
        pipeline.upkeep._grown.clear()
        keep_up(pipeline)


def check(whether):
    assert whether


@pytest.mark.parametrize("failure", [BrokenPipeError, SystemExit])
def test_an_observer_that_fails_does_not_fail_the_batch(folder, failure):
    def broken(*_):
        raise failure

    with LocalPipeline(folder, observers=Observers(delivered=broken, written=broken)) as pipeline:
        collect(pipeline, "a")
        assert rows(pipeline) == ["a"]
    assert not (folder.root / "failed").exists()
