"""`playlake compact` as a process: over a data folder, over a deployed stack, and killed."""

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from events.registry import REGISTRY
from playlake.local.folder import DataFolder
from tests.conftest import begun_playlake, run_playlake
from tests.deployed import BUCKET, DATABASE, NAME, OUTPUTS, cloud
from tests.records import ARRIVED, LAB_CLICK, LAB_PLAY, record
from transform.drivers.file_store import FileStore
from transform.parquet import DataObject, data_objects
from transform.process import process

PLAYS = "video_play_events"
DAYS = ("2018-08-28", "2018-08-29")
FILES, ROWS = 6, 40
FIRST_MS = {"2018-08-28": 1535414400_000, "2018-08-29": 1535500800_000}


def objects() -> list[DataObject]:
    """Files of two days and two tables; of each file one event is in the next one, too."""
    made: dict[str, DataObject] = {}
    for number in range(FILES):
        ids = range(number * (ROWS - 1), number * (ROWS - 1) + ROWS)
        events = [
            {**LAB_PLAY, "event_id": f"{dt}-{each}", "logged_at": FIRST_MS[dt] + each}
            for dt in DAYS
            for each in ids
        ]
        click = {**LAB_CLICK, "event_id": f"click-{number}"}
        tables, _ = process([record("r", *events, click, arrived_at=ARRIVED + number)], ARRIVED)
        made |= {each.key: each for each in data_objects(tables)}
    return list(made.values())


EACH = FILES * (ROWS - 1) + 1
"""The distinct events of a day."""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    store = FileStore(made.lake)
    for each in objects():
        store.put(each.key, each.data)
    with LocalCatalog(made.lake, made.catalog) as catalog:
        catalog.sync()
    return made


def files(folder: DataFolder, table: str = PLAYS) -> Counter[str]:
    """How many lie in each day."""
    return Counter(key.split("/")[1] for key in FileStore(folder.lake).keys(f"{table}/"))


def counted(folder: DataFolder) -> tuple[int, int]:
    """Rows, and distinct events, as a query counts them."""
    sql = f"SELECT COUNT(*), COUNT(DISTINCT event_id) FROM {PLAYS}"
    with (
        LocalCatalog(folder.lake, folder.catalog) as catalog,
        DuckDBEngine(catalog) as engine,
        engine.query(sql, full_scan=True) as answer,
    ):
        (row,) = answer
    return row


def compact(folder: DataFolder, *arguments: object):
    return run_playlake("compact", *arguments, "--data", folder.root)


def test_a_days_files_become_one_and_each_event_one_row(folder):
    assert counted(folder) == (2 * FILES * ROWS, 2 * EACH)
    ran = compact(folder, "--format", "json")
    assert ran.code == 0, ran.err
    rows = json.loads(ran.out)
    by_day = {(row["table"], row["dt"]): row for row in rows}
    assert {key[0] for key in by_day} == {PLAYS, "custom_events"}
    for dt in DAYS:
        row = by_day[PLAYS, dt]
        assert (row["files"], row["became"]) == (FILES, 1)
        assert (row["rows"], row["duplicates"]) == (EACH, FILES - 1)
    assert files(folder) == {f"dt={dt}": 1 for dt in DAYS}
    assert counted(folder) == (2 * EACH, 2 * EACH)
    (key, _) = FileStore(folder.lake).keys(f"{PLAYS}/")
    videos = pq.read_table(pa.BufferReader(FileStore(folder.lake).get(key)), partitioning=None)
    order = [(name, "ascending") for name in REGISTRY.table(PLAYS).sort_by]
    assert videos.equals(videos.sort_by(order))


def test_a_second_time_there_is_nothing_to_do(folder):
    compact(folder)
    before = list(FileStore(folder.root).entries("lake/"))
    again = compact(folder)
    assert (again.code, again.out) == (0, "There is nothing to compact.\n")
    assert list(FileStore(folder.root).entries("lake/")) == before


def test_one_table_and_one_day_are_compacted_alone(folder):
    assert compact(folder, PLAYS, "--dt", DAYS[0]).code == 0
    assert files(folder) == {f"dt={DAYS[0]}": 1, f"dt={DAYS[1]}": FILES}
    assert sum(files(folder, "custom_events").values()) == FILES


def test_files_that_are_young_stay_as_they_are(folder):
    keys = list(FileStore(folder.lake).keys(f"{PLAYS}/dt={DAYS[0]}/"))
    for key in keys[:4]:
        old = time.time() - 3_700
        os.utime(folder.lake / key, (old, old))
    assert compact(folder, "--all-older-than", "1h").code == 0
    assert files(folder) == {f"dt={DAYS[0]}": FILES - 3, f"dt={DAYS[1]}": FILES}
    assert counted(folder)[1] == 2 * EACH


