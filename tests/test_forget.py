"""`playlake forget` as a process: over a data folder, over a deployed stack, and killed."""

import gzip
import json
import os
import pty
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from base64 import b64decode, b64encode
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from catalog.drivers.local import LocalCatalog
from events.registry import REGISTRY
from ingest.drivers.spool import Spool
from playlake.auditing.absences import withdrawn
from playlake.local.delivery import DeliverySettings
from playlake.local.folder import DataFolder
from playlake.local.pipeline import LocalPipeline, PipelineSettings
from playlake.mending.receipt import digest
from tests.conftest import PLAYLAKE, run_playlake, running_dev
from tests.deployed import BUCKET, DATABASE, NAME, OUTPUTS, cloud
from tests.records import ARRIVED, LAB_PLAY, lines, record
from transform.drivers.file_store import FileStore
from transform.failed import Failed, failed_line
from transform.mending.compaction import compact
from transform.mending.person import Person
from transform.parquet import data_objects
from transform.process import process

USER, OTHER = 987_654_321_012, 555_432_109_876
VIEWER = "anna-8d1f77"
FAILED = "failed/processing-failed/dt=2026-09-21/1.json.gz"
FORGET = ("forget", "--user-id", USER)


def events(number: int) -> list[dict[str, object]]:
    """Seven, of which four are USER's, one VIEWER's and two another's."""
    day_ms = 1535523716167 + number * 86_400_000
    ids = iter(f"{number}-{each}" for each in range(7))
    play = LAB_PLAY | {"logged_at": day_ms}
    return [
        play | {"event_id": next(ids), "user_id": USER},
        play | {"event_id": next(ids), "user_id": OTHER},
        play | {"event_id": next(ids), "user_id": str(USER)},
        play | {"event_id": next(ids), "viewer_id": VIEWER, "user_id": None},
        {"action": "click", "event_id": next(ids), "userId": USER, "logged_at": day_ms},
        {"action": "click", "event_id": next(ids), "userId": OTHER, "logged_at": day_ms},
        {"type": "video_player", "event": "stall", "video_id": "v", "event_id": next(ids),
         "user_id": USER, "logged_at": day_ms},
    ]  # fmt: skip


def error_lines() -> bytes:
    failed = Failed("Lambda.FunctionError", "it failed", 4, ARRIVED, "arn")
    return failed_line(b64encode(lines(*events(0))).decode(), ARRIVED, failed)


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> Path:
    """A folder with nine days in it and, undelivered, a tenth."""
    root = tmp_path_factory.mktemp("collected") / "data"
    settings = PipelineSettings(delivery=DeliverySettings(now_ms=lambda: ARRIVED))
    with LocalPipeline(DataFolder(root), settings) as pipeline:
        for number in range(9):
            pipeline.spool.put([lines(*events(number))])
            pipeline.delivery.drain()
        pipeline.settle()
        pipeline.spool.put([lines(*events(9))])
    FileStore(root).put(FAILED, gzip.compress(error_lines()))
    return root


@pytest.fixture
def data(collected, tmp_path) -> Path:
    return Path(shutil.copytree(collected, tmp_path / "data"))


