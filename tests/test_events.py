"""An event type is declared once; everything else derives from it."""

import json

import duckdb
import jsonschema
import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import glue, json_schema, sql
from events.arrow import schema
from events.declaration import EventType, Field, FieldType
from events.errors import DeclarationError
from events.layout import object_key, parse_key
from events.registry import REGISTRY, Registry
from events.table import ColumnType
from events.validation import Validator
from tests.records import record
from transform.process import Processor
from transform.records import Result
from transform.triage import Kept, triage

NOW = 1_790_000_000_000

TABLES = [pytest.param(table, id=table.name) for table in REGISTRY.tables]
TYPES = [pytest.param(each, id=each.name) for each in REGISTRY.types]


def test_the_tables_are_those_of_the_design():
    assert [table.name for table in REGISTRY.tables] == [
        "video_play_events",
        "video_player_events",
        "custom_events",
        "rejected_events",
    ]


@pytest.mark.parametrize("table", TABLES)
def test_arrow_glue_and_duckdb_name_the_same_columns_in_the_same_order(table):
    with duckdb.connect() as connection:
        connection.execute(sql.duckdb_ddl(table))
        described = connection.execute(f"DESCRIBE {table.name}").fetchall()
    names = [column.name for column in table.columns]
    assert schema(table).names == names
    assert [column["Name"] for column in glue.columns(table)] == names
    assert [row[0] for row in described] == [*names, "dt"]


@pytest.mark.parametrize("table", TABLES)
def test_parquet_of_a_table_is_read_by_duckdb_with_the_types_that_the_ddl_declares(table, tmp_path):
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([], schema=schema(table)), tmp_path / "part-0.parquet")
    with duckdb.connect() as connection:
        found = connection.execute(f"DESCRIBE SELECT * FROM '{tmp_path}/part-0.parquet'").fetchall()
    read = {name: kind for name, kind, *_ in found}
    for column in table.columns:
        declared = sql.duckdb_type(column)
        # Parquet's timestamp(ms) is widened to DuckDB's default timestamp when it is read.
        assert read[column.name] in {declared, declared.removesuffix("_MS")}


@pytest.mark.parametrize("table", TABLES)
def test_athena_ddl_is_hive_partitioned_parquet_with_every_column(table):
    ddl = sql.athena_ddl(table, "playlake", f"s3://lake/{table.name}/")
    assert "PARTITIONED BY (`dt` string)" in ddl
    assert "STORED AS PARQUET" in ddl
    assert ddl.count("\n    `") == len(table.columns)


@pytest.mark.parametrize("table", TABLES)
def test_glue_comments_stay_within_glues_limit(table):
    assert all(0 < len(column["Comment"]) <= 255 for column in glue.columns(table))


@pytest.mark.parametrize("event_type", TYPES)
def test_examples_are_valid_by_json_schema_and_by_the_transform(event_type):
    schema_of_type = json_schema.json_schema(event_type)
    jsonschema.Draft202012Validator.check_schema(schema_of_type)
    assert event_type.examples
    for example in event_type.examples:
        jsonschema.validate(example, schema_of_type)
        kept = triage(json.dumps(example).encode(), NOW, Validator(REGISTRY))
        assert isinstance(kept, Kept)
        assert kept.event_type is event_type


_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=1),
)
_play = st.fixed_dictionaries(
    {"type": st.just("video_play")},
    optional={field.name: _values for field in REGISTRY.types[0].fields},
)


@given(event=_play)
def test_json_schema_and_the_structs_agree_on_every_object(event):
    """What the published schema accepts is what the transform takes: but for 1.0, which JSON Schema
    calls an integer and the transform does not, and the limits of int64 that both hold."""
    numbers = [value for value in event.values() if isinstance(value, float)]
    if any(value.is_integer() for value in numbers):
        return
    by_schema = jsonschema.Draft202012Validator(json_schema.json_schema(REGISTRY.types[0]))
    struct = Validator(REGISTRY).open["video_play"]
    one_of = event.get("user_id") is not None or event.get("viewer_id") is not None
    try:
        msgspec.json.decode(json.dumps(event).encode(), type=struct)
    except msgspec.ValidationError:
        taken = False
    else:
        taken = one_of
    assert by_schema.is_valid(event) == taken


AD_VIEW = EventType(
    name="ad_view",
    table="ad_view_events",
    doc="An advertisement that was shown.",
    fields=(
        Field("event_id", FieldType.TEXT, "Its identity."),
        Field("ad_id", FieldType.TEXT, "The advertisement.", required=True),
        Field("shown_ms", FieldType.INTEGER, "For how long, in ms.", minimum=0),
        Field("logged_at", FieldType.TIME, "When.", required=True),
    ),
    sort_by=("ad_id", "logged_at"),
)


def test_adding_an_event_type_is_adding_one_declaration():
    registry = Registry((*REGISTRY.types[:-1], AD_VIEW))
    good = {"type": "ad_view", "ad_id": "a", "shown_ms": 5, "logged_at": NOW, "more": [1]}
    bad = {**good, "shown_ms": -1}

    tables, outcomes = Processor(registry).process([record("r0", good, bad)], NOW)

    assert [outcome.result for outcome in outcomes] == [Result.OK]
    (row,) = tables["ad_view_events"].to_pylist()
    assert (row["ad_id"], row["shown_ms"], row["properties"], row["dt"]) == (
        "a",
        5,
        '{"more":[1]}',
        "2026-09-21",
    )
    assert tables["rejected_events"]["reason"].to_pylist() == ["out_of_range"]
    table = registry.table("ad_view_events")
    assert "`shown_ms` bigint" in sql.athena_ddl(table, "playlake", "s3://lake/")
    assert table.column("shown_ms").type is ColumnType.BIGINT


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "video_play"}, "event type 'video_play' is declared twice"),
        ({"table": "video_play_events"}, "table 'video_play_events' is declared twice"),
        ({"sort_by": ("nowhere",)}, "sorts by nowhere"),
        ({"fields": (*AD_VIEW.fields, AD_VIEW.fields[1])}, "'ad_id' is declared twice"),
        ({"fields": (Field("dt", FieldType.TEXT, "x"),), "sort_by": ()}, "'dt' is declared twice"),
        ({"fields": (Field("type", FieldType.TEXT, "x"),), "sort_by": ()}, "'type' is declared"),
    ],
)
def test_a_declaration_that_contradicts_another_is_refused(change, complaint):
    import dataclasses

    with pytest.raises(DeclarationError, match=complaint):
        Registry((*REGISTRY.types[:-1], dataclasses.replace(AD_VIEW, **change)))


@given(
    table=st.from_regex(r"\A[a-z][a-z0-9_]{0,20}\Z"),
    day=st.dates(),
    key=st.from_regex(r"\A[0-9a-z]{1,40}\Z"),
)
def test_an_object_key_names_its_table_and_its_day(table, day, key):
    assert parse_key(object_key(table, day.isoformat(), key)) == (table, day.isoformat())


@pytest.mark.parametrize(
    "key",
    [
        "",
        "video_play_events/dt=2026-01-01/",
        "video_play_events/dt=2026-01-01/_part-a.parquet",
        "video_play_events/dt=2026-01-01/.part-a.parquet",
        "video_play_events/dt=2026-1-1/part-a.parquet",
        "video_play_events/part-a.parquet",
        "a/video_play_events/dt=2026-01-01/part-a.parquet",
        "video_play_events/dt=2026-01-01/part-a.parquet.tmp",
        "video_play_events/dt=2026-01-01/part-a.parquet\n",
    ],
)
def test_other_objects_are_no_data_files(key):
    assert parse_key(key) is None
