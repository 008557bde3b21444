"""The engine of AWS: the contract of every engine, and what it asks of Athena, word for word."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from datetime import UTC, datetime

import pytest

from catalog.cost import athena_cost_usd
from catalog.drivers.athena import AthenaEngine
from catalog.drivers.athena_rows import answer_columns, read_rows
from catalog.drivers.athena_run import Progress
from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from events.errors import CatalogUnavailable, FullScanRefused, QueryFailed
from tests.athena_double import AthenaDouble
from tests.catalog_suite import Lake
from tests.engine_suite import EngineSuite, rows, write_three_days

DATABASE, WORKGROUP = "playlake_demo_dev", "playlake-demo-dev"
ONE = "SELECT 1 AS one"


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def catalog(lake, tmp_path):
    with LocalCatalog(lake.root, tmp_path / "catalog.db") as catalog:
        yield catalog


@pytest.fixture
def athena(catalog):
    with DuckDBEngine(catalog) as local, AthenaDouble(local, DATABASE) as athena:
        yield athena


class Clock:
    """Time that passes when somebody sleeps; an `interrupt` is raised in the nth sleep."""

    def __init__(self, interrupt=None, at=1):
        self.now = 0.0
        self.sleeps = []
        self.interrupt, self.at = interrupt, at

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds
        if self.interrupt and len(self.sleeps) == self.at:
            raise self.interrupt(1)


def engine_of(catalog, athena, clock=None, **more):
    clock = Clock() if clock is None else clock
    return AthenaEngine(
        catalog, DATABASE, WORKGROUP, athena.client(), clock=clock, sleep=clock.sleep, **more
    )


@pytest.fixture
def engine(catalog, athena):
    with engine_of(catalog, athena) as engine:
        yield engine


class TestAthenaEngine(EngineSuite):
    @pytest.fixture
    def athena(self, catalog):
        with DuckDBEngine(catalog) as local, AthenaDouble(local, DATABASE) as athena:
            yield athena

    @pytest.fixture
    def engine(self, catalog, athena):
        with engine_of(catalog, athena) as engine:
            yield engine

    def test_the_deployed_databases_own_name_is_understood_too(self, engine, athena, three_days):
        sql = f"SELECT video_id FROM {DATABASE}.video_play_events WHERE dt = '2026-11-22'"
        assert rows(engine, sql) == [("a",)]
        assert athena.sql == [sql]


def test_athena_runs_what_the_user_wrote(engine, athena):
    sql = """
-- é: playlake.video_play_events, :day
SELECT  'playlake.custom_events :day' AS "playlake.x",   playlake.dt
FROM (SELECT * FROM "playlake".video_play_events) playlake /* :day */
WHERE playlake.dt=:day AND dt IN ( :day,:day)  ;
"""
    assert rows(engine, sql, parameters={"day": "it's"}) == []
    assert athena.sql == [
        """-- é: playlake.video_play_events, :day
