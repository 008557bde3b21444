"""The command line over a simulated month: every answer equals the simulator's ground truth."""

import csv
import io
import json
import random
import re
import signal
import subprocess
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from playlake.cli.desk import desk_over
from playlake.cli.main import COMMANDS, EXIT_CODES
from playlake.local.folder import DataFolder
from playlake.simulation import Truth
from playlake.web.dashboard.routes import dashboard_routes
from playlake.web.serving import serving_app
from playlake.web.site import site
from tests.aws.dashboard import records
from tests.conftest import PLAYLAKE, run_playlake, running_dev

UNTIL = date(2026, 9, 30)
SINCE = UNTIL - timedelta(days=29)
LAB_SQL = (
    "SELECT video_id, SUM(ended_at - started_at) AS total_play_duration,"
    " AVG(ended_at - started_at) AS avg_play_duration"
    " FROM playlake.video_play_events GROUP BY 1 ORDER BY 2"
)


class Month:
    """A data folder with a simulated month in it, and what was meant by it."""

    def __init__(self, folder):
        self.data = folder / "data"
        truth = folder / "truth.json"
        self.simulated = run_playlake(
            *("simulate", "--viewers", 200, "--days", 30, "--seed", 7, "--until", UNTIL),
            *("--data", self.data, "--truth", truth),
        )
        assert self.simulated.code == 0, self.simulated.err
        saved = json.loads(truth.read_text())
        self.totals = saved["totals"]
        self.truth = Truth.from_dict(saved["truth"])

    def run(self, *arguments):
        return run_playlake(*arguments, "--data", self.data)

    def rows(self, *arguments):
        ran = self.run(*arguments, "--format", "json")
        assert ran.code == 0, ran.err
        return json.loads(ran.out)


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    return Month(tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="module")
def asked(month):
    """A report: the month's by the command line, of fewer days by the dashboard's API."""
    desk = desk_over(DataFolder(month.data), "127.0.0.1")
    with desk as opened, serving_app(site(dashboard_routes(opened))) as url:

        def ask(report, since, until, **about):
            days = {"since": str(since), "until": str(until)} | about
            if since == SINCE:
                options = [f"--{name.replace('_', '-')}={value}" for name, value in days.items()]
                return month.rows("report", report, *options)
            answer = httpx.get(f"{url}/api/reports/{report}", params=days, timeout=60).json()
            return records(answer)

        yield ask


def rounded(rows):
    """Averages, to nine digits: the two sides add up in different orders."""
    return [
        {k: float(f"{v:.9g}") if isinstance(v, float) else v for k, v in row.items()}
        for row in rows
    ]


RANGES = [(SINCE, UNTIL), (UNTIL, UNTIL), (SINCE + timedelta(days=3), SINCE + timedelta(days=9))]


@pytest.mark.parametrize(("since", "until"), RANGES, ids=["month", "day", "week"])
@pytest.mark.parametrize(
    "report",
    [
        "play_time_by_video",
        "watch_time_by_user",
        "continuous_watch_by_user",
        "daily_plays",
        "unique_viewers",
        "concurrent_viewers",
        "completion_by_video",
        "startup_and_rebuffering",
        "exits_before_start",
        "device_mix",
        "os_mix",
        "browser_mix",
    ],
)
def test_each_report_equals_the_ground_truth(month, asked, report, since, until):
    rows = asked(report, since, until)
    expected = getattr(month.truth, report)(since, until)
    assert rounded(rows) == rounded(as_json(expected))
    assert rows


def as_json(rows):
    """Times as the command line writes them."""
    return [
        {
            k: v.isoformat(sep=" ", timespec="milliseconds") if isinstance(v, datetime) else v
            for k, v in row.items()
        }
        for row in rows
    ]


@pytest.mark.parametrize(("since", "until"), RANGES, ids=["month", "day", "week"])
def test_retention_equals_the_ground_truth_for_each_of_the_most_played_videos(
    month, asked, since, until
):
    for played in month.truth.play_time_by_video(since, until)[:3]:
        video_id = played["video_id"]
        rows = asked("retention", since, until, video_id=video_id)
        assert rounded(rows) == rounded(month.truth.retention(since, until, video_id))
        assert rows


