"""The law of pruning: reading fewer days never changes the answer, and reads no day for nothing.

The oracle is the same SQL over whole tables, in a DuckDB that knows nothing of partitions.
"""

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from tests.catalog_suite import PLAYS, Lake

DAYS = [f"2026-{month}-{day:02}" for month in ("10", "11") for day in (1, 2, 15, 30)]
PLAYER = "video_player_events"
ROWS = {
    table: [
        {"dt": day, "video_id": video, "seq": (place * step) % 5}
        for place, day in enumerate(DAYS)
        for video in "ab"
    ]
    for table, step in ((PLAYS, 2), (PLAYER, 3))
}

days = st.sampled_from([*DAYS, "2026-10-31", "2027-01-01", "1999-01-01", ""])
on_dt = st.one_of(
    st.builds("{{0}}dt {} '{}'".format, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), days),
    st.builds("{{0}}dt BETWEEN '{}' AND '{}'".format, days, days),
    st.builds("{{0}}dt IN ('{}', '{}')".format, days, days),
    st.builds("{{0}}dt LIKE '2026-1{}-{}%'".format, st.sampled_from("01"), st.sampled_from("013")),
    st.builds("SUBSTR({{0}}dt, 6, 2) = '{}'".format, st.sampled_from(["10", "11"])),
    st.builds("date({{0}}dt) >= date '{}'".format, st.sampled_from(DAYS)),
    st.builds(
        "{{0}}dt > date_format(date '{}' - interval '3' day, '%Y-%m-%d')".format,
        st.sampled_from(DAYS),
    ),
    # What a row that an outer join fills with NULLs passes, or not.
    st.sampled_from(
        ["{0}dt IS NULL", "{0}dt IS NOT NULL", "COALESCE({0}dt, '2026-10-01') = '2026-10-01'"]
    ),
)
on_other = st.sampled_from(["{0}video_id = 'a'", "{0}seq > 2", "{0}dt < {0}video_id"])


def combined(of):
    """Predicates of predicates: and, or, not."""
    return st.recursive(
        of,
        lambda inner: st.one_of(
            st.builds("({} AND {})".format, inner, inner),
            st.builds("({} OR {})".format, inner, inner),
            st.builds("NOT ({})".format, inner),
        ),
        max_leaves=4,
    )


PLAIN = "SELECT dt, video_id, seq FROM video_play_events WHERE {p}"
SHAPES = [
    PLAIN,
    "WITH x AS (SELECT * FROM video_play_events WHERE {q}) SELECT dt, seq FROM x WHERE {p}",
    "WITH x AS (SELECT * FROM video_play_events)"
    " SELECT a.dt, b.dt FROM x a JOIN x b ON a.video_id = b.video_id WHERE {pa} AND {qb}",
    "WITH x AS (SELECT * FROM video_play_events)"
    " SELECT dt, seq FROM x WHERE {p} UNION ALL SELECT dt, COUNT(*) FROM x GROUP BY dt",
    "SELECT dt, n FROM (SELECT dt, COUNT(*) n FROM video_play_events GROUP BY dt) WHERE {d}",
    "SELECT dt, n FROM (SELECT dt, COUNT(*) n FROM video_play_events GROUP BY ROLLUP (dt))"
    " WHERE {d}",
    "SELECT dt, n FROM (SELECT dt, COUNT(*) OVER (PARTITION BY seq) n FROM video_play_events)"
    " WHERE {d}",
    "SELECT dt, seq FROM (SELECT dt, seq FROM video_play_events ORDER BY seq, dt, video_id LIMIT 7)"
    " WHERE {d}",
    "SELECT dt, m FROM (SELECT dt, video_id m FROM video_play_events WHERE {q}"
    " UNION ALL SELECT dt, video_id FROM video_player_events) WHERE {d}",
    "SELECT dt FROM (SELECT dt FROM video_play_events EXCEPT"
    " SELECT dt FROM video_player_events WHERE seq > 2) WHERE {d}",
    *(
        "SELECT a.dt, a.seq, b.dt, b.seq FROM video_play_events a"
        f" {side} JOIN video_player_events b ON a.seq = b.seq{on} WHERE {rest}"
        for side in ("", "LEFT", "RIGHT", "FULL")
        for on in ("", " AND {qa}", " AND {qb}")
        for rest in ("{pa}", "{pb}")
    ),
    *(
        "SELECT a.dt, b.dt, c.seq FROM video_play_events a"
        f" {first} JOIN video_player_events b ON a.dt = b.dt AND a.seq = b.seq"
        f" {second} JOIN video_play_events c ON c.dt = b.dt WHERE {{pa}}"
        for first in ("", "LEFT", "RIGHT")
        for second in ("", "LEFT", "FULL")
    ),
    "SELECT COUNT(*) FROM video_play_events a JOIN video_player_events b USING (dt) WHERE {d}",
    "SELECT dt FROM video_play_events v WHERE {p} AND NOT EXISTS (SELECT 1 FROM"
    " video_player_events w WHERE w.seq = v.seq AND w.dt <> v.dt AND {qw})",
]


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    root = tmp_path_factory.mktemp("law")
    lake = Lake(root / "lake")
    for table, rows in ROWS.items():
        for day in DAYS:
            of_day = [row for row in rows if row["dt"] == day]
            of_day = [{key: row[key] for key in ("video_id", "seq")} for row in of_day]
            lake.write(day, of_day, table=table)
    with LocalCatalog(lake.root, root / "catalog.db") as catalog:
        catalog.sync()
        yield catalog


