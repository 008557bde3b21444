"""The dashboard over the deployed stack: asked as its pages ask, and as the command line does."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.aws.account import Account
from tests.conftest import Dev
from tests.records import LAB_PLAY

DAYS = {"since": "2018-08-01", "until": "2018-08-31"}
"""The day of the lab's play is among them."""

REPORTS: dict[str, dict[str, str]] = {
    "daily_plays": {},
    "device_mix": {},
    "concurrent_viewers": {},
    "retention": {"video_id": str(LAB_PLAY["video_id"])},
}


@contextmanager
def serving(account: Account, command: str, *where: str) -> Iterator[Dev]:
    """A command of playlake's that serves for the lake that its options name, stopped as by
    Ctrl-C."""
    with subprocess.Popen(
        (sys.executable, "-m", "playlake", command, "--port", "0", *where),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=account.environment() | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
    ) as process:
        running = Dev(process, Path())
        try:
            running.read_url()
            running.url = running.url.removesuffix("/dashboard")
            yield running
        finally:
            running.stop()
    assert process.returncode == 0, "".join(running.lines)


def check_dashboard(account: Account, identifier: str) -> None:
    """Every number of the dashboard's is the command line's for the same days."""
    with serving(account, "dashboard", "--identifier", identifier) as dashboard:
        page = httpx.get(f"{dashboard.url}/dashboard/", timeout=60)
        assert "<title>Dashboard" in page.text
        assert ask(dashboard, "place").json()["place"] == f"playlake-{identifier}-dev"
        check_reports(account, identifier, dashboard)
        check_csv(account, identifier, dashboard)
        check_failure(account, dashboard)


def check_reports(account: Account, identifier: str, dashboard: Dev) -> None:
    """The videos and the reports, by Athena either way."""
    videos = ask(dashboard, "videos", **DAYS).json()["videos"]
    assert videos == told(account, identifier, "play_time_by_video")
    assert [video["video_id"] for video in videos] == [LAB_PLAY["video_id"]]
    for name, about in REPORTS.items():
        answer = ask(dashboard, f"reports/{name}", **DAYS, **about).json()
        assert answer["scanned"]["charged"] is True
        assert records(answer) == told(account, identifier, name, **about) != [], name


def check_csv(account: Account, identifier: str, dashboard: Dev) -> None:
    """What a browser saves is what the command line prints."""
    saved = ask(dashboard, "reports/watch_time_by_user", **DAYS, format="csv").text
    asked = ("report", "watch_time_by_user", *options(DAYS), "--identifier", identifier)
    assert saved == account.playlake(*asked, "--format", "csv")
    assert list(csv.DictReader(io.StringIO(saved)))


def check_failure(account: Account, dashboard: Dev) -> None:
    """A query that Athena fails is told in the envelope of all errors, and is not the last one."""
    with account.failing_queries("HIVE_BAD_DATA: the file is torn") as failing:
        if not failing:
            return
        answer = ask(dashboard, "reports/daily_plays", **DAYS)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["code"] == "query_failed"
        assert "failed in Athena" in error["message"]
        assert "HIVE_BAD_DATA: the file is torn" in error["message"]
    assert ask(dashboard, "reports/daily_plays", **DAYS).status_code == 200


def ask(dashboard: Dev, path: str, **query: str) -> httpx.Response:
    """What the dashboard's pages are answered."""
    return httpx.get(f"{dashboard.url}/api/{path}", params=query, timeout=120)


def records(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """A report's rows by the names of its columns."""
    names = [column["name"] for column in answer["columns"]]
    return [dict(zip(names, row, strict=True)) for row in answer["rows"]]


def told(account: Account, identifier: str, name: str, **about: str) -> list[dict[str, Any]]:
    """What `playlake report` says of the same days."""
    asked = ("report", name, *options(DAYS | about), "--identifier", identifier)
    rows: list[dict[str, Any]] = json.loads(account.playlake(*asked, "--format", "json"))
    return rows


def options(given: dict[str, str]) -> list[str]:
    """The parameters as the command line takes them."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
