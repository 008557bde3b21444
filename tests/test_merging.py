"""Merging sorted files a stretch at a time gives what sorting all their rows at once would."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.arrow import schema
from events.registry import REGISTRY
from transform.enrich import distinct
from transform.mending.merging import TooMuch, merged, survey
from transform.parquet import digest, encode
from transform.reading import DataRows

PLAYS = REGISTRY.table("video_play_events")
ORDER = [(name, "ascending") for name in PLAYS.sort_by]

ids = st.sampled_from([f"e{number}" for number in range(30)] + ["", "한", "e\n1"])
rows = st.fixed_dictionaries(
    {
        "event_id": ids,
        "received_at": st.integers(0, 3),
        "video_id": st.none() | st.sampled_from("abc"),
        "logged_at": st.none() | st.integers(0, 3),
    }
)
files = st.lists(st.tuples(st.lists(rows, max_size=40), st.booleans()), max_size=6)


def table_of(found: list[dict[str, object]], *, in_order: bool = True) -> pa.Table:
    made = pa.Table.from_pylist(found, schema=schema(PLAYS))
    return made.sort_by(ORDER) if in_order else made


def opened(*tables: pa.Table) -> list[DataRows]:
    return [DataRows(encode(each), PLAYS) for each in tables]


def ids_of(found: list[tuple[object, ...]]) -> pa.ChunkedArray:
    return pa.chunked_array([[row[0] for row in found]], pa.string())


def plain(table: pa.Table) -> list[tuple[object, ...]]:
    columns = ("event_id", "received_at", "video_id", "logged_at")
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


@settings(max_examples=300, deadline=None)
@given(files=files, beside=st.lists(rows, max_size=10), stretch_rows=st.integers(1, 60))
def test_stretches_are_the_distinct_rows_in_order(files, beside, stretch_rows):
    tables = [table_of(found, in_order=in_order) for found, in_order in files]
    everything = pa.concat_tables([schema(PLAYS).empty_table(), *tables])
    held = {row["event_id"] for row in beside}

    surveyed = survey(PLAYS, opened(*tables), opened(table_of(beside)), stretch_rows)
    stretches = list(merged(PLAYS, opened(*tables), surveyed))

    found = [row for each in stretches for row in plain(each)]
    # Of one event the first received, and of those received at once the first file's.
    expected = [
        row for row in plain(distinct(everything.sort_by("received_at"))) if row[0] not in held
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    assert (surveyed.rows, surveyed.digest) == (len(expected), digest(ids_of(expected)))
    if all(in_order for _, in_order in files) and found:
        whole = pa.concat_tables(stretches)
        assert plain(whole) == plain(whole.sort_by(ORDER))


def test_a_stretch_is_about_as_many_rows_as_it_may_be():
    tables = [
        table_of([{"event_id": f"{n}-{m}", "video_id": f"{m:05}"} for m in range(5_000)])
        for n in range(4)
    ]
    surveyed = survey(PLAYS, opened(*tables), (), 2_000)
    sizes = [len(each) for each in merged(PLAYS, opened(*tables), surveyed)]
    assert sum(sizes) == 20_000
    assert max(sizes) < 3_000


def test_what_is_larger_in_memory_than_it_may_be_is_refused():
    large = table_of([{"event_id": f"{n}", "properties": "x" * 10_000} for n in range(100)])
    surveyed = survey(PLAYS, opened(large))
    with pytest.raises(TooMuch, match="over 500000 bytes"):
        list(merged(PLAYS, opened(large), surveyed, 500_000))


def test_a_file_without_ids_is_no_file_of_the_tables():
    with pytest.raises(ValueError, match="no event_id"):
        DataRows(encode(pa.table({"video_id": ["a"]})), PLAYS)
