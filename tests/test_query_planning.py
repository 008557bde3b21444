"""Planning: what a query scans, which days bound each scan, and what is refused."""

import pytest

from catalog.planning import plan
from events.errors import QueryFailed, UnknownName

LAB_SQL = """
SELECT video_id, SUM(ended_at - started_at) AS total_play_duration,
       AVG(ended_at - started_at) AS avg_play_duration
FROM playlake.video_play_events GROUP BY 1 ORDER BY 2
"""
DAY = "dt = '1'"


def bounds(sql: str) -> list[str | None]:
    """The restriction of each scan, in the order of the tables in the text."""
    return [scan.restriction and scan.restriction.sql("athena") for scan in plan(sql).scans]


@pytest.mark.parametrize(
    "predicate",
    [
        "dt = '1'",
        "dt IN ('1', '2')",
        "dt BETWEEN '1' AND '2'",
        "dt LIKE '2026-11-%'",
        "SUBSTR(dt, 1, 7) = '2026-11'",
        "dt >= DATE_FORMAT(CURRENT_DATE - INTERVAL '7' DAY, '%Y-%m-%d')",
        "CAST(dt AS DATE) > CURRENT_DATE",
        "NOT dt < '1'",
        "dt = '1' OR dt = '2'",
        "'1' <= dt",
    ],
)
def test_a_predicate_on_dt_bounds_the_scan(predicate):
    assert bounds(f"SELECT video_id FROM video_play_events WHERE {predicate}") == [predicate]
    # Whatever stands beside it, and whatever the table is called.
    sql = f"SELECT v.video_id FROM playlake.video_play_events v WHERE is_bot AND ({predicate})"
    assert bounds(sql) == [predicate]


@pytest.mark.parametrize(
    "sql",
    [
        LAB_SQL,
        "SELECT 1 FROM video_play_events WHERE dt = '1' OR video_id = 'a'",
        "SELECT 1 FROM video_play_events WHERE NOT (dt = '1' AND video_id = 'a')",
        "SELECT 1 FROM video_play_events WHERE dt = video_id",
        "SELECT 1 FROM video_play_events WHERE dt = '1' OR rand() > 0.5",
        "SELECT 1 FROM video_play_events HAVING MAX(dt) = '1'",
        "SELECT COUNT(*) FILTER (WHERE dt = '1') FROM video_play_events",
        "SELECT CASE WHEN dt = '1' THEN 1 END FROM video_play_events",
        # What is left out before these would change the rows that stay.
        "SELECT 1 FROM (SELECT dt FROM video_play_events LIMIT 5) WHERE dt = '1'",
        "SELECT 1 FROM (SELECT dt, COUNT(*) OVER () n FROM video_play_events) WHERE dt = '1'",
        "SELECT 1 FROM (SELECT MAX(dt) dt FROM video_play_events) WHERE dt = '1'",
        "SELECT 1 FROM (SELECT dt, COUNT(*) n FROM video_play_events GROUP BY ROLLUP (dt))"
        " WHERE dt = '1'",
    ],
)
def test_what_does_not_bound_every_row_bounds_nothing(sql):
    assert bounds(sql) == [None]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "WITH x AS (SELECT * FROM video_play_events) SELECT video_id FROM x WHERE dt = '1'",
            [DAY],
        ),
        (
            "SELECT 1 FROM (SELECT video_id, dt AS day FROM video_play_events) WHERE day = '1'",
            [DAY],
        ),
        (
            "SELECT 1 FROM (SELECT dt, COUNT(*) n FROM video_play_events GROUP BY 1) x"
            " WHERE x.dt = '1' AND n > 2",
            [DAY],
        ),
        (
            "WITH x AS (SELECT SUBSTR(dt, 1, 7) AS m FROM video_play_events),"
            " y AS (SELECT m FROM x) SELECT 1 FROM y WHERE m = '2026-11'",
            ["SUBSTR(dt, 1, 7) = '2026-11'"],
        ),
        (
            "SELECT 1 FROM (SELECT dt FROM video_play_events WHERE dt > '1') WHERE dt < '5'",
            ["dt > '1' AND dt < '5'"],
        ),
        (
            "SELECT 1 FROM (SELECT dt FROM video_play_events UNION ALL"
            " SELECT SUBSTR(dt, 1, 10) FROM custom_events) WHERE dt = '1'",
            [DAY, "SUBSTR(dt, 1, 10) = '1'"],
        ),
        (
            "SELECT 1 FROM video_play_events WHERE dt = '1' UNION SELECT 2 FROM custom_events",
            [DAY, None],
        ),
        # Who are the first of all days is not to be found in one.
        *(
            (f"WITH x AS ({cut}) SELECT 1 FROM x WHERE dt = '1'", [None] * cut.count("video"))
            for cut in (
                "SELECT dt FROM video_play_events ORDER BY 1 LIMIT 5",
                "(SELECT dt FROM video_play_events) ORDER BY 1 LIMIT 5",
                "((SELECT dt FROM video_play_events)) OFFSET 5",
                "(SELECT dt FROM video_play_events UNION ALL SELECT dt FROM video_play_events)"
                " LIMIT 3",
            )
        ),
        (
            "WITH x AS (SELECT dt FROM video_play_events UNION ALL"
            " ((SELECT dt FROM custom_events) LIMIT 3)) SELECT 1 FROM x WHERE dt = '1'",
            [DAY, None],
        ),
        # A CTE that is read twice is read for either reader.
        (
            "WITH x AS (SELECT * FROM video_play_events)"
            " SELECT 1 FROM x a, x b WHERE a.dt = '1' AND b.dt = '2'",
            ["dt = '1' OR dt = '2'"],
        ),
        (
            "WITH x AS (SELECT * FROM video_play_events)"
            " SELECT 1 FROM x WHERE dt = '1' UNION ALL SELECT 2 FROM x",
            [None],
        ),
        (
            "SELECT 1 FROM video_play_events WHERE dt = '1'"
            " AND user_id IN (SELECT user_id FROM custom_events)",
            [DAY, None],
        ),
        (
            "SELECT 1 FROM video_play_events v WHERE dt = '1' AND EXISTS"
            " (SELECT 1 FROM custom_events c WHERE c.user_id = v.user_id AND c.dt = '2')",
            [DAY, "dt = '2'"],
        ),
    ],
)
def test_predicates_reach_through_subqueries_as_far_as_they_hold(sql, expected):
    assert bounds(sql) == expected


