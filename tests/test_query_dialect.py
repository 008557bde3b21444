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
    ],
)
def test_an_expression_means_what_it_means_in_athena(engine, expression, value):
    with engine.query(f"SELECT {expression} AS it") as answer:
        ((found,),) = answer
    assert found == value