def test_sessions_by_platform_equal_the_ground_truth_for_each_of_some_users(month):
    found = month.rows(
        "query", "SELECT DISTINCT user_id AS id FROM video_play_events WHERE dt > '2026-09-15'"
    )
    users = sorted(row["id"] for row in found if row["id"] is not None)
    for user_id in random.Random(3).sample(users, 5):
        rows = month.rows(
            *("report", "sessions_by_platform", "--user-id", user_id),
            *("--since", SINCE, "--until", UNTIL),
        )
        assert rows == month.truth.sessions_by_platform(SINCE, UNTIL, user_id)


def test_every_table_has_the_rows_that_the_truth_counts(month):
    for table in ("video_play_events", "video_player_events", "custom_events"):
        (row,) = month.rows("query", f"SELECT COUNT(*) AS n FROM {table}", "--full-scan")
        assert row["n"] == month.totals[table]
    rejected = month.rows(
        "query", "SELECT reason, COUNT(*) AS n FROM rejected_events GROUP BY 1", "--full-scan"
    )
    assert {row["reason"]: row["n"] for row in rejected} == month.totals["rejected_events"]
    assert month.totals["duplicates"] > 0
    assert month.totals["late_events"] > 0
    assert month.totals["requests_refused"] > 0


def test_a_one_day_report_reads_one_of_thirty_partitions_and_says_so(month):
    ran = month.run("report", "device_mix", "--since", UNTIL, "--until", UNTIL)
    assert "Scanned 1 of 30 partitions, 1 file," in ran.out
    assert "Athena would charge $0.00005" in ran.out


def test_the_labs_sql_is_refused_with_the_predicate_to_add_and_answers_a_full_scan(month):
    refused = month.run("query", LAB_SQL)
    assert refused.code == 3
    assert refused.out == ""
    assert refused.err.count("\n") == 1
    assert "WHERE dt = '2026-09-30'" in refused.err
    assert "--full-scan" in refused.err
    rows = month.rows("query", LAB_SQL, "--full-scan")
    totals = [row["total_play_duration"] for row in rows]
    assert totals == sorted(totals)
    # The lab's SQL counts the bots too.
    truth = month.truth.play_time_by_video(SINCE, UNTIL)
    assert sum(totals) > sum(row["total_play_duration"] for row in truth)


def test_formats_say_the_same_and_what_was_scanned_goes_to_standard_error(month):
    arguments = ("report", "daily_plays", "--since", SINCE, "--until", UNTIL)
    as_json = month.rows(*arguments)
    as_csv = month.run(*arguments, "--format", "csv")
    read = list(csv.DictReader(io.StringIO(as_csv.out)))
    assert read == [{name: str(value) for name, value in row.items()} for row in as_json]
    assert as_csv.err.startswith("Scanned 30 of 30 partitions")
    table = month.run(*arguments)
    assert "Scanned 30 of 30 partitions" in table.out
    for row in as_json:
        assert re.search(rf"{row['dt']} +{row['plays']:,} +{row['viewers']:,} ", table.out)


def test_an_export_is_every_row_as_csv(month, tmp_path):
    file = tmp_path / "daily.csv"
    ran = month.run("export", "daily-plays", "--csv", file, "--since", SINCE, "--until", UNTIL)
    assert "Wrote 30 rows" in ran.out
    with file.open() as lines:
        assert [row["dt"] for row in csv.DictReader(lines)] == [
            row["dt"] for row in month.truth.daily_plays(SINCE, UNTIL)
        ]