PAIR = "SELECT 1 FROM video_play_events a {join} video_player_events b"


@pytest.mark.parametrize(
    ("join", "rest", "expected"),
    [
        ("JOIN", "ON a.play_id = b.play_id WHERE a.dt = '1'", [DAY, None]),
        ("JOIN", "ON a.dt = b.dt WHERE a.dt = '1'", [DAY, DAY]),
        ("JOIN", "ON a.dt = b.dt AND b.dt = '1'", [DAY, DAY]),
        ("JOIN", "USING (dt, play_id) WHERE dt = '1'", [DAY, DAY]),
        ("CROSS JOIN", "WHERE a.dt = '1' AND a.dt = b.dt", [DAY, DAY]),
        ("LEFT JOIN", "ON a.dt = b.dt WHERE a.dt = '1'", [DAY, DAY]),
        ("LEFT JOIN", "ON a.play_id = b.play_id WHERE a.dt = '1' AND b.dt = '1'", [DAY, DAY]),
        # A row that finds no partner is kept, with NULLs: these must not lose partners.
        ("LEFT JOIN", "ON b.play_id = a.play_id WHERE a.dt = '1' AND b.dt IS NULL", [DAY, None]),
        ("LEFT JOIN", "ON b.play_id = a.play_id WHERE COALESCE(b.dt, '1') = '1'", [None, None]),
        ("LEFT JOIN", "ON a.dt = '1' AND b.dt = '1'", [None, DAY]),
        ("RIGHT JOIN", "ON a.dt = b.dt WHERE a.dt IS NULL AND b.dt = '1'", [None, DAY]),
        ("RIGHT JOIN", "ON a.dt = '1' AND b.dt = '1'", [None, None]),
        ("FULL JOIN", "ON a.dt = b.dt WHERE a.dt = '1'", [DAY, None]),
        ("FULL JOIN", "ON a.dt = '1' AND b.dt = '1'", [None, None]),
    ],
)
def test_predicates_reach_across_joins_as_far_as_they_hold(join, rest, expected):
    assert bounds(f"{PAIR.format(join=join)} {rest}") == expected


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        (LAB_SQL, {"video_id", "started_at", "ended_at"}),
        ("SELECT COUNT(*) FROM video_play_events WHERE dt = '1'", set()),
        ("SELECT dt FROM video_play_events", set()),
        (
            "WITH x AS (SELECT * FROM video_play_events) SELECT user_id FROM x WHERE is_bot",
            {"user_id", "is_bot"},
        ),
        ("SELECT 1 FROM video_play_events ORDER BY logged_at", {"logged_at"}),
    ],
)
def test_a_scan_needs_the_columns_that_the_answer_depends_on(sql, columns):
    (scan,) = plan(sql).scans
    assert scan.columns == columns


