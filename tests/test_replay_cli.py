"""`playlake replay` as a process: over a folder, killed there, and over a deployed stack."""

import json
import random
import subprocess
import time
from pathlib import Path

import pytest

from catalog.drivers.local import LocalCatalog
from playlake.replaying.source import Source
from tests.conftest import PLAYLAKE, Ran, run_playlake
from tests.deployed import BUCKET, DATABASE, NAME, OUTPUTS, cloud
from tests.records import lines
from tests.replayable import (
    DAY,
    FAILED,
    PLAYS,
    REJECTED,
    bad,
    error_line,
    ids_of,
    lines_under,
    play,
    put,
    put_lines,
    reject,
)
from transform.drivers.file_store import FileStore
from transform.drivers.s3_store import S3Store
from transform.store import Store

RAW = f"raw/dt={DAY}/1.json.gz"
SQL = f"SELECT event_id FROM {PLAYS} WHERE dt = '2018-08-29' ORDER BY 1"


def fill(lake: Store, archive: Store) -> None:
    """A lake of every trouble."""
    put(lake, play("there"))
    reject(lake, "1a", play("good"), bad("bad"), play("there"))
    put_lines(archive, f"{FAILED}/a", error_line(play("f-1")), error_line(bad("f-bad")))
    put_lines(archive, RAW, lines(play("there"), play("missing")))


