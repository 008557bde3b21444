"""The life of a deployment, by the README's own commands, on the account under test."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import httpx
import pytest

from tests.aws.account import Account, stack, step
from tests.aws.dashboard import DAYS, ask, check_dashboard, serving
from tests.conftest import eventually
from tests.ministack import ROOT
from tests.records import LAB_CLICK, LAB_PLAY

README = (ROOT / "README.md").read_text()
DEPLOY = "npx serverless deploy --identifier demo"
REMOVE = "npx sls remove --identifier demo"
LAB_SQL = (
    "SELECT video_id, SUM(ended_at - started_at) AS total_play_duration,"
    " AVG(ended_at - started_at) AS avg_play_duration"
    " FROM playlake.video_play_events GROUP BY 1 ORDER BY 2"
)


def words(command: str, identifier: str) -> list[str]:
    """A command of the README, for that identifier."""
    assert f"\n{command}\n" in README, f"the README does not say: {command}"
    return [identifier if word == "demo" else word for word in command.split()]


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
    one, other = life.identifiers
    with step(life, DEPLOY):
        assert "/events" in life.osls(*words(DEPLOY, one))
    with step(life, "playlake info"):
        info = life.playlake("info", "--identifier", one, "--format", "json")
        assert life.bucket(one) in json.dumps(json.loads(info))
    if life.kind == "emulated":
        with step(life, "what comes without TLS is refused by the bucket"):
            # A click: what was refused is tried again, may be taken later, and must count nowhere.
            post(life, one, LAB_CLICK)
            assert life.keys(one, "lake/") == []
            life.speak_plainly(one)
    with step(life, "POST to the deployed URL, through the deployed transform, into partitions"):
        answered = post(life, one, [LAB_PLAY, LAB_CLICK])
        assert answered.json() == {"data": {"success": True, "accepted": 2}}
        assert answered.status_code == 200
        eventually(lambda: check_partitions(life, one, 2), seconds=life.patience_seconds)
        eventually(lambda: check_archive(life, one), seconds=life.patience_seconds)
    with step(life, "the lab's questions, by Athena"):
        check_questions(life, one, tmp_path)
    with step(life, "the page"):
        page = httpx.get(f"{life.url(one)}/", timeout=60)
        assert "<video" in page.text
    with step(life, "playlake dashboard --identifier: what the pages ask, through Athena"):
        check_dashboard(life, one)
    with step(life, "playlake dev --identifier: the page here, the events there"):
        check_dev(life, one)
    with step(life, "serverless logs"):
        logged = life.serverless("logs", "--identifier", one, "--function", "transform")
        assert '"rows":{"video_play_events":1' in logged
    with step(life, "redeploy with a change"):
        life.serverless("deploy", "--identifier", one, "--param", "logDays=14")
        assert retention(life, one) == {14}
        assert life.keys(one, "lake/"), "the data outlive a change"
    with step(life, "a second identifier, side by side"):
        life.serverless("deploy", "--identifier", other)
        life.speak_plainly(other)
        assert post(life, other, LAB_CLICK).status_code == 200
        eventually(lambda: check_partitions(life, other, 1), seconds=life.patience_seconds)
        check_partitions(life, one, 2)
    with step(life, f"{REMOVE}, its bucket full"):
        bucket = life.bucket(one)
        removed = life.osls(*words(REMOVE, one))
        assert re.search(rf"{bucket}: \d+ objects", removed)
        left = [name for names in life.listing().values() for name in names]
        assert not [name for name in left if other not in name]
    with step(life, "remove the other"):
        life.serverless("remove", "--identifier", other)
    assert life.listing() == {}


def check_archive(account: Account, identifier: str) -> None:
    assert account.keys(identifier, "raw/dt=")


def check_partitions(account: Account, identifier: str, count: int) -> None:
    listed = account.playlake("partitions", "--identifier", identifier, "--format", "csv")
    assert len(rows(listed)) == count, listed


def check_questions(account: Account, identifier: str, folder: Path) -> None:
    of_2018 = ("--since", "2018-08-01", "--until", "2018-08-31", "--identifier", identifier)
    by_video = rows(account.playlake("report", "play_time_by_video", *of_2018, "--format", "csv"))
    assert [(row["video_id"], row["total_play_duration"]) for row in by_video] == [
        (LAB_PLAY["video_id"], str(LAB_PLAY["ended_at"] - LAB_PLAY["started_at"]))
    ]
    account.playlake("export", "watch_time_by_user", "--csv", folder / "users.csv", *of_2018)
    assert rows((folder / "users.csv").read_text())
    mix = rows(account.playlake("report", "device_mix", *of_2018, "--format", "csv"))
    assert mix
    scanning = ("query", LAB_SQL, "--identifier", identifier, "--format", "csv")
    refused = account.run(sys.executable, "-m", "playlake", *scanning)
    assert refused.returncode == 3
    assert "--full-scan" in refused.stderr
    assert rows(account.playlake(*scanning, "--full-scan"))[0]["video_id"] == LAB_PLAY["video_id"]


def check_dev(account: Account, identifier: str) -> None:
    before = account.keys(identifier, "lake/custom_events/")
    with serving(account, "dev", "--identifier", identifier) as dev:
        assert dev.post(LAB_CLICK).json() == {"data": {"success": True, "accepted": 1}}
        mine = ask(dev, "reports/daily_plays", **DAYS).json()
        assert [row[0] for row in mine["rows"]] == ["2018-08-29"]
    assert "Everything that was accepted is on the stream" in "".join(dev.lines)

    def check_arrived() -> None:
        assert account.keys(identifier, "lake/custom_events/") != before

    eventually(check_arrived, seconds=account.patience_seconds)


def retention(account: Account, identifier: str) -> set[int]:
    groups = account.client("logs").describe_log_groups()["logGroups"]
    ours = [group for group in groups if stack(identifier) in group["logGroupName"]]
    assert len(ours) == 6
    return {group["retentionInDays"] for group in ours}
