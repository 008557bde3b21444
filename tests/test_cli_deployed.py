"""The command line against a deployed stack: how it asks AWS, and what it says when that fails."""

import csv
import io
import json
import os
import pty
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from playlake.deployed.diagnosis import Verdict
from playlake.drivers.checkup import check_up
from playlake.drivers.session import Session
from tests.conftest import eventually, run_playlake, running_dev
from tests.deployed import BUCKET, NAME, OUTPUTS, cloud, interrupt, nobody, run_without

DEMO = ("--identifier", "demo")
DAY_SQL = (
    "SELECT video_id, COUNT(*) AS plays FROM video_play_events WHERE dt = '2026-09-30' GROUP BY 1"
)
PLAYS = {"video_id": "varchar", "plays": "bigint"}
REJECTED = {
    "received_at": "timestamp",
    "reason": "varchar",
    "message": "varchar",
    "payload": "varchar",
}


@pytest.fixture(scope="module")
def aws():
    with cloud() as running:
        running.deploy(NAME, OUTPUTS)
        running.make_lake()
        for day, size in (("2026-09-29", 70), ("2026-09-30", 40)):
            running.put("video_play_events", day, size)
        running.put("video_play_events", "2026-09-30", 2, name="0b")
        for day in range(1, 8):
            running.put("rejected_events", f"2026-09-0{day}", 5)
        synced = running.run("catalog", "sync", *DEMO)
        assert synced.code == 0, synced.err
        running.synced = synced.out
        yield running


def rows(ran):
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def asked(aws, before):
    return [each["Query"] for each in aws.queries()[before:]]


def test_info_says_where_everything_is(aws):
    (found,) = rows(aws.run("info", *DEMO, "--format", "json"))
    assert found["url"] == OUTPUTS["Url"]
    assert found["events"] == f"{OUTPUTS['Url']}/events"
    assert found["lake"] == f"s3://{BUCKET}/lake/"
    assert found["state"] == "CREATE_COMPLETE"
    assert found["workgroup"] == found["delivery_stream"] == NAME
    assert found["database"] == "playlake_demo_dev"


def test_info_for_people_is_a_line_each_and_links_to_the_console(aws):
    out = aws.run("info", *DEMO).out
    assert re.search(rf"^url +{OUTPUTS['Url']}$", out, re.MULTILINE)
    console = "https://eu-west-1.console.aws.amazon.com"
    assert f"{console}/athena/home?region=eu-west-1#/workgroups/details/{NAME}\n" in out
    assert f"{console}/cloudwatch/home?region=eu-west-1#dashboards/dashboard/{NAME}\n" in out


def test_sync_registers_what_lies_in_the_bucket_once(aws):
    assert "gained video_play_events dt=2026-09-30\n" in aws.synced
    assert "9 partitions gained files" in aws.synced
    again = aws.run("catalog", "sync", *DEMO)
    assert (again.code, again.out) == (
        0,
        "0 partitions gained files, 0 lost some, 0 objects left out.\n",
    )


def test_partitions_have_the_days_of_glue_and_the_files_of_s3_but_no_rows(aws):
    ran = aws.run("partitions", "video_play_events", *DEMO, "--format", "json")
    named = {"table": "video_play_events", "rows": None}
    assert rows(ran) == [
        named | {"dt": "2026-09-29", "files": 1, "bytes": 70},
        named | {"dt": "2026-09-30", "files": 2, "bytes": 42},
    ]
    table = aws.run("partitions", "video_play_events", *DEMO).out
    assert re.search(r"2026-09-30 +2 +- +42", table)


