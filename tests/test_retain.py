"""Days past their time are dropped, the rest stays, however often it is killed on the way."""

import json
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta

import pytest

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from events.registry import REGISTRY
from playlake.auditing.absences import cutoffs
from playlake.cli.opening import opened_workshop
from playlake.compacting import lease
from playlake.deployed.deployment import Deployed
from playlake.local.folder import DataFolder
from playlake.mending.retention import Retention, first_kept
from playlake.mending.workshop import Workshop
from tests.conftest import begun_playlake, eventually, run_playlake
from tests.deployed import BUCKET, DATABASE, NAME, OUTPUTS, cloud
from tests.memory_store import Killed
from tests.records import LAB_PLAY, record
from transform.drivers.file_store import FileStore
from transform.parquet import data_objects
from transform.process import process

TODAY = datetime.now(UTC).date()
DAYS = 6
"""A play and a rejected event of each of the days back from today, and its line in the archive."""
TABLES = ("video_play_events", "rejected_events")
COUNT = "SELECT COUNT(*) FROM video_play_events"


def day(back: int) -> date:
    return TODAY - timedelta(days=back)


def noon_ms(of: date) -> int:
    return int(datetime(of.year, of.month, of.day, 12, tzinfo=UTC).timestamp()) * 1_000


def objects() -> Iterator[tuple[str, bytes]]:
    """What lies beside the catalog, by key."""
    for back in range(DAYS):
        at = noon_ms(day(back))
        play = {**LAB_PLAY, "event_id": f"e{back}", "logged_at": at, "received_at": at}
        broken = {**play, "event_id": f"r{back}", "user_id": "x"}
        for made in data_objects(process([record("r", play, broken)], at).tables):
            yield f"lake/{made.key}", made.data
        line = json.dumps(play, separators=(",", ":")).encode() + b"\n"
        yield f"raw/dt={day(back)}/0.json.gz", line
        yield f"failed/processing-failed/dt={day(back)}/0.json.gz", b""


