"""The engine: the answers, what they scanned, and what is out of reach."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime

import pytest

from catalog.cost import athena_cost_usd
from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from catalog.drivers.sandbox import open_sandbox
from events.errors import PlaylakeError, QueryFailed
from tests.catalog_suite import PLAYS, Lake
from tests.engine_suite import EngineSuite, rows, write_three_days


class TestDuckDbEngine(EngineSuite):
    @pytest.fixture
    def engine(self, catalog):
        with DuckDBEngine(catalog) as engine:
            yield engine

    @pytest.mark.parametrize("sql", ["SELECT 1 / 0", "SELECT * FROM video_play_events"])
    def test_every_error_is_playlakes_own(self, engine, three_days, sql):
        with pytest.raises(PlaylakeError):
            engine.query(sql)


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "it's a lake")


@pytest.fixture
def catalog(lake, tmp_path):
    with LocalCatalog(lake.root, tmp_path / "catalog.db") as catalog:
        yield catalog


@pytest.fixture
def engine(catalog):
    with DuckDBEngine(catalog) as engine:
        yield engine


@pytest.fixture
def three_days(lake, catalog):
    return write_three_days(lake, catalog)


def test_an_answer_says_what_it_scanned(engine, catalog, three_days):
    sql = "SELECT video_id, ended_at FROM video_play_events WHERE dt >= '2026-11-23'"
    scanned = engine.query(sql).scanned
    read = catalog.files(PLAYS, ["2026-11-23", "2026-11-24"])
    needed = [file.column_bytes[name] for file in read for name in ("video_id", "ended_at")]
    assert scanned.bytes == sum(needed)
    assert (scanned.partitions_read, scanned.partitions_total) == (2, 3)
    assert (scanned.files, scanned.rows) == (3, 3)
    assert scanned.athena_cost_usd == athena_cost_usd(sum(needed))


def test_counting_rows_reads_no_column(engine, three_days):
    answer = engine.query("SELECT COUNT(*) FROM video_play_events WHERE dt > '2026-11-22'")
    assert list(answer) == [(3,)]
    assert answer.scanned.bytes == 0


def test_a_table_that_is_read_twice_is_counted_twice_in_bytes_and_once_in_files(
    engine, catalog, three_days
):
    sql = """
        SELECT a.video_id FROM video_play_events a JOIN video_play_events b
        ON a.video_id = b.video_id WHERE a.dt = '2026-11-22' AND b.dt <= '2026-11-23'
    """
    scanned = engine.query(sql).scanned
    first, second = (file.column_bytes["video_id"] for file in catalog.files(PLAYS)[:2])
    assert scanned.bytes == first + (first + second)
    assert (scanned.files, scanned.partitions_read, scanned.partitions_total) == (2, 2, 3)


def test_only_the_files_of_the_selected_days_are_opened(engine, lake, three_days):
    lake.tear(three_days[0])
    sql = "SELECT SUM(ended_at) FROM video_play_events WHERE dt >= '2026-11-23'"
    assert rows(engine, sql) == [(12,)]
    with pytest.raises(QueryFailed):
        rows(engine, "SELECT SUM(ended_at) FROM video_play_events WHERE dt >= '2026-11-22'")


def test_a_file_that_nobody_registered_is_not_read(engine, lake, three_days):
    lake.write("2026-11-24", [{"video_id": "a", "started_at": 0, "ended_at": 99}])
    sql = "SELECT MAX(ended_at) FROM video_play_events WHERE dt = '2026-11-24'"
    assert rows(engine, sql) == [(4,)]


def test_a_file_older_than_a_column_gives_null_for_it(engine, lake, catalog):
    old = lake.write("2026-11-24", [{"event_id": "1"}], columns=["event_id"])
    new = lake.write("2026-11-24", [{"event_id": "2", "video_id": "a"}])
    catalog.register([old, new])
    sql = "SELECT event_id, video_id, dt FROM video_play_events WHERE dt = '2026-11-24' ORDER BY 1"
    assert rows(engine, sql) == [("1", None, "2026-11-24"), ("2", "a", "2026-11-24")]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("json_extract_scalar(properties, '$.name')", "x"),
        ("CAST(json_extract_scalar(properties, '$.n') AS bigint) + 1", 8),
        ("ended_at / 2", 2),
        ("-ended_at / 2", -2),
        ("SUM(ended_at) / COUNT(*)", 5),
        ("AVG(ended_at)", 5.0),
        ("date_trunc('hour', logged_at)", datetime(2026, 11, 24, 10)),  # noqa: DTZ001
        ("from_unixtime(1)", datetime(1970, 1, 1, 0, 0, 1)),  # noqa: DTZ001
        ("date_format(logged_at, '%Y/%m')", "2026/11"),
        ("date_diff('minute', logged_at, timestamp '2026-11-24 11:00:00')", 30),
        ("approx_distinct(video_id)", 1),
        ("max_by(video_id, ended_at)", "a"),
        ("day_of_week(date(dt))", 2),
        ("split_part(dt, '-', 1)", "2026"),
        ("regexp_like(dt, '^2026')", True),
        ("count_if(is_bot)", 0),
        ("sum(ended_at)", 5),
    ],
)
def test_athenas_functions_mean_what_they_mean_in_athena(engine, lake, catalog, expression, value):
    row = {
        "video_id": "a",
        "ended_at": 5,
        "logged_at": datetime(2026, 11, 24, 10, 30),  # noqa: DTZ001
        "properties": '{"name": "x", "n": 7}',
    }
    catalog.register([lake.write("2026-11-24", [row])])
    sql = f"SELECT {expression} FROM video_play_events WHERE dt = '2026-11-24'"
    assert rows(engine, sql) == [(value,)]


def test_today_is_the_utc_day(engine):
    sql = "SELECT date_format(current_timestamp, '%Y-%m-%d') = CAST(current_date AS varchar)"
    assert rows(engine, sql) == [(True,)]
    assert rows(engine, "SELECT CAST(from_unixtime(0) AS varchar) LIKE '1970-01-01 00:00:00%'") == [
        (True,)
    ]


def test_the_engine_reads_no_file_outside_the_lake(lake, tmp_path):
    lake.write("2026-11-24")
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with open_sandbox(lake.root) as connection:
        key = f"{lake.root}/video_play_events/dt=2026-11-24/*.parquet".replace("'", "''")
        assert connection.execute(f"SELECT COUNT(*) FROM read_parquet('{key}')").fetchone() == (1,)
        for sql in (
            f"SELECT * FROM read_csv('{secret}')",
            f"SELECT * FROM '{secret}'",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            f"ATTACH '{tmp_path}/other.db'",
            "INSTALL httpfs",
            "SET enable_external_access = true",
        ):
            with pytest.raises(Exception, match=r"disabled|locked|does not exist"):
                connection.execute(sql)


def test_a_file_that_compaction_took_meanwhile_is_planned_anew(lake, catalog, three_days):
    new = lake.write("2026-11-24", [{"video_id": "c", "ended_at": 5}], name="c0")

    class Compacting:
        """A catalog whose files are swapped right after they were named, once."""

        lake = catalog.lake
        partitions = catalog.partitions
        swapped = False

        def files(self, table, dts=None):
            named = catalog.files(table, dts)
            if not self.swapped:
                self.swapped = True
                catalog.replace(three_days[2:], [new])
                for key in three_days[2:]:
                    lake.delete(key)
            return named

    with DuckDBEngine(Compacting()) as engine:
        sql = "SELECT video_id FROM video_play_events WHERE dt = '2026-11-24'"
        assert rows(engine, sql) == [("c",)]


def test_an_engine_that_is_closed_ends_the_queries_that_run(lake, catalog):
    catalog.register([lake.write("2026-11-24", [{"video_id": "a", "ended_at": 5}] * 300)])
    tables = ", ".join(f"video_play_events AS t{n}" for n in range(4))
    for_seconds = f"SELECT SUM(t0.ended_at - t3.ended_at) FROM {tables}"
    engine = DuckDBEngine(catalog)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(engine.query, for_seconds, full_scan=True) for _ in range(3)]
        wait(asked, timeout=0.5)
        assert not any(each.done() for each in asked)
        engine.close()
        for each in asked:
            with pytest.raises(QueryFailed, match=r"Interrupted|closed"):
                each.result(timeout=5)


def test_a_file_that_was_deleted_behind_the_catalogs_back_is_named(engine, lake, three_days):
    lake.delete(three_days[0])
    with pytest.raises(QueryFailed, match=r"part-0000\.parquet .*sync"):
        engine.query("SELECT video_id FROM video_play_events WHERE dt = '2026-11-22'")


def test_a_folder_whose_name_is_a_pattern_is_not_taken_for_the_one_beside_it(tmp_path):
    lake, beside = Lake(tmp_path / "site[1]*"), Lake(tmp_path / "site1")
    key = lake.write("2026-11-22", [{"video_id": "a"}])
    assert beside.write("2026-11-22", [{"video_id": "b"}]) == key
    sql = "SELECT video_id FROM video_play_events WHERE dt = '2026-11-22'"
    with (
        LocalCatalog(lake.root, tmp_path / "catalog.db") as catalog,
        DuckDBEngine(catalog) as engine,
    ):
        catalog.register([key])
        assert rows(engine, sql) == [("a",)]
        lake.delete(key)
        with pytest.raises(QueryFailed, match=r"part-0000\.parquet .*sync"):
            engine.query(sql)


MEGABYTE = 2**20


@pytest.mark.parametrize(
    ("scanned", "megabytes"),
    [
        (0, 10),
        (10 * MEGABYTE, 10),
        (10 * MEGABYTE + 1, 11),
        (11 * MEGABYTE, 11),
        (MEGABYTE * MEGABYTE, MEGABYTE),
    ],
)
def test_athena_charges_whole_megabytes_and_ten_at_least(scanned, megabytes):
    assert athena_cost_usd(scanned) == pytest.approx(5 * megabytes / MEGABYTE)