@pytest.fixture(scope="module")
def present(full):
    """A catalog that has only some of the days: set `dts`."""

    class Present:
        lake = full.lake
        dts = frozenset(DAYS)

        def partitions(self, table):
            return tuple(dt for dt in full.partitions(table) if dt in self.dts)

        def files(self, table, dts=None):
            wanted = self.dts if dts is None else self.dts & set(dts)
            return full.files(table, wanted)

    return Present()


@pytest.fixture(scope="module")
def engine(present):
    with DuckDBEngine(present) as engine:
        yield engine


@pytest.fixture(scope="module")
def oracle():
    with duckdb.connect() as connection:
        for table, rows in ROWS.items():
            connection.execute(
                f"CREATE TABLE every_{table} (dt VARCHAR, video_id VARCHAR, seq BIGINT)"
            )
            connection.executemany(
                f"INSERT INTO every_{table} VALUES (?, ?, ?)", [list(row.values()) for row in rows]
            )
        yield connection


def expected(oracle, sql, dts):
    for table in ROWS:
        listed = ", ".join(f"'{dt}'" for dt in (*dts, "none"))
        oracle.execute(
            f"CREATE OR REPLACE VIEW {table} AS SELECT * FROM every_{table} WHERE dt IN ({listed})"
        )
    return oracle.execute(sqlglot.transpile(sql, read="athena", write="duckdb")[0]).fetchall()


def in_order(rows):
    return sorted(rows, key=repr)


def filled(shape, anything, other, on_day):
    """The shape's SQL with its predicates, each on the columns of the alias it stands for."""
    return shape.format(
        p=anything.format(""),
        q=other.format(""),
        d=on_day.format(""),
        pa=anything.format("a."),
        qb=other.format("b."),
        pb=anything.format("b."),
        qa=other.format("a."),
        qw=other.format("w."),
    )


anything = combined(st.one_of(on_dt, on_other))
queries = st.builds(filled, st.sampled_from(SHAPES), anything, anything, combined(on_dt))
some_days = st.frozensets(st.sampled_from(DAYS))
module_lake = settings(max_examples=200, deadline=None)


@module_lake
@given(sql=queries, dts=some_days)
def test_pruning_never_changes_the_answer(engine, present, oracle, sql, dts):
    present.dts = dts
    answer = engine.query(sql, full_scan=True)
    assert in_order(answer) == in_order(expected(oracle, sql, dts))


@module_lake
@given(p=combined(on_dt), dts=some_days)
def test_pruning_reads_exactly_the_days_that_pass(engine, present, oracle, p, dts):
    present.dts = dts
    sql = PLAIN.format(p=p.format(""))
    days_that_pass = {dt for dt, *_ in expected(oracle, sql, dts)}
    scanned = engine.query(sql, full_scan=True).scanned
    assert (scanned.partitions_read, scanned.files) == (len(days_that_pass), len(days_that_pass))
    assert scanned.partitions_total == len(dts)