def test_a_query_is_answered_by_athena_with_what_it_charges(aws):
    before = len(aws.queries())
    aws.will_answer(PLAYS, [("v-001", "1234")], [("v-001", "1234")])
    table = aws.run("query", DAY_SQL, *DEMO).out
    assert re.search(r"v-001 +1,234", table)
    assert "Scanned 1 of 2 partitions, 0 B. Athena charges $0.00005." in table
    ran = aws.run("query", DAY_SQL, *DEMO, "--format", "json")
    assert rows(ran) == [{"video_id": "v-001", "plays": 1234}]
    assert ran.err.startswith("Scanned 1 of 2 partitions")
    assert asked(aws, before) == [DAY_SQL, DAY_SQL]
    assert {each["WorkGroup"] for each in aws.queries()[before:]} == {NAME}


def test_an_export_from_athena_is_every_row_as_csv(aws, tmp_path):
    columns = {"dt": "varchar", "plays": "bigint"}
    aws.will_answer(columns, [(f"2026-09-{day}", str(day)) for day in range(10, 31)])
    file = tmp_path / "daily.csv"
    ran = aws.run("export", "daily_plays", "--csv", file, *DEMO)
    assert "Wrote 21 rows" in ran.out
    read = list(csv.DictReader(io.StringIO(file.read_text())))
    assert read[-1] == {"dt": "2026-09-30", "plays": "30"}


def test_a_full_scan_is_refused_before_athena_is_asked(aws):
    before = len(aws.queries())
    ran = aws.run("query", "SELECT COUNT(*) FROM video_play_events", *DEMO)
    assert (ran.code, ran.out) == (3, "")
    assert "WHERE dt = '2026-09-30'" in ran.err
    assert asked(aws, before) == []


def test_rejected_reads_the_newest_days_first_and_no_more_than_it_needs(aws):
    before = len(aws.queries())
    event = [("2026-09-07 01:02:03.004", "not_json", "it is no JSON", "{")]
    aws.will_answer(REJECTED, event, [], 2 * event)
    found = rows(aws.run("rejected", "--limit", 3, *DEMO, "--format", "json"))
    assert [each["reason"] for each in found] == ["not_json"] * 3
    spans = [re.findall(r"'(2026-[0-9-]+)'", sql) for sql in asked(aws, before)]
    assert spans == [
        ["2026-09-07", "2026-09-07"],
        ["2026-09-05", "2026-09-06"],
        ["2026-09-01", "2026-09-04"],
    ]
    assert [sql.rsplit("LIMIT ")[-1] for sql in asked(aws, before)] == ["3", "2", "2"]


def test_ctrl_c_stops_the_query_in_athena_too(aws):
    before = len(aws.queries())
    aws.let_queries_run(seconds=60)
    try:
        process = aws.start("query", DAY_SQL, *DEMO)
        eventually(lambda: _is(len(aws.queries()), before + 1), seconds=30)
        ran = interrupt(process)
        assert (ran.code, ran.out, ran.err) == (130, "", "")
        assert aws.queries()[-1]["Status"]["State"] == "CANCELLED"
    finally:
        aws.let_queries_run(seconds=0)


def _is(value, expected):
    assert value == expected


def test_a_person_at_a_terminal_sees_how_far_athena_is(aws):
    aws.let_queries_run(seconds=60)
    terminal, its_end = pty.openpty()
    try:
        with aws.start("query", DAY_SQL, *DEMO, stderr=its_end) as process:
            shown = ""
            while "Asking Athena: queued for " not in shown:
                shown += os.read(terminal, 4096).decode()
            assert interrupt(process).code == 130
    finally:
        aws.let_queries_run(seconds=0)
        os.close(terminal)
        os.close(its_end)


def test_simulated_traffic_is_posted_to_the_stacks_url(aws, tmp_path):
    with running_dev(tmp_path / "data", "--quiet") as dev:
        aws.deploy("playlake-posted-dev", OUTPUTS | {"Url": dev.url})
        scenario = ("--viewers", 3, "--days", 1, "--until", "2026-09-30")
        ran = aws.run("simulate", *scenario, "--identifier", "posted")
        assert ran.code == 0, ran.err
        assert f"requests to {dev.url}." in ran.out
        dev.stop()
    assert (tmp_path / "data" / "lake" / "video_play_events").is_dir()


