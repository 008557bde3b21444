"""What the dashboard asks: over HTTP the same answers as by the command line, and true ones."""

import csv
import io
import json
import re
import signal
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from catalog.answer import Answer, AnswerColumn
from catalog.cost import Scanned
from catalog.named import named_queries
from events.errors import CatalogUnavailable
from playlake.cli.desk import desk_over
from playlake.local.folder import DataFolder
from playlake.simulation.truth import Truth
from playlake.simulation.verification import Comparison
from playlake.web.dashboard.asking import with_values
from playlake.web.dashboard.routes import Desk, dashboard_routes
from playlake.web.serving import serving_app
from playlake.web.site import site
from tests.aws.dashboard import records
from tests.conftest import PLAYLAKE, eventually, run_playlake
from tests.records import LAB_CLICK, LAB_PLAY

TODAY = date(2026, 11, 24)
DAYS = 8


class Asked:
    """A simulated lake, its truth, and the dashboard's API over it."""

    def __init__(self, data, truth, url, until):
        self.data, self.truth, self.url, self.until = data, truth, url, until
        self.since = until - timedelta(days=DAYS - 1)

    @property
    def days(self):
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}

    def get(self, path, **query):
        return httpx.get(f"{self.url}/api/{path}", params=query, timeout=30)

    def report(self, name, **query):
        answer = self.get(f"reports/{name}", **self.days, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, name, **query):
        return records(self.report(name, **query))

    def told(self, command, name, *options):
        days = [f"--{option}={day}" for option, day in self.days.items()]
        return run_playlake(command, name, *days, "--data", self.data, *options)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboard")
    data, truth = folder / "data", folder / "truth.json"
    ran = run_playlake(
        *("simulate", "--viewers", "30", "--days", str(DAYS), "--seed", "7"),
        *("--data", data, "--truth", truth),
    )
    assert ran.code == 0, ran.err
    saved = json.loads(truth.read_text())
    until = datetime.now(UTC).date()
    with (
        desk_over(DataFolder(data), "127.0.0.1") as desk,
        serving_app(site(dashboard_routes(desk))) as url,
    ):
        yield Asked(data, Truth.from_dict(saved["truth"]), url, until)


@pytest.fixture(scope="module")
def a_video(asked):
    return asked.rows("play_time_by_video")[0]["video_id"]


def of_one(named, a_video):
    """The parameters that a report cannot do without, as a URL has them."""
    needed = {each.name for each in named.parameters if each.default is None}
    return {"video_id": a_video, "user_id": "1001"}.items() & {
        (name, {"video_id": a_video, "user_id": "1001"}[name]) for name in needed
    }


@pytest.mark.parametrize("named", named_queries(), ids=lambda each: each.name)
def test_each_report_is_what_the_command_line_says(asked, a_video, named):
    about = dict(of_one(named, a_video))
    options = [f"--{name.replace('_', '-')}={value}" for name, value in about.items()]
    told = asked.told("report", named.name, *options, "--format", "json")
    assert told.code == 0, told.err
    assert asked.rows(named.name, **about) == json.loads(told.out)


ON_ARRIVALS = {"lateness", "sequence_gaps"}
"""About how events came, which is not the simulator's to tell; see tests/test_audit_reports.py."""
OVER_ALL = [
    each.name
    for each in named_queries()
    if all(one.default for one in each.parameters) and each.name not in ON_ARRIVALS
]


@pytest.mark.parametrize("name", OVER_ALL)
def test_each_number_is_the_simulators_truth(asked, name):
    expected = getattr(asked.truth, name)(asked.since, asked.until)
    answered = asked.rows(name)
    for row in answered:
        if "minute" in row:  # a time is text in JSON
            row["minute"] = datetime.fromisoformat(row["minute"])
    assert Comparison(name, answered, expected).equal
    assert answered


