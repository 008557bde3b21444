"""What docs/security.md promises, tried: each test is an attack, or looks for what must not be."""

import contextlib
import copy
import gzip
import io
import json
import logging
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from catalog.drivers.sandbox import open_sandbox
from catalog.named import named_queries
from events.errors import PlaylakeError, StoreUnavailable
from ingest import settings as ingest_settings
from ingest.handler import collect
from playlake.cli.desk import desk_of_folder
from playlake.testing.stream import MemoryStream
from playlake.web.dashboard.routes import dashboard_routes
from playlake.web.serving import serving_app
from playlake.web.site import site
from tests.conftest import eventually, running_dev
from tests.lambda_context import CONTEXT
from tests.records import LAB_CLICK, LAB_PLAY, lines
from tests.test_transform_handler import firehose_event
from transform.handler import transform

ROOT = Path(__file__).parents[1]
EVENTS = Path(__file__).parent / "events"

# --- DuckDB behind the dashboard ---

DAY = "dt = '2026-11-24'"
REACHING_OUT = (
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_parquet('https://example.com/x.parquet')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/other.db'",
    "ATTACH '/etc/passwd' AS other (TYPE sqlite)",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{folder}/evil.duckdb_extension'",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "SET allowed_paths = ['/etc/passwd']",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "SET temp_directory = '{folder}'",
    "SET extension_directory = '{folder}'",
    "SET log_query_path = '{folder}/log'",
    "PRAGMA enable_profiling = 'json'; PRAGMA profiling_output = '{folder}/profile'; SELECT 1",
)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (folder := tmp_path / "data" / "lake").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("sql", REACHING_OUT)
def test_duckdb_itself_reaches_no_file_and_no_network_and_is_not_talked_out_of_it(
    sql, lake, tmp_path
):
    before = sorted(tmp_path.rglob("*"))
    with open_sandbox(lake) as connection, pytest.raises(Exception, match=_REFUSAL):
        connection.execute(sql.format(folder=tmp_path)).fetchall()
    assert sorted(tmp_path.rglob("*")) == before


_REFUSAL = re.compile(r"disabled|locked|does not exist|not found|Permission Error", re.IGNORECASE)


@pytest.mark.parametrize(
    "sql",
    [
        *REACHING_OUT,
        f"SELECT * FROM video_play_events WHERE {DAY} AND video_id IN (SELECT content FROM"
        " read_text('/etc/passwd'))",
        f"SELECT *, (SELECT content FROM read_text('/etc/passwd')) FROM custom_events WHERE {DAY}",
        f"WITH t AS (SELECT * FROM read_csv('/etc/passwd')) SELECT * FROM t, custom_events"
        f" WHERE {DAY}",
        f"SELECT * FROM video_play_events WHERE {DAY}; SELECT * FROM '/etc/passwd'",
        f"CREATE TABLE t AS SELECT * FROM video_play_events WHERE {DAY}",
        f"DELETE FROM video_play_events WHERE {DAY}",
        f"UPDATE video_play_events SET video_id = 'x' WHERE {DAY}",
        "INSERT INTO custom_events VALUES (1)",
        "DROP TABLE video_play_events",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM information_schema.tables",
        "SELECT getenv('HOME')",
    ],
)
def test_the_engine_answers_selects_over_the_lakes_tables_and_nothing_else(sql, lake, tmp_path):
    with (
        LocalCatalog(lake, tmp_path / "data" / "catalog.db") as catalog,
        DuckDBEngine(catalog) as engine,
    ):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(PlaylakeError) as refused:
            list(engine.query(sql.format(folder=tmp_path), full_scan=True))
        assert "root:" not in str(refused.value)
        assert sorted(tmp_path.rglob("*")) == before


# --- the dashboard's API ---


