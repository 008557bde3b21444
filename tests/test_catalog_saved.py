"""The named queries as Athena's console gets them: the same answers as the reports."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlglot

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from catalog.named import named_queries, named_query
from catalog.planning import plan
from catalog.rewriting import literal
from catalog.saved import saved_queries
from tests.catalog_suite import Lake
from tests.test_catalog_named import play

DATABASE = "playlake_demo_dev"
TODAY = datetime.now(UTC).date()
NAMES = [query.name for query in named_queries()]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """Over a lake of the last month and a half, in the middle of every day."""
    root = tmp_path_factory.mktemp("saved")
    lake = Lake(root / "lake")
    for back in (0, 1, 28, 29, 30, 45):
        day = (TODAY - timedelta(days=back)).isoformat()
        lake.write(
            day,
            [
                play(f"a{back}", f"v{back % 2}", f"p{back}", 10 + back, user_id=1, seq=1),
                play(f"b{back}", "v0", None, 5_000, viewer_id="x", device_type="mobile"),
                play(f"c{back}", "v1", None, 7, user_id=2, is_bot=True),
            ],
        )
        signals = {"video_id": "v0", "play_id": f"p{back}", "viewer_id": "x"}
        lake.write(
            day,
            [
                {**signals, "event": "play_intent"},
                {**signals, "event": "heartbeat", "logged_at": datetime.fromisoformat(day)},
            ],
            table="video_player_events",
        )
    with LocalCatalog(lake.root, root / "catalog.db") as catalog:
        catalog.sync()
        with DuckDBEngine(catalog) as engine:
            yield engine


def saved(name, database=DATABASE):
    (found,) = [each for each in saved_queries(database) if each.name == name]
    return found


def test_every_named_query_is_saved_with_its_title():
    assert [(each.name, each.title, each.description) for each in saved_queries(DATABASE)] == [
        (each.name, each.title, each.description) for each in named_queries()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_query_is_athenas_sql_over_the_deployed_database(name):
    (statement,) = sqlglot.parse(saved(name).sql, dialect="athena")
    tables = {table.sql("athena") for table in statement.find_all(sqlglot.exp.Table) if table.db}
    ours = {f"{DATABASE}.{name}" for name in ("video_play_events", "video_player_events")}
    assert tables
    assert tables <= ours
    assert ":" not in saved(name).sql.split("SELECT", 1)[1]


@pytest.mark.parametrize("name", NAMES)
def test_what_must_be_given_is_asked_for_in_order(name):
    query = saved(name)
    body = query.sql.split("SELECT", 1)[1]
    assert body.count("?") == len(query.required)
    assert [each.name for each in query.required] == [
        each.name for each in named_query(name).parameters if each.default is None
    ]
    for number, each in enumerate(query.required, 1):
        quoted = ", in single quotes" if each.type == "text" else ""
        assert f"-- Parameter {number} ({each.type}{quoted}): {each.doc}" in query.sql


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_query_answers_as_the_report_does(engine, name):
    given = {each.name: {"bigint": 1, "text": "v0"}[each.type] for each in saved(name).required}
    report = named_query(name)
    expected = engine.query(report.sql, parameters=report.arguments(given, TODAY))
    # What Athena does with execution parameters: each takes the place of a question mark.
    sql = saved(name, "playlake").sql
    for value in given.values():
        sql = sql.replace("?", literal(value), 1)
    answer = engine.query(sql)
    assert answer.columns == expected.columns
    assert answer.scanned == expected.scanned
    rows = list(answer)
    assert rows == list(expected)
    assert rows


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_query_is_bounded_by_its_days(name):
    sql = saved(name, "playlake").sql.replace("?", "1")
    for scan in plan(sql).scans:
        assert scan.restriction is not None
        # A function of `dt` would hide the days from Athena's own pruning.
        assert scan.restriction.sql("athena").startswith("dt BETWEEN ")


def test_a_database_that_osls_still_has_to_name_is_written_as_it_is():
    assert (
        "FROM ${self:custom.database}.video_play_events"
        in saved("daily_plays", "${self:custom.database}").sql
    )