class Folder:
    """A data folder with a lake in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lake, self.archive = FileStore(root / "lake"), FileStore(root)
        (root / "lake").mkdir(parents=True)

    def know(self) -> None:
        """Have the catalog know what lies there."""
        with LocalCatalog(self.root / "lake", self.root / "catalog.db") as catalog:
            catalog.sync()

    def run(self, *arguments: object) -> Ran:
        return run_playlake(*arguments, "--data", self.root)

    def counted(self) -> list[str]:
        """The plays that a query sees."""
        ran = self.run("query", SQL, "--format", "json")
        assert ran.code == 0, ran.err
        return [row["event_id"] for row in json.loads(ran.out)]

    def keys(self) -> set[str]:
        """What lies there, beside the databases."""
        found = self.archive.keys("")
        return {key for key in found if not key.startswith(("catalog", "spool"))}

    def objects(self) -> dict[str, bytes]:
        return {key: self.archive.get(key) for key in self.keys()}


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path / "data")
    fill(made.lake, made.archive)
    made.know()
    return made


def rows(ran: Ran) -> list[dict[str, object]]:
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def told(ran: Ran) -> list[tuple[object, ...]]:
    names = ("source", "table", "fate", "reason", "events")
    return [tuple(row[name] for name in names) for row in rows(ran)]


BOTH = [
    ("failed", None, "read", None, 2),
    ("failed", PLAYS, "came good", None, 1),
    ("failed", REJECTED, "rejected", "wrong_type", 1),
    ("rejected", None, "read", None, 4),
    ("rejected", PLAYS, "came good", None, 1),
    ("rejected", PLAYS, "there already", None, 1),
    ("rejected", REJECTED, "stays bad", "wrong_type", 2),
]


def test_what_failed_and_was_rejected_comes_good_and_a_second_run_changes_nothing(folder):
    before = folder.objects()
    rehearsed = folder.run("replay", "--dry-run", "--format", "json")
    assert folder.objects() == before
    assert told(rehearsed) == BOTH
    assert rehearsed.err == (
        "Of 6 events 2 came good, 1 were there already, 3 are bad."
        " Nothing was changed: this was a dry run.\n"
    )
    assert told(folder.run("replay", "--format", "json")) == BOTH
    assert folder.counted() == ["f-1", "good", "there"]
    assert ids_of(folder.lake, REJECTED) == ["bad", "f-bad"]
    assert lines_under(folder.archive, "failed/") == []
    once = folder.objects()
    assert told(folder.run("replay", "--format", "json")) == [
        ("failed", None, "read", None, 0),
        ("rejected", None, "read", None, 2),
        ("rejected", REJECTED, "stays bad", "wrong_type", 2),
    ]
    assert folder.objects() == once


def test_a_table_for_people_says_why_and_the_days_bound_it(folder):
    ran = folder.run("replay", "--table", "rejected", "--since", DAY, "--until", DAY)
    assert ran.code == 0, ran.err
    assert "stays bad" in ran.out
    assert "started_at" in ran.out
    assert ran.out.endswith("Of 3 events 1 came good, 1 were there already, 1 are bad.\n")
    other = folder.run("replay", "--table", "failed", "--until", "2026-09-20", "--format", "json")
    assert told(other) == [("failed", None, "read", None, 0)]


def test_days_that_are_none_and_a_folder_that_is_somebody_elses_are_refused(folder):
    ran = folder.run("replay", "--since", "2026-09-22", "--until", "2026-09-21")
    assert (ran.code, ran.err) == (
        2,
        "playlake: --since 2026-09-22 is after --until 2026-09-21; swap them.\n",
    )
    assert folder.run("replay", "--since", "soon").code == 2
    nothing = run_playlake("replay", "--data", folder.root / "none")
    assert nothing.code == 2
    assert "holds no data" in nothing.err


def test_the_raw_archive_gives_back_a_day_that_was_lost_under_the_names_of_then(folder):
    """The catalog remembers that the lost file was replaced; what comes back must count."""
    put_lines(folder.archive, f"{RAW}-2", lines(play("good-2")))
    gone = put(folder.lake, play("missing"))
    with LocalCatalog(folder.root / "lake", folder.root / "catalog.db") as catalog:
        catalog.register([gone])
        catalog.replace([gone], [])
    folder.lake.delete(gone)
    ran = folder.run("replay", "--table", "raw", "--format", "json")
    assert told(ran) == [
        ("raw", None, "read", None, 3),
        ("raw", PLAYS, "came good", None, 2),
        ("raw", PLAYS, "there already", None, 1),
    ]
    assert folder.counted() == ["good-2", "missing", "there"]


@pytest.mark.parametrize("source", Source)
def test_killed_at_random_moments_and_run_again_each_event_counts_once(tmp_path, source):
    folder = Folder(tmp_path / "data")
    expected = []
    for number in range(30):
        events = [play(f"{number:02}-{each}") for each in range(4)]
        put(folder.lake, events[0])
        expected += [each["event_id"] for each in events]
        reject(folder.lake, f"{number:02}", *(events if source is Source.REJECTED else [bad("b")]))
        put_lines(folder.archive, f"{FAILED}/{number:02}", *map(error_line, events))
        put_lines(folder.archive, f"raw/dt={DAY}/{number:02}", lines(*events))
    folder.know()
    arguments = [*PLAYLAKE, "replay", "--table", source.value, "--data", str(folder.root)]
    randomly = random.Random(source.value)
    killed = sum(kill(folder, arguments, randomly.uniform(0, 0.15)) for _ in range(3))
    ran = folder.run("replay", "--table", source.value, "--format", "json")
    assert ran.code == 0, ran.err
    assert folder.counted() == expected
    assert killed >= 2
    once = folder.objects()
    assert folder.run("replay", "--table", source.value).code == 0
    assert folder.objects() == once
    assert folder.counted() == expected


def kill(folder: Folder, arguments: list[str], seconds: float) -> bool:
    """Run it, and kill it so long after its first change; whether it was there to be killed."""
    before = folder.keys()
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe) as process:
        while process.poll() is None and folder.keys() == before:
            time.sleep(0.01)
        time.sleep(seconds)
        process.kill()
        process.communicate()
    return process.returncode < 0


def test_a_deployed_stack_is_replayed_by_the_same_command():
    with cloud() as aws:
        aws.deploy(NAME, OUTPUTS)
        aws.make_lake()
        s3 = aws.client("s3")
        lake, archive = S3Store(BUCKET, "lake", s3), S3Store(BUCKET, "", s3)
        fill(lake, archive)
        demo = ("replay", "--identifier", "demo", "--format", "json")
        assert told(aws.run(*demo, "--dry-run")) == BOTH
        assert ids_of(lake, PLAYS) == ["there"]
        assert told(aws.run(*demo)) == BOTH
        raw = aws.run(*demo, "--table", "raw")
        assert told(raw)[1] == ("raw", PLAYS, "came good", None, 1)
        assert ids_of(lake, PLAYS) == ["f-1", "good", "missing", "there"]
        assert ids_of(lake, REJECTED) == ["bad", "f-bad"]
        assert list(archive.keys("failed/")) == []
        glue = aws.client("glue")
        found = glue.get_partitions(DatabaseName=DATABASE, TableName=PLAYS)["Partitions"]
        assert [each["Values"] for each in found] == [["2018-08-29"]]
        once = [each for each in archive.entries() if not each.key.startswith("mending/")]
        assert told(aws.run(*demo))[1] == ("rejected", None, "read", None, 2)
        again = [each for each in archive.entries() if not each.key.startswith("mending/")]
        assert again == once