SELECT  'playlake.custom_events :day' AS "playlake.x",   playlake.dt
FROM (SELECT * FROM "playlake_demo_dev".video_play_events) playlake /* :day */
WHERE playlake.dt= 'it''s' AND dt IN ( 'it''s', 'it''s')"""
    ]


def test_a_query_runs_in_the_deployed_workgroup_and_database(engine, athena):
    rows(engine, ONE)
    (execution,) = athena.executions.values()
    assert execution.request["WorkGroup"] == WORKGROUP
    assert execution.request["QueryExecutionContext"] == {"Database": DATABASE}


def test_what_is_refused_costs_nothing(engine, athena):
    with pytest.raises(FullScanRefused):
        engine.query("SELECT * FROM playlake.video_play_events")
    assert athena.calls.total() == 0


def test_the_bytes_and_the_cost_are_athenas(engine, athena, lake, catalog):
    write_three_days(lake, catalog)
    answer = engine.query("SELECT * FROM video_play_events WHERE dt = '2026-11-24'")
    (execution,) = athena.executions.values()
    assert answer.scanned.bytes == execution.scanned > 0
    assert answer.scanned.athena_cost_usd == athena_cost_usd(execution.scanned)
    assert (answer.scanned.files, answer.scanned.rows) == (None, None)


def test_progress_is_told_while_athena_works(catalog, athena, lake):
    write_three_days(lake, catalog)
    heard = []
    athena.states = ("QUEUED", "RUNNING", "RUNNING")
    with engine_of(catalog, athena, on_progress=heard.append) as engine:
        answer = engine.query("SELECT * FROM video_play_events WHERE dt = '2026-11-24'")
    assert [each.state for each in heard] == ["QUEUED", "RUNNING", "RUNNING", "SUCCEEDED"]
    assert heard[0].scanned_bytes == 0
    assert heard[1].scanned_bytes == answer.scanned.bytes
    assert [each.elapsed_seconds for each in heard] == pytest.approx([0, 0.2, 0.5, 0.95])


def test_progress_reads_as_a_line():
    assert str(Progress("RUNNING", 3.4, 3 * 2**29)) == "running for 3 s, 1,536.0 MB read"
    assert str(Progress("QUEUED", 0.2, 0)) == "queued for 0 s"


def test_a_long_query_is_looked_at_every_two_seconds_at_most(catalog, athena):
    clock = Clock()
    athena.states = ("RUNNING",) * 20
    with engine_of(catalog, athena, clock) as engine:
        rows(engine, ONE)
    assert sorted(clock.sleeps) == clock.sleeps
    assert clock.sleeps[-1] == 2.0


def test_rows_are_asked_for_as_they_are_read(engine, athena, lake, catalog):
    catalog.register([lake.write("2026-11-24", [{"seq": n} for n in range(2_500)])])
    answer = engine.query("SELECT seq FROM video_play_events WHERE dt = '2026-11-24'")
    assert athena.calls["GetQueryResults"] == 1
    assert len(list(answer)) == 2_500
    assert athena.calls["GetQueryResults"] == 3


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_query_whose_asker_goes_away_is_stopped(catalog, athena, interrupt):
    with engine_of(catalog, athena, Clock(interrupt, at=2)) as engine:
        with pytest.raises(interrupt):
            engine.query(ONE)
        assert athena.stopped == list(athena.executions)


def test_an_observer_that_fails_stops_the_query(catalog, athena):
    def fail(progress):
        raise KeyboardInterrupt

    with engine_of(catalog, athena, on_progress=fail) as engine, pytest.raises(KeyboardInterrupt):
        engine.query(ONE)
    assert athena.stopped == list(athena.executions)


def test_a_query_that_was_interrupted_before_athena_said_its_id_is_stopped(catalog, athena):
    class Interrupted:
        """A client whose first answer never arrives."""

        def __init__(self, client):
            self._client = client
            self._first = True

        def __getattr__(self, name):
            return getattr(self._client, name)

        def start_query_execution(self, **request):
            answer = self._client.start_query_execution(**request)
            if self._first:
                self._first = False
                raise KeyboardInterrupt
            return answer

    client = Interrupted(athena.client())
    with AthenaEngine(catalog, DATABASE, WORKGROUP, client) as engine:
        with pytest.raises(KeyboardInterrupt):
            engine.query(ONE)
        assert len(athena.executions) == 1
        assert athena.stopped == list(athena.executions)


def test_closing_the_engine_stops_what_another_thread_asked(catalog, athena):
    athena.states = ("RUNNING",) * 10_000
    running, raised = threading.Event(), []
    engine = engine_of(catalog, athena, on_progress=lambda _: running.set())

    def ask():
        try:
            engine.query(ONE)
        except QueryFailed as error:
            raised.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    assert running.wait(10)
    engine.close()
    asking.join(10)
    assert raised == ["The query was cancelled in Athena: Query cancelled by user"]


ASK = """
import sys
import boto3
from pathlib import Path
from catalog.drivers.athena import AthenaEngine
from catalog.drivers.local import LocalCatalog

url, lake, database = sys.argv[1:]
client = boto3.client("athena", endpoint_url=url, region_name="us-east-1",
                      aws_access_key_id="test", aws_secret_access_key="test")
with LocalCatalog(Path(lake), Path(database)) as catalog:
    with AthenaEngine(catalog, "playlake_demo_dev", "playlake-demo-dev", client) as engine:
        engine.query("SELECT 1 AS one")
