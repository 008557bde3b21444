"""What every engine answers alike, over a lake in a folder: subclass it, with its own `engine`."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from catalog.drivers.local import LocalCatalog
from events.errors import FullScanRefused, PlaylakeError, QueryFailed, UnknownName
from tests.catalog_suite import PLAYS, Lake
from tests.test_query_planning import LAB_SQL


def rows(engine, sql, **options):
    """Every row of the answer."""
    return list(engine.query(sql, **options))


def write_three_days(lake, catalog):
    """Four plays on three days, registered; gives their keys."""
    keys = [
        lake.write("2026-11-22", [{"video_id": "a", "started_at": 0, "ended_at": 10}]),
        lake.write("2026-11-23", [{"video_id": "b", "started_at": 5, "ended_at": 7}]),
        lake.write("2026-11-24", [{"video_id": "a", "started_at": 0, "ended_at": 4}]),
        lake.write("2026-11-24", [{"video_id": "b", "started_at": 0, "ended_at": 1}]),
    ]
    catalog.register(keys)
    return keys


class EngineSuite:
    """The contract of `catalog.port.Engine`."""

    @pytest.fixture
    def lake(self, tmp_path):
        """An empty lake."""
        return Lake(tmp_path / "it's a lake")

    @pytest.fixture
    def catalog(self, lake, tmp_path):
        """Its catalog."""
        with LocalCatalog(lake.root, tmp_path / "catalog.db") as catalog:
            yield catalog

    @pytest.fixture
    def engine(self, catalog):
        """The engine under test, over that catalog."""
        raise NotImplementedError

    @pytest.fixture
    def three_days(self, lake, catalog):
        """Four plays on three days."""
        return write_three_days(lake, catalog)

    def test_the_labs_own_sql_is_refused_with_the_predicate_to_add(self, engine, three_days):
        with pytest.raises(FullScanRefused) as raised:
            engine.query(LAB_SQL)
        assert str(raised.value) == (
            "This query reads every day of video_play_events. Add a predicate on dt, such as "
            "WHERE dt = '2026-11-24' (or dt BETWEEN '2026-11-01' AND '2026-11-24'), "
            "or pass --full-scan."
        )

    def test_the_labs_own_sql_answers_with_leave_for_a_full_scan(self, engine, three_days):
        answer = engine.query(LAB_SQL, full_scan=True)
        assert [tuple(column) for column in answer.columns] == [
            ("video_id", "varchar"),
            ("total_play_duration", "bigint"),
            ("avg_play_duration", "double"),
        ]
        assert list(answer) == [("b", 3, 1.5), ("a", 14, 7.0)]

    def test_the_predicate_that_the_refusal_shows_is_accepted(self, engine, three_days):
        sql = "SELECT video_id FROM video_play_events WHERE dt = '2026-11-24' ORDER BY 1"
        assert rows(engine, sql) == [("a",), ("b",)]

    @pytest.mark.parametrize(
        "predicate", ["dt = dt", "dt <> '2026-11-24'", "length(dt) = 10", "dt > ''"]
    )
    def test_a_predicate_that_lets_the_first_and_the_last_day_pass_is_no_bound(
        self, engine, three_days, predicate
    ):
        with pytest.raises(FullScanRefused):
            engine.query(f"SELECT 1 FROM video_play_events WHERE {predicate}")

    def test_an_answer_says_which_share_of_the_partitions_it_read(self, engine, three_days):
        sql = "SELECT video_id FROM video_play_events WHERE dt >= '2026-11-23' AND dt < '2027'"
        scanned = engine.query(sql).scanned
        assert (scanned.partitions_read, scanned.partitions_total) == (2, 3)
        assert scanned.bytes > 0

    def test_an_empty_lake_refuses_and_answers_alike(self, engine):
        with pytest.raises(FullScanRefused, match="WHERE dt = "):
            engine.query("SELECT * FROM custom_events")
        answer = engine.query("SELECT * FROM custom_events", full_scan=True)
        assert list(answer) == []
        assert answer.columns[-1] == ("dt", "varchar")
        assert (answer.scanned.partitions_read, answer.scanned.partitions_total) == (0, 0)

    def test_a_query_of_no_table_is_answered(self, engine):
        assert rows(engine, "SELECT 1 AS one") == [(1,)]

    @pytest.mark.parametrize(
        ("expression", "kind", "value"),
        [
            ("CAST(9007199254740993 AS bigint)", "bigint", 9007199254740993),
            ("CAST(-5 AS integer)", "integer", -5),
            ("CAST(0.1 AS double)", "double", 0.1),
            ("CAST(1.5 AS real)", "real", 1.5),
            ("CAST('Infinity' AS double)", "double", float("inf")),
            ("CAST('12.50' AS decimal(5, 2))", "decimal(5,2)", Decimal("12.50")),
            ("true", "boolean", True),
            ("1 = 2", "boolean", False),
            ("'ü, \"quoted\"\n'", "varchar", 'ü, "quoted"\n'),
            ("date '2026-11-24'", "date", date(2026, 11, 24)),
            (
                "timestamp '2026-11-24 10:30:00.123'",
                "timestamp",
                datetime(2026, 11, 24, 10, 30, 0, 123_000),  # noqa: DTZ001
            ),
            (
                "from_unixtime(1)",
                "timestamp with time zone",
                datetime(1970, 1, 1, 0, 0, 1),  # noqa: DTZ001
            ),
            ("to_utf8('hé')", "varbinary", "hé".encode()),
        ],
    )
    def test_a_value_has_its_type(self, engine, expression, kind, value):
        answer = engine.query(f"SELECT {expression} AS it, CAST(NULL AS varchar) AS nothing")
        assert answer.columns[0] == ("it", kind)
        ((found, nothing),) = answer
        assert (found, type(found), nothing) == (value, type(value), None)

    def test_null_is_none_and_an_empty_text_is_empty(self, engine):
        sql = "SELECT CAST(NULL AS varchar) AS a, '' AS b, CAST(NULL AS bigint) AS c, ' ' AS d"
        assert rows(engine, sql) == [(None, "", None, " ")]

    def test_a_row_that_looks_like_the_header_is_a_row(self, engine):
        assert rows(engine, "SELECT 'a' AS a, 'b' AS b") == [("a", "b")]

    @pytest.mark.parametrize("value", ["it's", "a\\b", "", ":day", -5, 0, 1.5, True, None, 2**60])
    def test_a_parameter_is_its_value(self, engine, value):
        sql = "SELECT 'x:value' AS a, (:value) AS b -- :value\n"
        ((text, found),) = rows(engine, sql, parameters={"value": value})
        assert (text, found) == ("x:value", value)

    def test_a_parameter_bounds_the_days(self, engine, three_days):
        sql = "SELECT dt FROM playlake.video_play_events WHERE dt BETWEEN:since AND:until"
        given = {"since": "2026-11-22", "until": "2026-11-23"}
        answer = engine.query(sql, parameters=given)
        assert sorted(answer) == [("2026-11-22",), ("2026-11-23",)]
        assert answer.scanned.partitions_read == 2

    def test_a_negative_parameter_does_not_become_a_comment(self, engine):
        assert rows(engine, "SELECT 7 -:n AS it", parameters={"n": -5}) == [(12,)]

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT v.video_id FROM playlake.video_play_events v WHERE v.dt = '2026-11-22'",
            'SELECT video_id FROM "playlake"."video_play_events" WHERE dt = \'2026-11-22\'',
            "SELECT playlake.video_play_events.video_id FROM playlake.video_play_events"
            " WHERE playlake.video_play_events.dt = '2026-11-22'",
            "SELECT playlake.video_id FROM video_play_events playlake"
            " WHERE playlake.dt = '2026-11-22'",
            "SELECT video_id FROM AwsDataCatalog.PlayLake.video_play_events"
            " WHERE dt = '2026-11-22' ; ",
        ],
    )
    def test_the_lakes_tables_are_those_of_playlake_however_they_are_written(
        self, engine, three_days, sql
    ):
        assert rows(engine, sql) == [("a",)]

    @pytest.mark.parametrize(
        ("sql", "sentence"),
        [
            ("SELECT * FROM video_plays WHERE dt = '1'", "Did you mean video_play_events?"),
            ("SELECT vido_id FROM video_play_events WHERE dt = '1'", "Did you mean video_id?"),
            ("SELECT 1 FROM other.video_play_events", "There is no database 'other'"),
            ("SELECT :n", "parameter :n has no value"),
        ],
    )
    def test_an_unknown_name_is_said_with_the_nearest_there_is(self, engine, sql, sentence):
        with pytest.raises(UnknownName) as raised:
            engine.query(sql)
        assert sentence in str(raised.value)

    @pytest.mark.parametrize(
        "sql",
        ["SELECT nosuch(dt) FROM video_play_events WHERE dt = '1'", "SELECT CAST('x' AS bigint)"],
    )
    def test_what_the_engine_refuses_is_said_in_one_line(self, engine, sql):
        with pytest.raises(QueryFailed) as raised:
            engine.query(sql)
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize("sql", ["SELECT", "SELECT 'x", "DROP TABLE video_play_events", ""])
    def test_what_is_no_question_is_playlakes_own_error(self, engine, sql):
        with pytest.raises(PlaylakeError):
            engine.query(sql)

    @pytest.mark.parametrize("count", [0, 1, 999, 1_000, 1_001, 2_500])
    def test_every_row_comes_once_and_in_order(self, engine, lake, catalog, count):
        catalog.register([lake.write("2026-11-24", [{"seq": n} for n in range(2_500)])])
        sql = "SELECT seq FROM video_play_events WHERE dt = :day AND seq < :n ORDER BY seq"
        answer = engine.query(sql, parameters={"day": "2026-11-24", "n": count})
        assert [seq for (seq,) in answer] == list(range(count))

    def test_an_answer_may_be_left_early(self, engine, lake, catalog):
        catalog.register([lake.write("2026-11-24", [{"seq": n} for n in range(2_500)])])
        sql = "SELECT seq FROM video_play_events WHERE dt = '2026-11-24' ORDER BY seq"
        with engine.query(sql) as answer:
            assert next(iter(answer)) == (0,)
        assert rows(engine, sql)[-1] == (2_499,)

    def test_answers_may_be_read_side_by_side(self, engine, three_days):
        sql = "SELECT dt FROM video_play_events WHERE dt = :day"
        days = ("2026-11-22", "2026-11-23")
        answers = [engine.query(sql, parameters={"day": day}) for day in days]
        assert [list(answer) for answer in answers] == [[("2026-11-22",)], [("2026-11-23",)]]

    def test_a_column_without_a_name_is_named_as_in_athena(self, engine):
        answer = engine.query("SELECT 1 + 1, 2 AS my_col_2")
        assert [column.name for column in answer.columns] == ["_col0", "my_col_2"]

    def test_days_that_count_back_from_today_are_pruned(self, engine, three_days):
        sql = (
            f"SELECT count(*) FROM {PLAYS}"
            " WHERE dt >= date_format(current_date + interval '40000' day, '%Y-%m-%d')"
        )
        answer = engine.query(sql, full_scan=True)
        assert list(answer) == [(0,)]
        assert answer.scanned.partitions_read == 0