def test_the_csv_is_what_export_writes(asked, tmp_path):
    file = tmp_path / "viewers.csv"
    assert asked.told("export", "watch_time_by_user", "--csv", file).code == 0
    answer = asked.get("reports/watch_time_by_user", **asked.days, format="csv", limit=1)
    assert answer.content == file.read_bytes()
    assert answer.headers["content-type"].startswith("text/csv")
    name = f"watch_time_by_user_{asked.since}_{asked.until}.csv"
    assert name in answer.headers["content-disposition"]
    assert len(list(csv.reader(io.StringIO(answer.text)))) > 2


def test_export_writes_into_a_pipe(asked):
    ran = asked.told("export", "daily_plays", "--csv", "/dev/stdout")
    assert ran.code == 0, ran.err
    assert ran.out.startswith(asked.get("reports/daily_plays", **asked.days, format="csv").text)


def test_the_sql_beside_an_answer_gives_that_answer_again(asked, a_video):
    answer = asked.report("retention", video_id=a_video)
    assert f"video_id = '{a_video}'" in answer["sql"]
    again = run_playlake("query", answer["sql"], "--format", "json", "--data", asked.data)
    assert [list(row.values()) for row in json.loads(again.out)] == answer["rows"] != []


def test_a_quote_in_a_value_stays_in_its_literal():
    sql = with_values("SELECT x::text, ':id' WHERE v = :id", {"id": "a' OR '1'='1"})
    assert sql.endswith("WHERE v = 'a'' OR ''1''=''1'")
    assert sql.startswith("SELECT x::text")


def test_an_answer_says_what_it_scanned_and_what_athena_would_charge(asked):
    scanned = asked.report("daily_plays")["scanned"]
    told = asked.told("report", "daily_plays").out
    assert f"{scanned['partitions_read']} of {scanned['partitions_total']} partitions" in told
    assert (scanned["charged"], scanned["files"]) == (False, scanned["partitions_read"])
    assert scanned["bytes"] > 0
    assert scanned["cost_usd"] == pytest.approx(10 * 5 / 2**20)


def test_a_limited_answer_says_that_there_is_more(asked):
    everyone = asked.report("watch_time_by_user")
    most = asked.report("watch_time_by_user", limit=3)
    assert (most["rows"], most["more"]) == (everyone["rows"][:3], True)
    assert everyone["more"] is False


def test_the_reports_are_listed_with_what_they_take(asked):
    listed = {each["name"]: each for each in asked.get("reports").json()}
    assert list(listed) == [each.name for each in named_queries()]
    needed = [each["name"] for each in listed["retention"]["parameters"] if each["required"]]
    assert needed == ["video_id"]
    assert listed["daily_plays"]["title"] == "Daily plays"


def test_the_videos_are_those_that_were_played_the_most_played_first(asked):
    videos = asked.get("videos", **asked.days).json()["videos"]
    assert videos == asked.truth.play_time_by_video(asked.since, asked.until)


def test_a_range_without_a_play_has_no_rows(asked):
    answer = asked.get("reports/daily_plays", since="2020-01-01", until="2020-01-02").json()
    assert answer["rows"] == []
    assert answer["scanned"]["partitions_read"] == 0


def test_every_day_that_could_be_is_a_range_too(asked, tmp_path):
    since, until = "0001-01-01", "9999-12-31"
    answer = asked.get("reports/daily_plays", since=since, until=until).json()
    assert len(answer["rows"]) >= DAYS - 1
    of_all = ("--since", since, "--until", until, "--data", asked.data)
    told = run_playlake("report", "daily_plays", *of_all, "--format", "json")
    assert len(json.loads(told.out)) == len(answer["rows"])
    assert run_playlake("export", "daily_plays", "--csv", tmp_path / "all.csv", *of_all).code == 0


