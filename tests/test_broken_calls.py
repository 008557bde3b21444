"""Processes that die at a named point, and system calls that fail: a small scale of the torture."""

import signal
from pathlib import Path

import pytest

from events.errors import CatalogUnavailable
from ingest.drivers.spool import Spool
from playlake.local.folder import DataFolder
from playlake.local.pipeline import LocalPipeline
from tests.lacking import lacking
from tests.torture import crash_points
from tests.torture.aftermath import Unexpected, live, must_be_whole, struck
from tests.torture.calls import Lacking, Step, library
from tests.torture.crash_points import POINTS, Point
from tests.torture.row import tallied
from tests.torture.short_run import REQUESTS, ROUND_REQUESTS

SEED = 11
NEAR = {point.name: point for point in POINTS}
LOG = "spool.db-wal"


@pytest.fixture(autouse=True, scope="module")
def _compiled():
    try:
        library()
    except Lacking as error:
        lacking(str(error))


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def died(data: Path, name: str, chance: object) -> Path:
    """The data folder as a process left it that was killed at that point."""
    plan = NEAR[name].plan(chance)
    life = live(data, SEED, 0, plan=plan)
    assert life.code == -signal.SIGKILL
    assert len(life.strokes) == len(plan)
    return DataFolder(data).spool


class First:
    """A chance that is always the least."""

    def randint(self, least: int, _most: int) -> int:
        return least

    def random(self) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("name", "attempts"),
    [
        ("spool, before a batch is cut", []),
        ("spool, after a batch is cut", [0]),
        ("spool, after an attempt is counted", [1]),
        ("spool, before a batch completes", [1]),
        ("spool, after a batch completed", []),
    ],
)
def test_the_points_of_a_batch_lie_where_their_names_say(data, name, attempts):
    spool = died(data, name, First())
    with Spool(spool) as left:
        assert [batch.attempts for batch in left.pending()] == attempts


@pytest.mark.parametrize(
    ("name", "waiting"),
    [
        ("spool, before a request is written", 0),
        ("spool, half of a request written", 0),
        ("spool, a request synced and not answered", 1),
    ],
)
def test_the_points_of_a_request_lie_where_their_names_say(data, name, waiting):
    spool = died(data, name, First())
    with Spool(spool) as left:
        assert left.backlog().records == waiting


def test_a_point_that_is_never_reached_is_an_error():
    nowhere = Point("nowhere", lambda _: [Step("rename", "raw/", "kill-before", when="4")])
    with pytest.raises(Unexpected, match="nowhere: ended 0"):
        crash_points.cause(nowhere, 1, SEED)


@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_request_whose_sync_failed_is_refused_and_once_acknowledged_was_written_again(data, end):
    """The pages of a sync that failed may be gone, and the next one does not say so again:
    https://lwn.net/Articles/752063/."""
    second_request = [Step("rename", "raw/"), Step("sync", LOG, when="2")]
    after = struck(data, SEED, [*second_request, Step("sync", LOG, "lost")], end=end)
    (life,) = after.lives
    assert len(life.strokes) == 3
    assert life.refused == {ROUND_REQUESTS + 1}
    assert life.answered == set(range(REQUESTS + 1))
    assert tallied(set(after.acknowledged), after.rows) == (0, 0)


@pytest.mark.parametrize("action", ["eio", "enospc"])
def test_a_disk_that_fails_at_the_start_is_no_reason_to_move_the_spool_away(data, action):
    assert live(data, SEED, 0, "--end", "kill").code == -signal.SIGKILL
    life = live(data, SEED, 0, plan=[Step("write", "spool.db-shm", action)])
    assert life.code == 1
    assert "What is in it stays: look at the disk, then start again." in life.said
    assert "Move it away" not in life.said
    must_be_whole(data)


def test_a_lock_that_cannot_be_written_is_told_by_its_name(data):
    life = live(data, SEED, 0, plan=[Step("write", "spool.db.lock", "enospc")])
    assert life.code == 1
    assert "spool.db.lock cannot be written: No space left on device." in life.said


def test_a_pipeline_that_cannot_open_its_catalog_lets_go_of_the_spool(data):
    folder = DataFolder(data)
    folder.catalog.mkdir(parents=True)
    with pytest.raises(CatalogUnavailable):
        LocalPipeline(folder)
    folder.catalog.rmdir()
    with LocalPipeline(folder) as pipeline:
        assert pipeline.spool.backlog().records == 0


def test_half_a_write_that_says_so_is_gone_on_with(data):
    plan = [Step("write", "", "short", when="1+1")]
    life = live(data, SEED, 0, plan=plan)
    assert life.code == 0
    assert life.refused == frozenset()
    must_be_whole(data)