@pytest.fixture
def folder(tmp_path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    for key, data in objects():
        FileStore(made.root).put(key, data)
    with LocalCatalog(made.lake, made.catalog) as catalog:
        catalog.sync()
    return made


def held(folder: DataFolder) -> dict[str, int]:
    """How many days there are of each prefix."""
    prefixes = [*(f"lake/{table}/" for table in TABLES), "raw/", "failed/"]
    return {each: len(list(FileStore(folder.root).keys(each))) for each in prefixes}


def counted(folder: DataFolder) -> int:
    """The plays that a query counts: it fails where the catalog has a file that is gone."""
    with (
        LocalCatalog(folder.lake, folder.catalog) as catalog,
        DuckDBEngine(catalog) as engine,
        engine.query(COUNT, full_scan=True) as answer,
    ):
        return next(iter(answer))[0]


def test_a_dry_run_says_what_would_go_and_drops_nothing(folder):
    ran = run_playlake("retain", "--days", 1, "--dry-run", "--data", folder.root)
    assert ran.code == 0, ran.err
    for name in (*TABLES, "raw", "failed"):
        listed = [row.split() for row in ran.out.splitlines() if row.split()[:1] == [name]]
        assert [row[1] for row in listed] == [str(day(back)) for back in (5, 4, 3, 2)]
    assert set(held(folder).values()) == {DAYS}
    assert not list(FileStore(folder.root).keys("dropped/"))


def test_what_is_past_its_time_goes_and_a_second_run_finds_nothing(folder):
    ran = run_playlake("retain", "--days", 1, "--yes", "--data", folder.root)
    assert ran.code == 0, ran.err
    assert "Freed " in ran.out
    assert "in 16 files, 8 rows." in ran.out
    assert set(held(folder).values()) == {2}
    assert counted(folder) == 2
    again = run_playlake("retain", "--days", 1, "--yes", "--data", folder.root)
    assert (again.code, again.out) == (0, f"Nothing is from before {day(1)}.\n")
    assert set(held(folder).values()) == {2}
    audited = run_playlake("audit", "--data", folder.root, "--format", "json")
    assert (audited.code, len(json.loads(audited.out))) == (0, 2), audited.err


def test_of_one_table_nothing_else_goes(folder):
    options = ("--table", "rejected_events", "--yes", "--data", folder.root)
    assert run_playlake("retain", "--days", 0, *options).code == 0
    assert held(folder) == {
        "lake/video_play_events/": DAYS,
        "lake/rejected_events/": 1,
        "raw/": DAYS,
        "failed/": DAYS,
    }


def test_nothing_is_dropped_unasked(folder):
    ran = run_playlake("retain", "--days", 1, "--data", folder.root)
    assert ran.code == 2
    assert "give --yes" in ran.err
    assert set(held(folder).values()) == {DAYS}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--days", 1, "--table", "plays"), "No table is called 'plays'"),
        (("--days", -1), "--days"),
        ((), "'--days'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(folder, options, words):
    ran = run_playlake("retain", *options, "--data", folder.root)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


class Dying:
    """Whatever is called by it or on what it stands for; it dies before the call number `calls`."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def around(self, call):
        def called(*arguments: object) -> object:
            self.calls -= 1
            if self.calls < 0:
                raise Killed
            return call(*arguments)

        return called

    def store(self, store: FileStore) -> FileStore:
        for name in ("put", "delete"):
            setattr(store, name, self.around(getattr(store, name)))
        return store


@contextmanager
def opened(folder: DataFolder, dying: Dying) -> Iterator[Retention]:
    with LocalCatalog(folder.lake, folder.catalog) as catalog:
        shop = Workshop(
            "w",
            dying.store(FileStore(folder.lake)),
            dying.store(FileStore(folder.root)),
            catalog.register,
            dying.around(catalog.replace),
            dying.around(catalog.sync),
        )
        names = [table.name for table in REGISTRY.tables]
        yield Retention(shop, first_kept(TODAY, 1), names, archive=True)


def test_killed_at_each_of_its_calls_no_query_errs_and_the_next_run_does_the_rest(folder):
    """Each run makes one call more than the one before, until one comes to its end."""
    kept = 2
    for calls in range(1_000):
        dying = Dying(calls)
        with opened(folder, dying) as retention:
            try:
                retention.drop(retention.expired(), lambda _: None)
            except Killed:
                # All of it until the catalog forgets it, then none, and no file that is gone.
                assert counted(folder) in (DAYS, kept)
                continue
        break
    assert calls > 4
    assert counted(folder) == kept
    assert set(held(folder).values()) == {kept}
    assert cutoffs(FileStore(folder.root)).archive == day(1)


def test_each_call_is_survived_from_a_fresh_folder_too(tmp_path):
    for calls in (0, 5, 6, 14, 22):
        made = DataFolder(tmp_path / str(calls))
        for key, data in objects():
            FileStore(made.root).put(key, data)
        with LocalCatalog(made.lake, made.catalog) as catalog:
            catalog.sync()
        with opened(made, Dying(calls)) as retention, pytest.raises(Killed):
            retention.drop(retention.expired(), lambda _: None)
        assert counted(made) in (DAYS, 2)
        with LocalCatalog(made.lake, made.catalog) as catalog:
            catalog.sync()
        assert counted(made) in (DAYS, 2), "what was dropped does not come back"
        with opened(made, Dying(1_000)) as retention:
            retention.drop(retention.expired(), lambda _: None)
        assert (counted(made), set(held(made).values())) == (2, {2})


def test_its_process_killed_at_random_and_run_again_it_does_the_rest(folder):
    chance = random.Random(6)
    for _ in range(3):
        process_ = begun_playlake("retain", "--days", 1, "--yes", "--data", folder.root)
        time.sleep(chance.uniform(0.5, 7.0))
        process_.send_signal(signal.SIGKILL)
        process_.wait(10)
        assert counted(folder) in (DAYS, 2)
    assert run_playlake("retain", "--days", 1, "--yes", "--data", folder.root).code == 0
    assert (counted(folder), set(held(folder).values())) == (2, {2})


def has_lost_the_lease(shop):
    with suppress(lease.LeaseLost):
        list(shop.archive.keys("nothing/"))
        raise AssertionError("it has it still")


def test_whoever_has_lost_the_lease_on_a_deployed_lake_drops_nothing(monkeypatch):
    """A laptop that was closed, say: the hourly compaction has it by then, and is at work."""
    monkeypatch.setattr(lease, "SECONDS", 5)
    monkeypatch.setattr(sys, "argv", ["playlake", "retain"])
    with cloud() as aws:
        aws.deploy(NAME, OUTPUTS)
        aws.make_lake()
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        s3 = aws.client("s3")
        for key, data in objects():
            s3.put_object(Bucket=BUCKET, Key=key, Body=data)
        with opened_workshop(Deployed("demo")) as shop:
            retention = Retention(shop, first_kept(TODAY, 2), TABLES, archive=True)
            expired = retention.expired()
            s3.put_object(Bucket=BUCKET, Key=lease.KEY, Body=b'{"holder": "the hourly one"}')
            eventually(lambda: has_lost_the_lease(shop), seconds=2 * lease.SECONDS)
            with pytest.raises(lease.LeaseLost, match="another one mends the lake now"):
                retention.drop(expired, lambda _seconds: None)
        listed = {each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert {key for key, _ in objects()} <= listed


def test_of_a_deployed_stack_partitions_and_objects_go_together():
    with cloud() as aws:
        aws.deploy(NAME, OUTPUTS)
        aws.make_lake()
        s3, glue = aws.client("s3"), aws.client("glue")
        for key, data in objects():
            s3.put_object(Bucket=BUCKET, Key=key, Body=data)
        assert aws.run("catalog", "sync", "--identifier", "demo").code == 0
        ran = aws.run("retain", "--days", 1, "--yes", "--identifier", "demo")
        again = aws.run("retain", "--days", 1, "--yes", "--identifier", "demo")
        listed = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
        partitions = glue.get_partitions(DatabaseName=DATABASE, TableName=TABLES[0])["Partitions"]
    assert ran.code == 0, ran.err
    assert "in 16 files." in ran.out
    assert again.out == f"Nothing is from before {day(1)}.\n"
    kept = {str(day(0)), str(day(1))}
    assert {each["Values"][0] for each in partitions} == kept
    left = [each["Key"] for each in listed if not each["Key"].startswith(("dropped/", "mending/"))]
    assert len(left) == 8
    assert all(any(f"dt={dt}" in key for dt in kept) for key in left)
