"""The life of a deployment on an emulated account, by the README's own commands."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import httpx
import pytest

from tests.aws.account import Account, step
from tests.conftest import eventually
from tests.ministack import ROOT
from tests.records import LAB_CLICK, LAB_PLAY

README = (ROOT / "README.md").read_text()
DEPLOY = "npx serverless deploy --identifier demo"
REMOVE = "npx serverless remove --identifier demo"
LAB_SQL = (
    "SELECT video_id, SUM(ended_at - started_at) AS total_play_duration,"
    " AVG(ended_at - started_at) AS avg_play_duration"
    " FROM playlake.video_play_events GROUP BY 1 ORDER BY 2"
)


def words(command: str) -> tuple[str, ...]:
    """A command of the README, as osls's arguments."""
    assert command in README, f"the README does not say: {command}"
    return tuple(command.split()[2:])


def rows(output: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output)))


def post(account: Account, identifier: str, events: object) -> httpx.Response:
    # The first request starts the functions, whose time the emulator adds to the request's.
    return httpx.post(f"{account.url(identifier)}/events", json=events, timeout=60)


@pytest.fixture(scope="module")
def life(account: Account) -> Account:
    """The account, empty before and after."""
    assert account.listing() == {}
    return account


def test_the_life_of_a_deployment(life: Account, tmp_path: Path) -> None:
    with step(life, DEPLOY):
        deployed = life.serverless(*words(DEPLOY))
        assert "/events" in deployed
    with step(life, "playlake info"):
        info = json.loads(life.playlake("info", "--identifier", "demo", "--format", "json"))
        assert life.bucket("demo") in json.dumps(info)
    with step(life, "an object sent without TLS is refused by the bucket"):
        refused = post(life, "demo", LAB_PLAY)
        assert refused.status_code in {200, 503}
        assert life.keys("demo", "lake/") == []
        life.speak_plainly("demo")
    with step(life, "POST to the deployed URL, through the deployed transform, into partitions"):
        answered = post(life, "demo", [LAB_PLAY, LAB_CLICK])
        assert answered.json() == {"data": {"success": True, "accepted": 2}}
        assert answered.status_code == 200
        eventually(lambda: check_partitions(life, "demo", 2), seconds=30)
        assert life.keys("demo", "raw/dt=")
    with step(life, "the lab's questions, by Athena"):
        check_questions(life, tmp_path)
    with step(life, "the page"):
        page = httpx.get(f"{life.url('demo')}/", timeout=60)
        assert "<video" in page.text
    with step(life, "serverless logs"):
        logged = life.serverless("logs", "--identifier", "demo", "--function", "transform")
        assert '"rows":{"video_play_events":1' in logged
    with step(life, "redeploy with a change"):
        life.serverless("deploy", "--identifier", "demo", "--param", "logDays=14")
        assert retention(life) == {14}
        assert life.keys("demo", "lake/"), "the data outlive a change"
    with step(life, "a second identifier, side by side"):
        life.serverless("deploy", "--identifier", "other")
        life.speak_plainly("other")
        assert post(life, "other", LAB_CLICK).status_code == 200
        eventually(lambda: check_partitions(life, "other", 1), seconds=30)
        assert check_partitions(life, "demo", 2) is None
    with step(life, f"{REMOVE}, its bucket full"):
        removed = life.serverless(*words(REMOVE))
        assert re.search(rf"{life.bucket('demo')}: \d+ objects", removed)
        assert "demo" not in json.dumps(life.listing())
        assert "other" in json.dumps(life.listing())
    with step(life, "remove the other"):
        life.serverless("remove", "--identifier", "other")
    assert life.listing() == {}


def check_partitions(account: Account, identifier: str, count: int) -> None:
    listed = account.playlake("partitions", "--identifier", identifier, "--format", "csv")
    assert len(rows(listed)) == count, listed


def check_questions(account: Account, folder: Path) -> None:
    of_2018 = ("--since", "2018-08-01", "--until", "2018-08-31", "--identifier", "demo")
    by_video = rows(account.playlake("report", "play_time_by_video", *of_2018, "--format", "csv"))
    assert [(row["video_id"], row["total_play_duration"]) for row in by_video] == [
        (LAB_PLAY["video_id"], str(LAB_PLAY["ended_at"] - LAB_PLAY["started_at"]))
    ]
    account.playlake("export", "watch_time_by_user", "--csv", folder / "users.csv", *of_2018)
    assert rows((folder / "users.csv").read_text())
    mix = rows(account.playlake("report", "device_mix", *of_2018, "--format", "csv"))
    assert mix
    scanning = ("query", LAB_SQL, "--identifier", "demo", "--format", "csv")
    refused = account.run(sys.executable, "-m", "playlake", *scanning)
    assert refused.returncode == 3
    assert "--full-scan" in refused.stderr
    assert rows(account.playlake(*scanning, "--full-scan"))[0]["video_id"] == LAB_PLAY["video_id"]


def retention(account: Account) -> set[int]:
    groups = account.emulator.client("logs").describe_log_groups()["logGroups"]
    return {group["retentionInDays"] for group in groups}