def test_an_export_that_fails_leaves_the_file_that_was_there(month, tmp_path):
    (file := tmp_path / "daily.csv").write_text("of yesterday")
    export = (*PLAYLAKE, "export", "concurrent_viewers", "--csv", file, "--data", month.data)
    days = ("--since", SINCE, "--until", UNTIL)
    limited = ["bash", "-c", 'ulimit -f 64; exec "$@"', "bash", *map(str, (*export, *days))]
    ran = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert f"{file} cannot be written" in "".join(ran.stderr.splitlines())
    assert [each.read_text() for each in tmp_path.iterdir()] == ["of yesterday"]
    assert month.run(*export[3:-2], *days).code == 0
    assert file.stat().st_size > 65_536
    ran = month.run("export", "daily-plays", "--csv", "/dev/full", "--since", SINCE)
    assert ran.code == 1
    assert "/dev/full cannot be written: No space left on device" in ran.err


def test_ctrl_c_stops_a_query_that_would_take_for_ever(month):
    tables = ", ".join(f"video_play_events {name}" for name in "abcd")
    sql = f"SELECT COUNT(*) FROM {tables} WHERE a.seq + b.seq + c.seq + d.seq = 77"
    command = [*PLAYLAKE, "query", sql, "--full-scan", "--data", str(month.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        time.sleep(6)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")


def test_partitions_lists_each_day_with_its_rows(month):
    rows = month.rows("partitions", "video_play_events")
    assert len(rows) == 30
    assert sum(row["rows"] for row in rows) == month.totals["video_play_events"]
    assert all(row["files"] == 1 for row in rows)


def test_rejected_shows_the_reason_and_the_payload(month):
    rows = month.rows("rejected", "--limit", 5)
    assert len(rows) == 5
    assert all(row["reason"] in month.totals["rejected_events"] for row in rows)
    assert all(json.loads(row["payload"])["event_id"] for row in rows)


def test_sync_repairs_a_catalog_that_was_lost(month):
    before = month.rows("partitions")
    (month.data / "catalog.db").unlink()
    ran = month.run("catalog", "sync")
    assert ran.code == 0
    assert f"{len(before)} partitions gained files, 0 lost some" in ran.out
    assert month.rows("partitions") == before


def test_the_same_traffic_posted_to_a_url_gives_the_same_answers(tmp_path):
    scenario = ("--viewers", 40, "--days", 3, "--seed", 5, "--until", UNTIL)
    truth = tmp_path / "truth.json"
    with running_dev(tmp_path / "posted", "--quiet") as dev:
        ran = run_playlake("simulate", *scenario, "--to", dev.url, "--truth", truth)
        assert ran.code == 0, ran.err
        dev.stop()
    run_playlake("simulate", *scenario, "--data", tmp_path / "fed")
    since = UNTIL - timedelta(days=2)
    meant = Truth.from_dict(json.loads(truth.read_text())["truth"])
    for data in ("posted", "fed"):
        ran = run_playlake(
            *("report", "play_time_by_video", "--since", since, "--until", UNTIL),
            *("--format", "json", "--data", tmp_path / data),
        )
        assert rounded(json.loads(ran.out)) == rounded(meant.play_time_by_video(since, UNTIL))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command):
    ran = run_playlake(*command.split(), "--help")
    assert ran.code == 0
    assert f"Example: playlake {command}" in ran.out


def test_it_tells_its_version():
    ran = run_playlake("--version")
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(r"playlake \d+\.\d+\.\d+\n", ran.out)


def test_the_exit_codes_are_in_the_help():
    out = " ".join(run_playlake("--help").out.split())
    for code, meaning in EXIT_CODES.items():
        assert f"{code} {meaning}" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("report", "nonsense"), 2, "play_time_by_video"),
        (("report", "sessions_by_platform"), 2, "--user-id"),
        (("report", "daily_plays", "--user-id", "5"), 2, "--user-id"),
        (("report", "retention"), 2, "is about one video; name one with --video-id"),
        (("report", "daily_plays", "--video-id", "v"), 2, "all videos; leave --video-id out"),
        (("query", ""), 2, "empty"),
        (("query", "SHOW PARTITIONS video_play_events"), 2, "playlake partitions"),
        (("query", "DESCRIBE video_play_events"), 2, "playlake schema"),
        (("query", "SELECT width_bucket(1, 2, 3, 4)"), 2, "no function width_bucket"),
        (("report", "daily_plays", "--since", "yesterday"), 2, "write it as 2026-11-24"),
        (("report", "daily_plays", "--since", "2026-12-01", "--until", "2026-11-01"), 2, "swap"),
        (("query", "DROP TABLE video_play_events"), 2, "SELECT"),
        (("query", "SELECT nope FROM video_play_events WHERE dt = '2026-01-01'"), 2, "nope"),
        (("query", "SELECT 1 FROM video_plays WHERE dt = '2026-01-01'"), 2, "video_play_events"),
        (("query", "SELEC 1"), 2, "SELEC"),
        (("partitions", "nowhere"), 2, "video_play_events"),
        (("partitions", "--nonsense"), 2, "--nonsense"),
        (("partitions", "--format", "xml"), 2, "xml"),
        (("export", "daily_plays"), 2, "--csv"),
        (("simulate", "--days", "99999999"), 2, "days"),
        (("simulate", "--to", "nonsense"), 2, "nonsense"),
        (("query", "SELECT 1", "--ful-scan"), 2, "--ful-scan"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(month, arguments, code, words):
    ran = month.run(*arguments) if "--to" not in arguments else run_playlake(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.count("\n") == 1, ran.err
    assert words in ran.err


def test_a_folder_without_data_is_named_with_what_to_do(tmp_path):
    ran = run_playlake("report", "daily_plays", "--data", tmp_path / "nothing")
    assert ran.code == 2
    assert "playlake simulate --data" in ran.err


def test_a_collector_that_is_not_there_is_named_at_once():
    began = time.monotonic()
    ran = run_playlake("simulate", "--viewers", 1, "--days", 1, "--to", "http://127.0.0.1:9")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1
    assert "Is it running?" in ran.err
    assert time.monotonic() - began < 20


def test_without_a_command_the_help_is_shown():
    ran = run_playlake()
    assert (ran.code, "simulate" in ran.out) == (0, True)


def test_sql_may_begin_with_a_comment(month):
    assert month.rows("query", "-- how many\nSELECT 1 AS n") == [{"n": 1}]


VALUES = (
    "SELECT ARRAY[1.5] AS list, MAP(ARRAY['a'], ARRAY[date '2026-01-01']) AS by_name,"
    " date '2026-01-01' AS day, date '2026-01-02' AS day, nan() AS nothing, 0.034e0 AS share,"
    " 12345 AS user_id, 12345 AS n, 'x' AS text, true AS yes, null AS missing"
)


def test_values_of_every_kind_are_printed_in_every_format(month):
    assert month.rows("query", VALUES.replace("nan()", "CAST('NaN' AS double)")) == [
        {
            "list": ["1.5"],
            "by_name": {"a": "2026-01-01"},
            "day": "2026-01-01",
            "day_1": "2026-01-02",
            "nothing": None,
            "share": 0.034,
            "user_id": 12345,
            "n": 12345,
            "text": "x",
            "yes": True,
            "missing": None,
        }
    ]
    sql = VALUES.replace("nan()", "1.0e0")
    assert '"[""1.5""]"' in month.run("query", sql, "--format", "csv").out
    table = month.run("query", sql).out
    assert re.search(r'\["1.5"\] .* 0\.034 +12345 +12,345 +x +true +- ', table)


def test_a_full_disk_is_one_line(month):
    command = [*PLAYLAKE, "partitions", "--data", month.data]
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1


def test_the_schema_of_an_event_type_is_printed():
    schema = json.loads(run_playlake("schema", "video_play").out)
    assert schema["title"] == "video_play"
    assert "started_at" in schema["required"]


def test_the_columns_of_a_table_are_listed_with_their_meaning():
    out = run_playlake("schema", "video_play_events").out
    assert re.search(r"duration +bigint +ended_at - started_at", out)
    assert re.search(r"dt +string +The partition key", out)