def test_a_star_needs_every_column_of_the_files():
    (scan,) = plan("SELECT * FROM custom_events").scans
    assert scan.columns == {column.name for column in scan.table.columns}


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT * FROM video_plays", "no table 'video_plays'. Did you mean video_play_events?"),
        ("SELECT videoid FROM video_play_events", "no column 'videoid'. Did you mean video_id?"),
        ("SELECT v.videoid FROM video_play_events v", "'videoid'. Did you mean video_id?"),
        ("SELECT qqq FROM rejected_events", "There is: dt, event_id"),
        ("SELECT * FROM other.video_play_events", "no database 'other'"),
        ("SELECT 1 FROM video_play_events WHERE dt = :day", ":day has no value"),
        (
            "SELECT video_id FROM (SELECT dt FROM video_play_events)",
            "no column 'video_id' there: the subquery does not select it",
        ),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_the_nearest(sql, sentence):
    with pytest.raises(UnknownName) as raised:
        plan(sql)
    assert sentence in str(raised.value)


def test_a_parameter_that_the_query_has_not_is_named():
    with pytest.raises(UnknownName, match=r"no parameter :dey\. Did you mean :day\?"):
        plan("SELECT 1 FROM video_play_events WHERE dt = :day", {"day": "1", "dey": "2"})


def test_a_parameter_that_no_text_can_hold_is_refused():
    with pytest.raises(QueryFailed, match="is no UTF-8 text"):
        plan("SELECT 1 FROM video_play_events WHERE dt = :day", {"day": "\udcff"})


def test_a_parameter_is_a_value_and_never_sql():
    value = "' OR dt > '"
    (scan,) = plan("SELECT 1 FROM video_play_events WHERE dt = :day", {"day": value}).scans
    assert scan.restriction is not None
    assert scan.restriction.sql("athena") == "dt = ''' OR dt > '''"


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "DROP TABLE video_play_events",
        "INSERT INTO video_play_events SELECT 1",
        "DELETE FROM video_play_events",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1 INTO x",
        "WITH x AS (SELECT 1) DELETE FROM video_play_events",
        "COPY video_play_events TO 'x'",
        "ATTACH 'x'",
        "SET a = 1",
        "SHOW TABLES",
        "PRAGMA version",
        "VALUES (1)",
    ],
)
def test_anything_but_a_select_is_refused(sql):
    with pytest.raises(QueryFailed, match="Only a SELECT is answered"):
        plan(sql)


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELECT 1; SELECT 2", "one question at a time"),
        ("SELECT 'open", "not SQL that Athena reads"),
        ("SELECT '\udcff'", "is no UTF-8 text"),
        ("SELECT (1", "not SQL that Athena reads"),
        ("SELECT * FROM read_csv('/etc/passwd')", "Only the lake's tables can be read"),
        ("SELECT 1 FROM video_play_events a, video_play_events a", "Alias"),
    ],
)
def test_what_cannot_be_planned_is_said_in_one_line(sql, sentence):
    with pytest.raises(QueryFailed, match=sentence) as raised:
        plan(sql)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("end", [";", " ;\n", "\n"])
def test_a_semicolon_at_the_end_is_no_second_statement(end):
    assert len(plan(f"SELECT 1 FROM video_play_events{end}").scans) == 1


def test_a_name_that_the_query_defines_is_no_scan():
    assert (
        plan("WITH video_play_events AS (SELECT 1 AS n) SELECT n FROM video_play_events").scans
        == ()
    )