def stored(root: Path) -> dict[str, bytes]:
    """Every file of a folder, by name, what is compressed in it unpacked."""
    return {
        path.relative_to(root).as_posix(): unpacked(path)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def unpacked(path: Path) -> bytes:
    if path.suffix == ".parquet":
        return repr(pq.ParquetFile(path).read().to_pylist()).encode()
    if path.suffix != ".gz":
        return path.read_bytes()
    data = gzip.decompress(path.read_bytes())
    if "failed" in path.parts:
        return b"".join(b64decode(json.loads(line)["rawData"]) for line in data.splitlines())
    return data


def holding(root: Path, value: object) -> list[str]:
    return [name for name, data in stored(root).items() if str(value).encode() in data]


def counted(root: Path) -> dict[str, int]:
    """What the catalog counts, by table; and each of its files is there."""
    with LocalCatalog(root / "lake", root / "catalog.db") as catalog:
        changed = catalog.sync()
        assert (changed.added, changed.dropped, changed.skipped) == ((), (), ())
        return {
            table.name: sum(file.rows for file in catalog.files(table.name))
            for table in REGISTRY.tables
        }


LEFT = {
    "video_play_events": 20,
    "video_player_events": 0,
    "custom_events": 10,
    "rejected_events": 0,
}


def test_the_person_is_in_no_file_of_the_folder_any_more_and_the_receipt_says_what_went(
    data, tmp_path
):
    (data / ".writing").mkdir(exist_ok=True)
    (data / ".writing" / "0123abcd").write_text(f"cut short: {USER}")
    file = tmp_path / "receipt.json"
    ran = run_playlake(*FORGET, "--yes", "--receipt", file, "--data", data)
    assert (ran.code, ran.err) == (0, "")
    receipt = json.loads(ran.out)
    assert holding(data, USER) == []
    assert counted(data) == LEFT
    assert len(holding(data, VIEWER)) > 10
    assert json.loads(file.read_text()) == receipt
    assert receipt["removed"] == {
        "video_play_events": 10,
        "video_player_events": 10,
        "custom_events": 10,
        "rejected_events": 10,
        "raw": 40,
        "failed": 4,
    }
    assert receipt["proven"]
    assert (receipt["left"], receipt["unreadable"], receipt["passes"]) == ([], {}, 2)
    assert FAILED in receipt["rewritten"]
    assert any(name.startswith("lake/video_player_events/") for name in receipt["deleted"])
    assert str(USER) not in ran.out
    _, salt, _ = receipt["digest"].split(":")
    assert receipt["digest"] == digest(Person("user_id", str(USER)), bytes.fromhex(salt))
    assert receipt["began"] < receipt["ended"]


def test_an_audit_is_told_how_many_events_went_and_only_once(data):
    for _ in range(2):
        run_playlake(*FORGET, "--yes", "--data", data)
    # What the events themselves do not say, the folder says that they are filed under.
    days = {path.parent.parent.name for path in data.rglob("withdrawn/dt=*/*.json")}
    assert days == {"withdrawn"}
    assert sum(withdrawn(FileStore(data), dt) for dt in filed_days(data)) == 44


def filed_days(data: Path) -> set[str]:
    return {path.name.removeprefix("dt=") for path in (data / "withdrawn").iterdir()}


def test_every_field_of_the_receipt_is_documented(data):
    fields = set()
    for task in (["--yes"], ["--verify"]):
        fields |= set(json.loads(run_playlake(*FORGET, *task, "--data", data).out))
    page = (Path(__file__).parents[1] / "docs" / "privacy.md").read_text()
    _, _, section = page.partition("## The receipt\n")
    rows = re.findall(r"^\| (.+?) \| .+ \|$", section, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert documented | {"found"} == fields


def test_a_text_id_is_forgotten_alike(data):
    ran = run_playlake("forget", "--viewer-id", VIEWER, "--yes", "--data", data)
    assert ran.code == 0, ran.err
    assert holding(data, VIEWER) == []
    assert counted(data)["video_play_events"] == 20


def test_a_second_run_changes_nothing(data):
    run_playlake(*FORGET, "--yes", "--data", data)
    before = stored(data)
    ran = run_playlake(*FORGET, "--yes", "--data", data)
    assert ran.code == 0, ran.err
    receipt = json.loads(ran.out)
    assert (receipt["removed"], receipt["rewritten"], receipt["deleted"]) == ({}, [], [])
    after = stored(data)
    for each in (before, after):
        for database in [name for name in each if ".db" in name]:
            del each[database]
    assert before == after


def test_verify_names_what_is_left_and_proves_when_nothing_is(data):
    found = run_playlake(*FORGET, "--verify", "--data", data)
    assert found.code == 1
    receipt = json.loads(found.out)
    assert not receipt["proven"]
    assert FAILED in receipt["left"]
    assert f"left: {FAILED}\n" in found.err
    assert receipt["found"]["raw"] == 40, "what was in the spool was delivered first"
    run_playlake(*FORGET, "--yes", "--data", data)
    proof = run_playlake(*FORGET, "--verify", "--data", data)
    assert (proof.code, proof.err) == (0, "")
    assert json.loads(proof.out)["proven"]


def test_a_dry_run_says_what_would_go_and_removes_nothing(data):
    ran = run_playlake(*FORGET, "--dry-run", "--data", data)
    assert ran.code == 0
    receipt = json.loads(ran.out)
    assert receipt["found"]["failed"] == 4
    assert receipt["rewritten"] == []
    assert (
        json.loads(run_playlake(*FORGET, "--dry-run", "--data", data).out)["found"]
        == (receipt["found"])
    )


def test_killed_at_random_and_run_again_it_does_the_rest(collected, tmp_path):
    moments = random.Random(6)
    for attempt in range(4):
        data = Path(shutil.copytree(collected, tmp_path / str(attempt)))
        for _ in range(2):
            kill_while_it_writes(data, moments.uniform(0, 0.25))
        ran = run_playlake(*FORGET, "--yes", "--data", data)
        assert ran.code == 0, ran.err
        assert holding(data, USER) == []
        assert counted(data) == LEFT


def test_a_file_that_outlived_its_compaction_is_not_counted_again(data):
    with LocalCatalog(data / "lake", data / "catalog.db") as catalog:
        file = catalog.files("video_play_events")[0]
        table, dt = file.partition
        done = compact(FileStore(data / "lake"), REGISTRY.table(table), dt, [file.key])
        catalog.replace(done.replaced, [done.key])
    assert (data / "lake" / file.key).exists(), "killed before it was deleted"
    assert run_playlake(*FORGET, "--yes", "--data", data).code == 0
    assert holding(data, USER) == []
    assert counted(data) == LEFT


def kill_while_it_writes(data: Path, seconds: float) -> None:
    """Kill it so long after the first object was rewritten; or it is done sooner."""
    before = objects(data)
    command = [*PLAYLAKE, *map(str, FORGET), "--yes", "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None and objects(data) == before:
        time.sleep(0.001)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait(10)


def objects(data: Path) -> set[tuple[str, int]]:
    found = set()
    for path in [*data.rglob("*.gz"), *data.rglob("*.parquet")]:
        try:
            found.add((str(path), path.stat().st_ino))
        except FileNotFoundError:
            continue
    return found


def test_without_leave_nothing_is_done(data):
    before = holding(data, USER)
    ran = run_playlake(*FORGET, "--data", data)
    assert ran.code == 2
    assert "add --yes" in ran.err
    parent, child = pty.openpty()
    asked = subprocess.Popen(
        [*PLAYLAKE, *map(str, FORGET), "--data", str(data)],
        stdin=child, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.write(parent, b"n\n")
    out, err = asked.communicate(timeout=60)
    os.close(parent)
    os.close(child)
    assert (asked.returncode, out.strip()) == (130, "")
    assert f"Remove user_id {USER} from {data} for good?" in err
    assert holding(data, USER) == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "Name one id"),
        (["--user-id", 1, "--viewer-id", "x"], "Name one id"),
        (["--user-id", 1, "--verify", "--dry-run"], "give one of them"),
        (["--user-id", 2**63, "--verify"], "more than 64 bits"),
        (["--viewer-id", "", "--verify"], "give the id as it was sent"),
        (["--user-id", 1, "--verify", "--receipt", "/dev/null/x"], "cannot be written"),
        (["--user-id", 1, "--verify", "--data", "nowhere"], "nowhere holds no data"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(options, sentence):
    ran = run_playlake("forget", *options)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err


def test_beside_a_running_collector_it_is_refused(data):
    with running_dev(data):
        ran = run_playlake(*FORGET, "--yes", "--data", data)
    assert ran.code == 2
    assert "stop it" in ran.err


def test_a_torn_file_is_named_and_nothing_is_proven(data):
    torn = data / FAILED.replace("1.json", "torn.json")
    torn.write_bytes(gzip.compress(lines(*events(0)))[:-9])
    ran = run_playlake(*FORGET, "--yes", "--data", data)
    assert ran.code == 1
    assert f"cannot be read: {torn.relative_to(data)}: it is no whole gzip file" in ran.err
    assert not json.loads(ran.out)["proven"]


def test_the_spool_keeps_no_trace_of_a_record_that_left_it(data):
    spool = data / "spool.db"
    with closing(sqlite3.connect(spool, isolation_level=None)) as connection:
        # As SQLite is built but for Debian: what is deleted stays in the file.
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("INSERT INTO records VALUES (999, 0, 0, ?)", (b"gone long ago" * 999,))
        connection.execute("DELETE FROM records WHERE sequence = 999")
    assert b"gone long ago" in spool.read_bytes()
    assert run_playlake(*FORGET, "--yes", "--data", data).code == 0
    assert b"gone long ago" not in spool.read_bytes()
    with Spool(spool) as reopened:
        assert reopened.backlog().records == 0


def test_a_deployed_stack_forgets_through_the_same_code(tmp_path):
    with cloud() as aws:
        aws.deploy(NAME, OUTPUTS)
        aws.make_lake()
        s3 = aws.client("s3")

        def put(key: str, body: bytes) -> None:
            s3.put_object(Bucket=BUCKET, Key=key, Body=body)

        for made in data_objects(process([record("r", *events(0))], ARRIVED)[0]):
            put(f"lake/{made.key}", made.data)
        put("raw/dt=2026-09-21/1.json.gz", gzip.compress(lines(*events(0))))
        put(FAILED, gzip.compress(error_lines()))
        put("query-results/1.csv", f"user_id\n{USER}\n".encode())
        demo = ("--identifier", "demo")
        assert aws.run("catalog", "sync", *demo).code == 0

        assert aws.run(*FORGET, "--verify", *demo).code == 1
        ran = aws.run(*FORGET, "--yes", *demo)
        assert (ran.code, ran.err) == (0, "")
        receipt = json.loads(ran.out)
        assert receipt["lake"] == NAME
        assert receipt["query_results_deleted"] == 1
        assert receipt["removed"]["raw"] == 4
        assert aws.run(*FORGET, "--verify", *demo).code == 0
        again = json.loads(aws.run(*FORGET, "--yes", *demo).out)
        assert (again["removed"], again["rewritten"]) == ({}, [])

        for found in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
            path = tmp_path / found["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read())
        assert holding(tmp_path, USER) == []
        assert len(holding(tmp_path, OTHER)) == 4
        left = aws.client("glue").get_partitions(
            DatabaseName=DATABASE, TableName="video_player_events"
        )
        assert left["Partitions"] == []
