"""Rows taken out of a file, by whoever it may be, however often."""

import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.drivers.local import LocalCatalog
from events.registry import REGISTRY
from playlake.mending.workshop import Workshop
from tests.memory_store import Killed, Memory
from tests.records import ARRIVED, LAB_PLAY, record
from transform.drivers.file_store import FileStore
from transform.mending import rewriting
from transform.mending.compaction import compact
from transform.mending.rewriting import without
from transform.parquet import data_objects
from transform.process import process

TABLE, DT = "video_play_events", "2018-08-29"
USERS = (1, 2, 3)


def put(store, *events: tuple[str, int]) -> str:
    plays = [{**LAB_PLAY, "event_id": each, "user_id": user} for each, user in events]
    (made,) = data_objects(process([record("r", *plays)], ARRIVED)[0])
    store.put(made.key, made.data)
    return made.key


def of(user: int):
    return lambda rows: pc.fill_null(pc.equal(rows["user_id"], user), False)


def ids(store, key: str) -> list[str]:
    return pq.ParquetFile(pa.BufferReader(store.get(key))).read()["event_id"].to_pylist()


def test_what_is_left_is_a_file_that_says_what_it_replaces():
    store = Memory()
    key = put(store, ("a", 1), ("b", 2), ("c", 1))
    done = without(store, key, of(1))
    assert (done.replaced, done.left, done.gone.to_pylist()) == (key, 1, ["a", "c"])
    assert ids(store, done.added[0]) == ["b"]
    metadata = pq.ParquetFile(pa.BufferReader(store.get(done.added[0]))).metadata.metadata
    assert json.loads(metadata[b"playlake.replaces"]) == [key]
    assert key in store


def test_a_file_of_which_nothing_goes_stays_and_one_of_which_all_goes_has_no_successor():
    store = Memory()
    key = put(store, ("a", 1))
    assert without(store, key, of(2)) is None
    assert without(store, key, of(1)).added == ()
    with pytest.raises(KeyError):
        without(store, "video_play_events/dt=2018-08-29/part-0.parquet", of(1))


def test_a_file_is_read_and_written_some_rows_at_a_time(monkeypatch):
    monkeypatch.setattr(rewriting, "stretch_rows", lambda _table, _files: 2)
    store = Memory()
    key = put(
        store, *((each, user) for each, user in zip("abcdefg", (1, 1, 2, 1, 2, 2, 1), strict=True))
    )
    done = without(store, key, of(1))
    file = pq.ParquetFile(pa.BufferReader(store.get(done.added[0])))
    assert (done.gone.to_pylist(), done.left) == (["a", "b", "d", "g"], 3)
    assert ids(store, done.added[0]) == ["c", "e", "f"]
    groups = [file.metadata.row_group(each).num_rows for each in range(file.num_row_groups)]
    assert groups == [1, 2]


@settings(max_examples=60, deadline=None)
@given(
    files=st.lists(
        st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(USERS)), min_size=1),
        min_size=1,
        max_size=4,
    ),
    steps=st.lists(
        st.tuples(st.sampled_from(["forget", "compact"]), st.sampled_from(USERS), st.booleans()),
        max_size=6,
    ),
)
def test_however_it_is_interrupted_the_catalog_counts_what_should_be_left(
    tmp_path_factory, files, steps
):
    """Each event is one user's; a step may be cut off after its file was written."""
    root = tmp_path_factory.mktemp("lake")
    store = FileStore(root / "lake")
    owner: dict[str, int] = {}
    for events in files:
        put(store, *((each, owner.setdefault(each, user)) for each, user in events))
    asked = set()
    with LocalCatalog(root / "lake", root / "catalog.db") as catalog:
        shop = Workshop(
            "w", store, FileStore(root), catalog.register, catalog.replace, catalog.sync
        )
        catalog.sync()
        for act, user, cut_off in steps:
            if act == "compact":
                merge(catalog, store, cut_off)
            else:
                asked.add(user)
                forget(shop, catalog, user, cut_off)
            catalog.sync()
            # What is superseded may lie there still; a reader asks the catalog.
            counted = {each for file in catalog.files(TABLE) for each in ids(store, file.key)}
            assert {each for each, user in owner.items() if user not in asked} <= counted
            if act == "forget" and not cut_off:
                assert not {each for each in counted if owner[each] == user}


def merge(catalog: LocalCatalog, store: FileStore, cut_off: bool) -> None:
    keys = [file.key for file in catalog.files(TABLE)]
    if len(keys) > 1:
        done = compact(store, REGISTRY.table(TABLE), DT, keys)
        if not cut_off:
            catalog.replace(done.replaced, [done.key])
            for key in done.replaced:
                store.delete(key)


def forget(shop: Workshop, catalog: LocalCatalog, user: int, cut_off: bool) -> None:
    for file in catalog.files(TABLE):
        rewritten = without(shop.lake, file.key, of(user))
        if rewritten and cut_off:
            return
        if rewritten:
            shop.settle(rewritten)


def test_killed_between_the_new_file_and_the_old_ones_end_a_second_run_does_the_rest():
    store = Memory()
    key = put(store, ("a", 1), ("b", 2))

    def killed(*_: object) -> None:
        raise Killed

    shop = Workshop("w", store, store, len, lambda *_: killed(), killed)
    with pytest.raises(Killed):
        shop.settle(without(store, key, of(1)))
    assert len(store) == 2
    again = without(store, key, of(1))
    Workshop("w", store, store, len, lambda *_: None, lambda: None).settle(again)
    assert list(store) == [again.added[0]]
    assert ids(store, again.added[0]) == ["b"]