"""


def test_ctrl_c_stops_the_query_in_athena(athena, lake, tmp_path):
    looked = threading.Event()
    athena.states = ("RUNNING",) * 10_000
    athena.before_answering["GetQueryExecution"] = looked.set
    command = [sys.executable, "-c", ASK, athena.url, str(lake.root), str(tmp_path / "c.db")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as asking:
        assert looked.wait(60)
        os.kill(asking.pid, signal.SIGINT)
        assert asking.wait(30) != 0
    assert len(athena.stopped) == 1


def test_the_workgroups_scan_limit_is_said_with_what_to_do(engine, athena):
    athena.failure = ("CANCELLED", "Query cancelled! : Bytes scanned limit was exceeded")
    with pytest.raises(QueryFailed) as raised:
        engine.query(ONE)
    assert "workgroup playlake-demo-dev lets no query read more. Ask for fewer days" in str(
        raised.value
    )
    assert athena.stopped == []


def test_a_failure_is_said_in_athenas_own_words_in_one_line(engine, athena):
    athena.failure = ("FAILED", "COLUMN_NOT_FOUND: line 1:8:\n  Column 'x' cannot be resolved")
    with pytest.raises(QueryFailed) as raised:
        engine.query(ONE)
    assert str(raised.value) == (
        "The query failed in Athena: COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved"
    )


def test_a_file_that_was_compacted_away_under_the_query_is_said_with_what_to_do(engine, athena):
    athena.failure = ("FAILED", "HIVE_UNKNOWN_ERROR: The specified key does not exist. (NoSuchKey)")
    with pytest.raises(QueryFailed, match="Run the query again"):
        engine.query(ONE)


@pytest.mark.parametrize(
    "operation", ["StartQueryExecution", "GetQueryExecution", "GetQueryResults"]
)
@pytest.mark.parametrize(
    ("status", "code"), [(400, "ThrottlingException"), (500, "InternalServerException")]
)
def test_a_call_that_is_throttled_or_breaks_is_tried_again(engine, athena, operation, status, code):
    athena.faults[operation] = deque([(status, code, "Rate exceeded")])
    assert rows(engine, ONE) == [(1,)]
    assert len(athena.executions) == 1


@pytest.mark.parametrize(
    ("operation", "code", "message", "kind", "sentence"),
    [
        (
            "StartQueryExecution",
            "AccessDeniedException",
            "User: x is not authorized",
            CatalogUnavailable,
            "Athena did not start the query: StartQueryExecution is not allowed: User: x is not",
        ),
        (
            "StartQueryExecution",
            "InvalidRequestException",
            "WorkGroup playlake-demo-dev is not found.",
            CatalogUnavailable,
            "Athena has no workgroup playlake-demo-dev that can be used: deploy first",
        ),
        (
            "StartQueryExecution",
            "InvalidRequestException",
            "line 1:1: mismatched input",
            QueryFailed,
            "Athena refused the query: line 1:1: mismatched input",
        ),
        (
            "StartQueryExecution",
            "ExpiredTokenException",
            "The security token included in the request is expired",
            CatalogUnavailable,
            "log in again",
        ),
        (
            "GetQueryResults",
            "AccessDeniedException",
            "no s3:GetObject",
            CatalogUnavailable,
            "Athena did not give the rows: GetQueryResults is not allowed: no s3:GetObject",
        ),
    ],
)
def test_a_refusal_says_what_was_refused_and_what_to_do(  # noqa: PLR0917
    engine, athena, operation, code, message, kind, sentence
):
    athena.faults[operation] = deque([(400, code, message)])
    with pytest.raises(kind) as raised:
        rows(engine, ONE)
    assert sentence in str(raised.value)


def test_a_look_that_is_refused_stops_the_query(engine, athena):
    athena.faults["GetQueryExecution"] = deque([(400, "AccessDeniedException", "no")])
    with pytest.raises(CatalogUnavailable, match="GetQueryExecution is not allowed"):
        engine.query(ONE)
    assert athena.stopped == list(athena.executions)


def test_more_queries_than_the_account_may_run_are_said_to_be_so(engine, athena):
    refused = (400, "TooManyRequestsException", "You have exceeded the limit")
    athena.faults["StartQueryExecution"] = deque([refused] * 3)
    with pytest.raises(CatalogUnavailable, match="as many queries as it may at once"):
        engine.query(ONE)
    assert athena.executions == {}


def test_a_query_longer_than_athena_takes_is_not_sent(engine, athena):
    with pytest.raises(QueryFailed, match="262,144"):
        engine.query(f"SELECT '{'é' * 131_072}' AS long")
    assert athena.calls.total() == 0


def utc(*parts):
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("timestamp with time zone", "2026-11-24 10:30:00.000 UTC", utc(2026, 11, 24, 10, 30)),
        (
            "timestamp with time zone",
            "2026-11-24 10:30:00.000 Europe/Paris",
            utc(2026, 11, 24, 9, 30),
        ),
        ("timestamp with time zone", "2026-11-24 10:30:00.000 -07:00", utc(2026, 11, 24, 17, 30)),
        ("timestamp", "+10000-01-01 00:00:00.000", "+10000-01-01 00:00:00.000"),
        ("double", "1.0E10", 1e10),
        ("double", "-Infinity", float("-inf")),
        ("varbinary", "", b""),
        ("varbinary", "00 ff", b"\x00\xff"),
        ("json", '{"a":1}', '{"a":1}'),
        ("array", "[1, null]", "[1, null]"),
        ("map", "{a=1}", "{a=1}"),
        ("row", "{a=1, b=null}", "{a=1, b=null}"),
        ("interval day to second", "1 00:00:00.000", "1 00:00:00.000"),
        ("char", "a ", "a "),
        ("unknown", None, None),
    ],
)
def test_what_athena_alone_writes_is_read(kind, text, value):
    columns = answer_columns({"ColumnInfo": [{"Name": "it", "Type": kind}]})
    datum = {} if text is None else {"VarCharValue": text}
    assert list(read_rows(columns, [{"Data": [datum]}])) == [(value,)]