@pytest.fixture
def api(lake: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    with (
        LocalCatalog(lake, tmp_path / "data" / "catalog.db") as catalog,
        desk_of_folder(catalog, "here", "127.0.0.1") as desk,
        serving_app(site(dashboard_routes(desk))) as url,
        httpx.Client(base_url=f"{url}/api", timeout=20) as client,
    ):
        yield client


SQL = "SELECT content FROM read_text('/etc/passwd')"


@pytest.mark.parametrize("name", ["sql", "query", "q", "statement", "where", "table", "order_by"])
def test_the_api_takes_no_sql_by_any_name(api, name):
    assert api.get(f"/{name}", params={"sql": SQL}).status_code == 404
    answer = api.get("/reports/daily_plays", params={name: SQL})
    assert answer.status_code == 400
    assert "root:" not in answer.text
    assert api.post("/reports/daily_plays", content=SQL).status_code == 405


def test_a_report_is_one_of_the_list_and_its_name_is_no_path(api):
    for name in ("../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "daily_plays.sql", SQL, "%00"):
        assert api.get(f"/reports/{name}").status_code == 404
    assert {each["name"] for each in api.get("/reports").json()} == {
        each.name for each in named_queries()
    }


@pytest.mark.parametrize("hostile", ["x' OR '1'='1", "'; DROP TABLE t; --", "\\' OR 1=1 --", "''"])
def test_a_value_is_a_parameter_whatever_is_in_it(api, hostile):
    days = {"since": "2026-11-20", "until": "2026-11-24"}
    answer = api.get("/reports/retention", params={**days, "video_id": hostile})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == []
    for name in ("since", "until", "limit"):
        refused = api.get("/reports/daily_plays", params={**days, name: hostile})
        assert refused.status_code == 400


# --- no address of a viewer ---

ADDRESS = "203.0.113.77"
SOURCE = "127.0.0.9"  # the connection's own: what the kernel tells the server
PROXIES = (
    "x-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "x-cluster-client-ip",
    "fastly-client-ip",
)


def everything_under(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file, as it is and as it reads."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()
        if path.suffix == ".gz":
            yield path, gzip.decompress(path.read_bytes())
        if path.suffix == ".parquet":
            yield path, json.dumps(pq.read_table(path).to_pylist(), default=str).encode()


def test_no_address_is_kept_in_the_spool_the_archive_the_lake_or_the_log(tmp_path):
    headers = dict.fromkeys(PROXIES, ADDRESS) | {"forwarded": f"for={ADDRESS};proto=https"}
    transport = httpx.HTTPTransport(local_address=SOURCE)
    with running_dev(tmp_path) as dev, httpx.Client(transport=transport) as client:
        for body in (LAB_PLAY, LAB_CLICK, {**LAB_PLAY, "started_at": "0", "video_id": "kept"}):
            answer = client.post(f"{dev.url}/events", json=body, headers=headers)
            assert answer.status_code == 200
        client.post(f"{dev.url}/events", content=b"{", headers=headers)
        client.get(f"{dev.url}/no", headers=headers)
        spooled = list(everything_under(tmp_path))
        told = dev.stop()
    kept = [*spooled, *everything_under(tmp_path)]
    assert any(b"kept" in data for _, data in kept)  # it is looked at where things are
    for address in (ADDRESS, SOURCE):
        assert not [path for path, data in kept if address.encode() in data]
        assert address not in told


@pytest.fixture
def stream(monkeypatch) -> Iterator[MemoryStream]:
    memory = MemoryStream()
    monkeypatch.setitem(ingest_settings.OPENERS, "memory", lambda url: memory)
    monkeypatch.setenv("PLAYLAKE_STREAM", "memory://")
    ingest_settings.wire.cache_clear()
    yield memory
    ingest_settings.wire.cache_clear()


@pytest.mark.parametrize("front", ["http_api", "rest_api", "function_url"])
def test_no_address_that_a_gateway_tells_goes_on_the_stream(front, stream, capsys):
    event = json.loads((EVENTS / f"{front}_post.json").read_text())
    context = event["requestContext"]
    (context["http"] if "http" in context else context["identity"])["sourceIp"] = ADDRESS
    event["headers"] |= dict.fromkeys(PROXIES, ADDRESS)
    assert collect(event, CONTEXT)["statusCode"] == 200
    stream.fail_next()
    assert collect(event, CONTEXT)["statusCode"] == 503
    assert len(stream.records) == 1
    assert ADDRESS.encode() not in stream.records[0]
    assert ADDRESS not in "".join(capsys.readouterr())


# --- logs without bodies ---

MARK = "hush4711"
MARKED = (
    {"action": MARK, "email": MARK},
    {**LAB_PLAY, "video_id": MARK, "started_at": MARK, "user_id": MARK},
    {**LAB_PLAY, "video_id": MARK, "play_id": MARK, "referer": f"https://{MARK}/"},
)
UNREADABLE = (
    f'{{"{MARK}": '.encode(),
    f'["{MARK}"]'.encode(),
    f'{{"{MARK}": NaN}}'.encode(),
    f'{{"a": "{MARK}\xff'.encode("latin-1"),
    f'{{"{MARK}": 1e999}}'.encode(),
    b"[" * 100 + MARK.encode(),
)


def test_devs_log_has_nothing_of_a_body_when_all_is_well_nor_when_it_is_not(tmp_path):
    """With --quiet what is printed is the log: without, each event's fate is what was asked for."""
    with running_dev(tmp_path, "--quiet") as dev:
        for event in MARKED:
            assert dev.post(event, headers={"user-agent": MARK}).status_code == 200
        for body in UNREADABLE:
            assert httpx.post(f"{dev.url}/events?{MARK}", content=body).status_code == 400
        assert httpx.get(f"{dev.url}/{MARK}?{MARK}").status_code == 404
        eventually(lambda: _assert_written(tmp_path), seconds=8)
        # The lake is no folder any more, and every delivery fails from here on.
        # Renamed at once: what is deleted file by file, its upkeep may write into meanwhile.
        (tmp_path / "lake").rename(tmp_path / "gone")
        (tmp_path / "lake").write_text("")
        assert dev.post(list(MARKED)).status_code == 200
        eventually(lambda: _assert_told(dev, "cannot deliver"), seconds=8)
        told = dev.stop()
    assert "records wait" in told.lower()
    assert MARK not in told


def _assert_written(data: Path) -> None:
    assert list(data.rglob("lake/*/dt=*/*.parquet"))


def _assert_told(dev, what: str) -> None:
    assert what in "".join(dev.lines)


@contextlib.contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """What every logger says meanwhile, at any level, whatever its own handlers do."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def test_the_collectors_function_logs_nothing_of_a_body(stream, capsys):
    event = json.loads((EVENTS / "http_api_post.json").read_text())
    with everything_logged() as logged:
        for fails in (False, True):
            for body in (*(json.dumps(each) for each in MARKED), f'{{"{MARK}"', f'["{MARK}"]'):
                stream.fail_next(int(fails))
                answer = collect(copy.deepcopy(event) | {"body": body}, CONTEXT)
                assert MARK not in answer["body"]
            stream.fail_next(0)
    told = "".join(capsys.readouterr()) + logged.getvalue()
    assert "EventsAccepted" in told  # the log was looked at
    assert "did not acknowledge" in told
    assert MARK not in told


def test_the_transforms_function_logs_nothing_of_a_record_nor_does_its_error(
    tmp_path, monkeypatch, capsys
):
    lake = tmp_path / "lake"
    monkeypatch.setenv("PLAYLAKE_LAKE_URI", lake.as_uri())
    event = firehose_event(lines(*MARKED, *UNREADABLE), MARK.encode())
    event["records"][-1]["data"] = f"{MARK}!"  # no base64
    with everything_logged() as logged:
        transform(event, CONTEXT)
        shutil.rmtree(lake)
        lake.write_text("")
        with pytest.raises(StoreUnavailable) as failed:
            transform(event, CONTEXT)
    told = "".join(capsys.readouterr()) + logged.getvalue() + str(failed.value)
    assert "RowsWritten" in told
    assert MARK not in told


# --- the page ---


def test_the_page_says_what_is_tested_and_each_test_it_names_is_there():
    page = (ROOT / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(tests/\w+\.py)`", page))
    assert len(named) > 5
    assert not [each for each in named if not (ROOT / each).exists()]
    assert date.fromisoformat(re.search(r"Last looked at whole: (\S+)\.", page)[1])