@pytest.mark.parametrize(
    ("path", "status", "code", "sentence"),
    [
        ("reports/nope", 404, "unknown_name", "There is no query 'nope'. There is: browser_mix"),
        ("reports/daily_plays?since=soon", 400, "bad_request", "since 'soon' is no day"),
        ("reports/daily_plays?since=2026-02-02&until=2026-02-01", 400, "bad_request", "swap them"),
        ("reports/daily_plays?video_id=x", 400, "bad_request", "has no parameter :video_id"),
        ("reports/retention", 400, "bad_request", ":video_id is required"),
        ("reports/sessions_by_platform?user_id=x", 400, "bad_request", "is a bigint, not 'x'"),
        ("reports/daily_plays?format=xml", 400, "bad_request", "json or csv, not 'xml'"),
        ("reports/daily_plays?limit=0", 400, "bad_request", "from 1 to 200,000, not '0'"),
        (f"reports/daily_plays?limit={'1'.zfill(20)}", 400, "bad_request", "from 1 to 200,000"),
        (f"reports/daily_plays?limit=00{10**9}", 400, "bad_request", "from 1 to 200,000"),
        ("nothing", 404, "not_found", "There is no /api/nothing"),
        ("live", 404, "not_live", "`playlake dev` shows them"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(asked, path, status, code, sentence):
    answer = httpx.get(f"{asked.url}/api/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert sentence in answer.json()["error"]["message"]


def test_a_page_whose_name_was_pointed_at_this_machine_learns_nothing(asked):
    for host in ("rebound.example", "rebound.example:80", ""):
        answer = httpx.get(f"{asked.url}/api/videos", headers={"host": host})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "unknown_host")
    for host in ("localhost:8080", "127.0.0.1", "[::1]:9"):
        assert httpx.get(f"{asked.url}/api/place", headers={"host": host}).status_code == 200


class SlowEngine:
    """Answers once it is let; then as if there were nothing, or fails with `error`."""

    def __init__(self, error=None):
        self.error = error
        self.let, self.asked, self.closed = (threading.Event() for _ in range(3))

    def query(self, sql, *, full_scan=False, parameters=None):
        self.asked.set()
        assert self.let.wait(10)
        if self.error:
            raise self.error
        scanned = Scanned(20_000_000, 1, 2, None, None)
        return Answer((AnswerColumn("n", "bigint"),), iter([(1,)]), scanned, self.closed.set)


@pytest.fixture
def served():
    """Serves the API over an engine; gives the URL."""
    with ThreadPoolExecutor(1) as pool:

        def serve(engine):
            return serving_app(
                site(dashboard_routes(Desk(engine, pool, "somewhere", lambda: TODAY, "--data x")))
            )

        yield serve


def test_while_a_query_runs_the_server_answers_others(served):
    engine = SlowEngine()
    with served(engine) as url, ThreadPoolExecutor(1) as other:
        slow = other.submit(httpx.get, f"{url}/api/reports/daily_plays")
        assert engine.asked.wait(5)
        assert httpx.get(f"{url}/api/place", timeout=2).json() == {
            "place": "somewhere",
            "options": "--data x",
            "today": "2026-11-24",
            "live": False,
        }
        assert not slow.done()
        engine.let.set()
        assert slow.result(5).json()["rows"] == [[1]]


def test_an_answer_that_nobody_waits_for_any_more_is_closed(served):
    engine = SlowEngine()
    with served(engine) as url:
        with socket.create_connection(("127.0.0.1", httpx.URL(url).port)) as client:
            asked = b"GET /api/reports/daily_plays?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n"
            client.sendall(asked)
            assert engine.asked.wait(5)
        time.sleep(0.2)
        engine.let.set()
        assert engine.closed.wait(5)


def test_what_athena_charged_is_not_what_it_would_charge(served):
    engine = SlowEngine()
    engine.let.set()
    with served(engine) as url:
        answer = httpx.get(f"{url}/api/reports/daily_plays").json()
    assert answer["scanned"]["charged"] is True
    assert "dt BETWEEN '2026-10-26' AND '2026-11-24'" in answer["sql"]


def test_an_engine_that_does_not_answer_is_503_with_its_sentence(served):
    engine = SlowEngine(CatalogUnavailable("Athena does not answer: try again."))
    engine.let.set()
    with served(engine) as url:
        answer = httpx.get(f"{url}/api/reports/daily_plays")
    assert answer.status_code == 503
    said = {"code": "unavailable", "message": "Athena does not answer: try again."}
    assert answer.json() == {"error": said}


def events(url, count, last_event_id=""):
    """The first so many server-sent events: (id, data) each."""
    found, current = [], {}
    headers = {"last-event-id": last_event_id}
    with httpx.stream("GET", f"{url}/api/live", headers=headers, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            current[name] = value
            if line == "" and "data" in current:
                found.append((current["id"], json.loads(current["data"])))
                current = {}
                if len(found) == count:
                    return found
    return found


def test_each_event_is_told_as_it_arrives_accepted_or_rejected_with_its_reason(dev):
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(events, dev.url, 3)
        dev.post([LAB_PLAY, LAB_CLICK, {**LAB_PLAY, "started_at": "0"}])
        told = [data for _, data in watching.result(10)]
    accepted = {each["table"]: each for each in told if each["accepted"]}
    assert accepted.keys() == {"video_play_events", "custom_events"}
    assert accepted["video_play_events"]["dt"] == "2018-08-29"
    assert accepted["video_play_events"]["event"]["duration"] == 14_000
    (rejected,) = (each["event"] for each in told if not each["accepted"])
    assert rejected["reason"] == "wrong_type"
    assert json.loads(rejected["payload"])["started_at"] == "0"


def test_an_id_that_no_double_holds_keeps_its_digits(dev):
    ids = [2**53 - 1, 2**53 + 1, 1234567890123456788, 1234567890123456789]
    now = time.time_ns() // 1_000_000
    agent = {"user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"}
    dev.post([{**LAB_PLAY, **agent, "user_id": each, "logged_at": now} for each in ids])
    told = [data for _, data in events(dev.url, len(ids))]
    assert {each["event"]["user_id"] for each in told} == {ids[0], *map(str, ids[1:])}
    assert {json.loads(each["row"])["user_id"] for each in told} == set(ids)
    answer = httpx.get(f"{dev.url}/api/reports/watch_time_by_user").json()
    assert {row[0] for row in answer["rows"]} == set(map(str, ids))


def test_who_comes_back_is_told_only_what_came_since(dev):
    dev.post(LAB_CLICK)
    ((first, _),) = events(dev.url, 1)
    dev.post(LAB_PLAY)
    ((second, told),) = events(dev.url, 1, first)
    assert told["table"] == "video_play_events"
    assert second != first
    ((again, _),) = events(dev.url, 1, "another-servers-9")
    assert again == first


def test_a_batch_of_many_is_told_by_its_last_events_and_a_number(dev):
    dev.post([{**LAB_PLAY, "event_id": f"e{n:03}"} for n in range(300)])
    told = [data for _, data in events(dev.url, 51)]
    assert told[0]["omitted"] == 250
    assert len([each for each in told if "event" in each]) == 50


def test_a_page_that_watches_keeps_nobody_from_stopping(dev):
    with httpx.stream("GET", f"{dev.url}/api/live", timeout=20) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        began = time.monotonic()
        assert "Delivered." in dev.stop()
        assert time.monotonic() - began < 5
        assert list(lines) == [""]


def test_the_command_serves_the_pages_over_a_folder(asked):
    command = [*PLAYLAKE, "dashboard", "--port", "0", "--data", str(asked.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = re.search(r"serves (http://127\.0\.0\.1:\d+)/dashboard/ over", line)[1]
        eventually(lambda: httpx.get(f"{url}/healthz").raise_for_status())
        page = httpx.get(f"{url}/dashboard", follow_redirects=True)
        assert "Dashboard" in page.text
        assert "default-src 'self'" in page.headers["content-security-policy"]
        answer = httpx.get(f"{url}/api/reports/device_mix", params=asked.days).json()
        assert answer["rows"] == asked.report("device_mix")["rows"]
        assert httpx.post(f"{url}/events", json=LAB_CLICK).status_code == 405
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_folder_that_is_not_there_is_named(tmp_path):
    ran = run_playlake("dashboard", "--port", "0", "--data", tmp_path / "none")
    assert ran.code == 2
    assert str(tmp_path / "none") in ran.err
