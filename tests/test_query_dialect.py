"""What an expression means in Athena is what it means here. The expected values are Trino's."""

import pytest

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dialect")
    with (
        LocalCatalog(folder / "lake", folder / "catalog.db") as catalog,
        DuckDBEngine(catalog) as engine,
    ):
        yield engine


T = "timestamp '2026-11-01 07:54:00'"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("cast(date '2026-11-08' - interval '7' day as varchar)", "2026-11-01"),
        ("cast(date '2026-11-08' + interval '1' month as varchar)", "2026-12-08"),
        ("cast(date_add('day', -7, date '2026-11-08') as varchar)", "2026-11-01"),
        ("cast(date_add('week', 1, date '2026-11-08') as varchar)", "2026-11-15"),
        (f"cast(date({T}) - interval '1' day as varchar)", "2026-10-31"),
        ("date_format(date '2026-11-08' - interval '7' day, '%Y-%m-%d')", "2026-11-01"),
        (f"hour({T} AT TIME ZONE 'America/New_York')", 2),
        (f"hour(at_timezone({T}, 'Asia/Seoul'))", 16),
        ("7 / 2", 3),
        ("(7 / 2) / 2", 1),
        ("7 / 2.0e0", 3.5),
        (r"regexp_extract('zz', '(\d+)')", None),
        (r"regexp_extract('a12', '\d+')", "12"),
        (r"regexp_extract('a12b', 'a(\d)(\d)', 2)", "2"),
        ("""cast(json_extract('{"a":"x"}', '$.a') as varchar)""", "x"),
        ("""json_extract_scalar('{"a":"x"}', '$.a')""", "x"),
        ("""cast(json_extract_scalar('{"a":5}', '$.a') as bigint)""", 5),
        ("cast(2.5e0 as integer)", 3),
        ("cast(-2.5e0 as bigint)", -3),
        ("try_cast('x' as bigint)", None),
        ("date_diff('hour', timestamp '2026-11-24 23:59:00', timestamp '2026-11-25 00:01:00')", 0),
        ("date_diff('day', timestamp '2026-11-30 12:00:00', timestamp '2026-11-29 13:00:00')", 0),
        ("date_diff('day', date '2026-11-08', date '2026-11-01')", -7),
        ("date_diff('month', date '2026-01-31', date '2026-02-01')", 0),
        ("date_diff('month', date '2026-01-31', date '2026-02-28')", 1),
        ("date_diff('hour', date '2026-11-01', date '2026-11-02') / 5", 4),
        ("extract(dow FROM date '2026-11-29')", 7),
        ("day_of_week(date '2026-11-29')", 7),
        ("split_part('a/b', '/', 2)", "b"),
        ("split_part('a/b', '/', 3)", None),
        ("split_part('a/', '/', 2)", ""),
        (r"regexp_replace('v1.2', 'v(\d+)', 'major $1')", "major 1.2"),
        (r"regexp_replace('a1b2', '\d', 'x')", "axbx"),
        ("millisecond(timestamp '2026-11-01 10:07:05.123')", 123),
        ("ceil(7) / 2", 3),
        ("""json_extract_scalar('{"a":{"b":1}}', '$.a')""", None),
        ("""json_extract_scalar('{"a":[1]}', '$.a')""", None),
        ("""json_extract_scalar('{"a":null}', '$.a')""", None),
        ("json_extract_scalar('not json', '$.a')", None),
    ],
)
def test_an_expression_means_what_it_means_in_athena(engine, expression, value):
    with engine.query(f"SELECT {expression} AS it") as answer:
        ((found,),) = answer
    assert found == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [("max_by(a, b)", None), ("max_by(b, b) / 2", 1), ("min_by(a, b)", "x"), ("max_by(a, c)", "x")],
)
def test_the_most_and_the_least_mean_what_they_mean_in_athena(engine, expression, value):
    rows = "(VALUES ('x', 1, 9), (NULL, 3, 2)) AS t (a, b, c)"
    with engine.query(f"SELECT {expression} AS it FROM {rows}") as answer:
        assert list(answer) == [(value,)]


def test_a_zoned_time_within_others_is_answered(engine):
    with engine.query("SELECT array_agg(from_unixtime(0)) AS a") as answer:
        (((found,),),) = answer
    assert str(found) == "1970-01-01 00:00:00"