def verdicts(ran):
    return {each["check"]: each["verdict"] for each in json.loads(ran.out)}


def test_doctor_finds_nothing_wrong_and_says_what_it_could_not_check(aws):
    ran = aws.run("doctor", *DEMO, "--format", "json")
    found = verdicts(ran)
    assert ran.code == 0, ran.out
    for check in ("python", "region", "credentials", "clock", "stack"):
        assert found[check] == "ok", ran.out
    assert set(found) >= {"permissions", "quotas"}


def test_doctor_fails_when_a_check_does_and_says_what_to_do(aws):
    ran = aws.run("doctor", "--identifier", "other", "--format", "json")
    assert (ran.code, verdicts(ran)["stack"]) == (1, "failed")
    assert "npx serverless deploy --identifier other" in ran.out
    table = aws.run("doctor", AWS_REGION="eu-wst-1")
    assert table.code == 1
    assert re.search(r"^failed +region +.*eu-wst-1.*--region", table.out, re.MULTILINE), table.out


def test_doctor_finds_a_clock_that_aws_would_refuse(aws, monkeypatch):
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    fast = datetime.now(UTC) + timedelta(minutes=10)
    found = {each.check: each for each in check_up(Session("eu-west-1"), None, lambda: fast)}
    assert found["clock"].verdict is Verdict.FAILED
    assert "ahead of AWS's" in found["clock"].detail


def test_doctor_without_credentials_says_how_to_get_some(aws):
    alone = nobody() | {"AWS_REGION": "eu-west-1"}
    ran = run_playlake("doctor", "--format", "json", environment=alone)
    assert (ran.code, verdicts(ran)["credentials"]) == (1, "failed")
    assert "aws sso login" in ran.out
    assert "stack" not in verdicts(ran)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("info", "--identifier", "gone"), 2, "No stack playlake-gone-dev in eu-west-1"),
        (("query", DAY_SQL, *DEMO, "--stage", "prod"), 2, "--identifier demo --stage prod"),
        (("info", "--identifier", "My-Site"), 2, "'My-Site' can't be used"),
        (("info", *DEMO, "--stage", "production"), 2, "'production' can't be used"),
        (("info", *DEMO, "--profile", "nobody"), 2, "aws configure list-profiles"),
        (("info", *DEMO, "--region", "not a region"), 2, "--region"),
        (("info",), 2, "--identifier"),
        (("info", "--identifier", "demo", "--nonsense"), 2, "--nonsense"),
        (("partitions", *DEMO, "--data", "data"), 2, "give one of them"),
        (("partitions", "--region", "eu-west-1"), 2, "--region is about a stack"),
        (("simulate", *DEMO, "--to", "http://127.0.0.1:9"), 2, "--to"),
        (("query", "SELECT nope FROM video_play_events WHERE dt = '2026-01-01'", *DEMO), 2, "nope"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(aws, arguments, code, words):
    ran = aws.run(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.count("\n") == 1, ran.err
    assert words in ran.err


@pytest.mark.parametrize(
    ("environment", "code", "words"),
    [
        ({"AWS_REGION": "eu-west-1"}, 2, "aws sso login"),
        ({}, 2, "No region is named"),
        (
            {
                "AWS_REGION": "eu-west-1",
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            },
            1,
            "AWS does not answer at http://127.0.0.1:9",
        ),
    ],
    ids=["no credentials", "no region", "nobody listens"],
)
def test_what_the_environment_lacks_is_one_line_with_what_to_do(environment, code, words):
    began = time.monotonic()
    ran = run_playlake("partitions", *DEMO, environment=nobody() | environment)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.count("\n") == 1, ran.err
    assert words in ran.err
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("module", ["boto3", "botocore"])
def test_without_boto3_a_stack_is_out_of_reach_and_the_sentence_says_how_to_reach_it(module):
    ran = run_without(module, nobody(), "info", *DEMO)
    assert (ran.code, ran.out) == (2, "")
    assert "playlake[aws]" in ran.err
    assert ran.err.count("\n") == 1