def test_a_dry_run_says_what_there_is_and_changes_nothing(folder):
    before = list(FileStore(folder.root).entries("lake/"))
    ran = compact(folder, "--dry-run", "--format", "json")
    rows = Counter((row["table"], row["files"]) for row in json.loads(ran.out))
    assert rows == {(PLAYS, FILES): 2, ("custom_events", FILES): 1}
    assert list(FileStore(folder.root).entries("lake/")) == before


def test_a_file_that_cannot_be_read_is_named_and_nothing_of_its_day_changes(folder):
    key = next(iter(FileStore(folder.lake).keys(f"{PLAYS}/dt={DAYS[0]}/")))
    (folder.lake / key).write_bytes(b"PAR1 and no more")
    ran = compact(folder)
    assert ran.code == 1
    assert f"{PLAYS} dt={DAYS[0]}, {FILES} files: one cannot be read" in ran.err
    assert files(folder) == {f"dt={DAYS[0]}": FILES, f"dt={DAYS[1]}": 1}


def test_what_was_dropped_by_one_that_was_killed_then_does_not_come_back(folder):
    """By `retain` or `forget`, between the catalog's transaction and the files' end."""
    with LocalCatalog(folder.lake, folder.catalog) as catalog:
        catalog.replace([each.key for each in catalog.files(PLAYS, {DAYS[0]})], [])
    assert compact(folder, "--dry-run").code == 0
    assert files(folder)[f"dt={DAYS[0]}"] == FILES
    assert compact(folder).code == 0
    assert counted(folder) == (EACH, EACH)
    assert files(folder) == {f"dt={DAYS[1]}": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plays"], "No table is called 'plays'; there are video_play_events"),
        (["--all-older-than", "soon"], "--all-older-than is 'soon': write it as 90s, 15m, 1h"),
        (["--max-megabytes", "1"], "greater than or equal to 512. See `playlake --help`."),
        (["--dt", "yesterday"], "--dt"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_can(folder, arguments, said):
    ran = compact(folder, *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_its_process_killed_at_random_and_run_again_it_does_the_rest(folder):
    """And whoever asks meanwhile counts each event, and none twice that was not double before."""
    chance = random.Random(3)
    for _ in range(4):
        process_ = begun_playlake("compact", "--data", folder.root)
        ends = time.monotonic() + chance.uniform(0.4, 6.0)
        while time.monotonic() < ends and process_.poll() is None:
            rows, events = counted(folder)
            assert events == 2 * EACH
            assert rows in {2 * EACH, 2 * EACH + FILES - 1, 2 * FILES * ROWS}
        process_.send_signal(signal.SIGKILL)
        process_.wait(10)
    assert compact(folder).code == 0
    assert counted(folder) == (2 * EACH, 2 * EACH)
    assert files(folder) == {f"dt={dt}": 1 for dt in DAYS}


def test_a_deployed_stack_is_compacted_by_the_same_code():
    with cloud() as aws:
        aws.deploy(NAME, OUTPUTS)
        aws.make_lake()
        s3, glue = aws.client("s3"), aws.client("glue")
        for each in objects():
            s3.put_object(Bucket=BUCKET, Key=f"lake/{each.key}", Body=each.data)
        assert aws.run("catalog", "sync", "--identifier", "demo").code == 0
        one = ("--identifier", "demo", "--format", "json")
        looked = json.loads(aws.run("compact", "--dry-run", *one).out)
        ran = aws.run("compact", PLAYS, "--dt", DAYS[0], *one)
        again = aws.run("compact", PLAYS, "--dt", DAYS[0], *one)
        listed = [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
        partitions = glue.get_partitions(DatabaseName=DATABASE, TableName=PLAYS)["Partitions"]
    assert sorted(row["files"] for row in looked) == [FILES] * 3
    assert ran.code == 0, ran.err
    (row,) = json.loads(ran.out)
    assert (row["files"], row["became"], row["rows"]) == (FILES, 1, EACH)
    assert (again.code, json.loads(again.out)) == (0, [])
    assert len([key for key in listed if key.startswith(f"lake/{PLAYS}/dt={DAYS[0]}/")]) == 1
    assert [key for key in listed if key.startswith("compacting/")] == []
    locations = {each["StorageDescriptor"]["Location"] for each in partitions}
    assert locations == {f"s3://{BUCKET}/lake/{PLAYS}/dt={dt}/" for dt in DAYS}
