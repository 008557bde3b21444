"""What every catalog does, and what one does that keeps files: subclass, with the two fixtures.

And the lakes that the catalog's tests work on: real Parquet files, in the tables' own schemas.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.data_file import Partition, Reason
from catalog.port import Catalog, FileCatalog
from events.arrow import schema
from events.errors import CatalogUnavailable
from events.layout import REPLACES, object_key
from events.registry import REGISTRY

PLAYS = "video_play_events"
Row = Mapping[str, Any]


class Lake:
    """A folder of data files. Rows are given by the columns that matter to the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._numbers = itertools.count()

    def write(
        self,
        dt: str,
        rows: Sequence[Row] = ({},),
        *,
        name: str = "",
        table: str = PLAYS,
        columns: Sequence[str] = (),
        replaces: Sequence[str] = (),
    ) -> str:
        """Write a file, and give its key; with `columns`, a file that has only those."""
        key = object_key(table, dt, name or f"{next(self._numbers):04}")
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        data = pa.Table.from_pylist([_full(row) for row in rows], schema(REGISTRY.table(table)))
        data = data.select(list(columns)) if columns else data
        if replaces:
            data = data.replace_schema_metadata({REPLACES: json.dumps(list(replaces))})
        pq.write_table(data, path, compression="zstd")
        return key

    def put(self, name: str) -> str:
        """Put an object that is no data file, and give its key."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return name

    def tear(self, key: str) -> None:
        """Cut a file in half, as a writer that is killed leaves it."""
        path = self.root / key
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def delete(self, key: str) -> None:
        """Delete a file."""
        (self.root / key).unlink()


def _full(row: Row) -> dict[str, Any]:
    return {"event_id": "e", "is_bot": False, **row}


def keys(catalog: FileCatalog, table: str = PLAYS) -> list[str]:
    """The keys that the catalog has of the table."""
    return [file.key for file in catalog.files(table)]


class CatalogSuite:
    """The contract of `catalog.port.Catalog`, of lakes that can `write`, `put` and `delete`."""

    @pytest.fixture
    def lake(self, tmp_path: Path) -> Any:
        """An empty lake."""
        return Lake(tmp_path / "lake")

    @pytest.fixture
    def catalog(self, lake: Any) -> Catalog:
        """An empty catalog of the driver under test, of that lake."""
        raise NotImplementedError

    def test_a_registered_objects_partition_is_known(self, lake, catalog):
        key = lake.write("2026-11-24")
        registered = catalog.register([key])
        assert registered.added == (key,)
        assert registered.partitions == (Partition(PLAYS, "2026-11-24"),)
        assert catalog.partitions(PLAYS) == ("2026-11-24",)

    def test_registering_twice_is_registering_once(self, lake, catalog):
        key = lake.write("2026-11-24")
        catalog.register([key])
        again = catalog.register([key, key])
        assert (again.added, again.partitions, again.skipped) == ((), (), ())
        assert catalog.partitions(PLAYS) == ("2026-11-24",)

    def test_registering_nothing_is_no_error(self, catalog):
        assert catalog.register([]).added == ()

    def test_only_the_first_object_of_a_day_makes_a_new_partition(self, lake, catalog):
        catalog.register([lake.write("2026-11-24")])
        registered = catalog.register([lake.write("2026-11-24"), lake.write("2026-11-23")])
        assert registered.partitions == (Partition(PLAYS, "2026-11-23"),)
        assert catalog.partitions(PLAYS) == ("2026-11-23", "2026-11-24")

    def test_two_objects_of_one_new_day_make_one_partition(self, lake, catalog):
        registered = catalog.register([lake.write("2026-11-24"), lake.write("2026-11-24")])
        assert registered.partitions == (Partition(PLAYS, "2026-11-24"),)
        assert len(registered.added) == 2

    def test_tables_are_kept_apart(self, lake, catalog):
        catalog.register([lake.write("2026-11-24", table="custom_events")])
        assert catalog.partitions(PLAYS) == ()
        assert catalog.partitions("custom_events") == ("2026-11-24",)

    def test_an_object_that_vanished_before_it_was_registered_is_no_error(self, lake, catalog):
        gone, here = lake.write("2026-11-24"), lake.write("2026-11-23")
        lake.delete(gone)
        catalog.register([gone, here])
        catalog.sync()
        assert catalog.partitions(PLAYS) == ("2026-11-23",)

    @pytest.mark.parametrize(
        "key",
        [
            "raw/dt=2026-11-24/x.gz",
            "no_such_table/dt=2026-11-24/part-0.parquet",
            "../etc",
            "",
        ],
    )
    def test_what_is_no_data_file_is_left_out_and_stops_no_neighbour(self, lake, catalog, key):
        registered = catalog.register([key, lake.write("2026-11-24")])
        (skipped,) = registered.skipped
        assert (skipped.key, skipped.reason) == (key, Reason.FOREIGN)
        assert catalog.partitions(PLAYS) == ("2026-11-24",)

    def test_sync_adds_days_that_are_missing_and_drops_those_that_are_gone(self, lake, catalog):
        gone, kept = lake.write("2026-11-22"), lake.write("2026-11-23")
        catalog.register([gone, kept])
        lake.delete(gone)
        lake.write("2026-11-24")
        lake.write("2026-11-24", table="custom_events")
        synced = catalog.sync()
        assert catalog.partitions(PLAYS) == ("2026-11-23", "2026-11-24")
        assert set(synced.gained) == {
            Partition(PLAYS, "2026-11-24"),
            Partition("custom_events", "2026-11-24"),
        }
        assert synced.lost == (Partition(PLAYS, "2026-11-22"),)

    def test_sync_has_nothing_to_do_the_second_time(self, lake, catalog):
        lake.write("2026-11-24")
        catalog.sync()
        again = catalog.sync()
        assert (again.gained, again.lost, again.skipped) == ((), (), ())

    def test_a_day_that_was_lost_and_comes_back_is_registered_again(self, lake, catalog):
        first = lake.write("2026-11-24")
        catalog.register([first])
        lake.delete(first)
        catalog.sync()
        registered = catalog.register([lake.write("2026-11-24")])
        assert registered.partitions == (Partition(PLAYS, "2026-11-24"),)

    def test_sync_takes_no_notice_of_hidden_names_and_notes_foreign_ones(self, lake, catalog):
        lake.write("2026-11-24")
        lake.put(f"{PLAYS}/_SUCCESS")
        lake.put(f"{PLAYS}/.part-1.parquet")
        foreign = lake.put(f"{PLAYS}/notes.txt")
        synced = catalog.sync()
        assert [(each.key, each.reason) for each in synced.skipped] == [(foreign, Reason.FOREIGN)]
        assert synced.gained == (Partition(PLAYS, "2026-11-24"),)

    def test_threads_may_register_at_once(self, lake, catalog):
        days = [f"2026-11-{day:02}" for day in range(1, 29)]
        written = [lake.write(day) for day in days]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda key: catalog.register([key]), written))
        assert catalog.partitions(PLAYS) == tuple(days)


class FileCatalogSuite(CatalogSuite):
    """The contract of `catalog.port.FileCatalog`."""

    @pytest.fixture
    def lake(self, tmp_path: Path) -> Lake:
        """An empty lake in a folder."""
        return Lake(tmp_path / "lake")

    def test_a_registered_file_is_known_with_its_partition_and_sizes(self, lake, catalog):
        key = lake.write("2026-11-24", [{"video_id": "a"}, {"video_id": "b"}])
        registered = catalog.register([key])
        (file,) = catalog.files(PLAYS)
        footer = pq.read_metadata(lake.root / key)
        index = footer.schema.to_arrow_schema().get_field_index("video_id")
        assert registered.added == (key,)
        assert registered.partitions == (Partition(PLAYS, "2026-11-24"),)
        assert (file.key, file.partition) == (key, Partition(PLAYS, "2026-11-24"))
        assert (file.rows, file.bytes) == (2, (lake.root / key).stat().st_size)
        assert (
            file.column_bytes["video_id"] == footer.row_group(0).column(index).total_compressed_size
        )

    def test_registering_twice_leaves_the_files_as_they_are(self, lake, catalog):
        key = lake.write("2026-11-24")
        catalog.register([key])
        before = catalog.files(PLAYS)
        again = catalog.register([key, key])
        assert (again.added, again.partitions, again.skipped) == ((), (), ())
        assert catalog.files(PLAYS) == before

    def test_files_are_those_of_the_days_asked_for(self, lake, catalog):
        first, second = lake.write("2026-11-23"), lake.write("2026-11-24")
        catalog.register([first, second])
        assert [file.key for file in catalog.files(PLAYS, ["2026-11-24"])] == [second]
        assert catalog.files(PLAYS, []) == ()

    def test_a_file_that_vanished_before_it_was_registered_is_no_error(self, lake, catalog):
        gone, here = lake.write("2026-11-24"), lake.write("2026-11-24")
        lake.delete(gone)
        registered = catalog.register([gone, here])
        assert [(each.key, each.reason) for each in registered.skipped] == [(gone, Reason.MISSING)]
        assert keys(catalog) == [here]

    def test_a_torn_file_is_named_and_does_not_stop_its_neighbours(self, lake, catalog):
        torn, whole = lake.write("2026-11-24"), lake.write("2026-11-24")
        lake.tear(torn)
        registered = catalog.register([torn, whole])
        assert [(each.key, each.reason) for each in registered.skipped] == [
            (torn, Reason.UNREADABLE)
        ]
        assert keys(catalog) == [whole]

    def test_replacing_swaps_the_files(self, lake, catalog):
        old = [lake.write("2026-11-24"), lake.write("2026-11-24")]
        catalog.register(old)
        new = lake.write("2026-11-24", name="c0")
        changed = catalog.replace(old, [new])
        assert keys(catalog) == [new]
        assert [file.key for file in changed.added] == [new]
        assert [file.key for file in changed.dropped] == old

    def test_nothing_is_replaced_by_a_file_that_cannot_be_read(self, lake, catalog):
        old, new = lake.write("2026-11-24"), lake.write("2026-11-24")
        catalog.register([old])
        lake.tear(new)
        with pytest.raises(CatalogUnavailable, match=new):
            catalog.replace([old], [new])
        assert keys(catalog) == [old]

    def test_a_replaced_file_that_is_written_and_told_of_again_does_not_count(self, lake, catalog):
        old = lake.write("2026-11-24", name="a")
        catalog.register([old])
        new = lake.write("2026-11-24", name="c0")
        catalog.replace([old], [new])
        (skipped,) = catalog.register([old]).skipped
        assert (skipped.key, skipped.reason) == (old, Reason.SUPERSEDED)
        assert keys(catalog) == [new]
        assert [each.key for each in catalog.sync().skipped] == [old]
        assert keys(catalog) == [new]

    def test_a_partition_whose_rows_were_all_erased_stays_empty(self, lake, catalog):
        old = lake.write("2026-11-24")
        catalog.register([old])
        catalog.replace([old], [])
        catalog.register([old])
        catalog.sync()
        assert catalog.partitions(PLAYS) == ()

    def test_a_rewrite_that_gives_the_very_same_file_keeps_it(self, lake, catalog):
        compacted, late = lake.write("2026-11-24", name="c0"), lake.write("2026-11-24")
        catalog.register([compacted, late])
        catalog.replace([compacted, late], [compacted])
        assert keys(catalog) == [compacted]

    def test_a_key_that_was_replaced_can_come_back_by_a_later_rewrite(self, lake, catalog):
        first = lake.write("2026-11-24", name="c0")
        catalog.register([first])
        second = lake.write("2026-11-24", name="c1")
        catalog.replace([first], [second])
        catalog.replace([second], [first])
        assert keys(catalog) == [first]
        catalog.sync()
        assert keys(catalog) == [first]

    def test_registering_a_compacted_file_swaps_it_for_what_it_replaces(self, lake, catalog):
        old = [lake.write("2026-11-24"), lake.write("2026-11-24")]
        catalog.register(old)
        new = lake.write("2026-11-24", name="c0", replaces=old)
        catalog.register([new])
        assert keys(catalog) == [new]

    @pytest.mark.parametrize("compacted_first", [True, False])
    def test_a_compacted_file_wins_whatever_the_order_of_the_notices(
        self, lake, catalog, compacted_first
    ):
        old = lake.write("2026-11-24", name="a")
        new = lake.write("2026-11-24", name="c0", replaces=[old])
        catalog.register([new, old] if compacted_first else [old, new])
        assert keys(catalog) == [new]

    def test_sync_adds_what_is_missing_and_drops_what_is_gone(self, lake, catalog):
        gone, kept = lake.write("2026-11-22"), lake.write("2026-11-23")
        catalog.register([gone, kept])
        lake.delete(gone)
        new = [lake.write("2026-11-24"), lake.write("2026-11-24")]
        changed = catalog.sync()
        assert keys(catalog) == [kept, *new]
        assert changed.added_by_partition() == {Partition(PLAYS, "2026-11-24"): 2}
        assert changed.dropped_by_partition() == {Partition(PLAYS, "2026-11-22"): 1}

    def test_sync_takes_no_notice_of_hidden_names_anywhere_in_the_lake(self, lake, catalog):
        lake.write("2026-11-24")
        for name in (".writing/x", f"{PLAYS}/_SUCCESS", f"{PLAYS}/dt=2026-11-24/.part-1.parquet"):
            (lake.root / name).parent.mkdir(parents=True, exist_ok=True)
            (lake.root / name).touch()
        (lake.root / "notes.txt").touch()
        changed = catalog.sync()
        assert [(each.key, each.reason) for each in changed.skipped] == [
            ("notes.txt", Reason.FOREIGN)
        ]
        assert len(changed.added) == 1

    def test_sync_names_a_torn_file_and_registers_the_rest(self, lake, catalog):
        torn, whole = lake.write("2026-11-24"), lake.write("2026-11-24")
        lake.tear(torn)
        (skipped,) = catalog.sync().skipped
        assert (skipped.key, skipped.reason) == (torn, Reason.UNREADABLE)
        assert keys(catalog) == [whole]

    def test_sync_drops_a_registered_file_that_was_torn_since(self, lake, catalog):
        key = lake.write("2026-11-24")
        catalog.register([key])
        lake.tear(key)
        assert [file.key for file in catalog.sync().dropped] == [key]
        assert keys(catalog) == []

    def test_sync_after_a_crash_between_compacting_and_deleting_counts_rows_once(
        self, lake, catalog
    ):
        old = [lake.write("2026-11-24"), lake.write("2026-11-24")]
        new = lake.write("2026-11-24", name="c0", replaces=old)
        changed = catalog.sync()
        assert keys(catalog) == [new]
        assert {(each.key, each.reason) for each in changed.skipped} == {
            (key, Reason.SUPERSEDED) for key in old
        }

    def test_sync_goes_back_to_the_old_files_when_the_compacted_one_is_lost(self, lake, catalog):
        old = lake.write("2026-11-24", name="a")
        new = lake.write("2026-11-24", name="c0", replaces=[old])
        catalog.register([old, new])
        lake.delete(new)
        catalog.sync()
        assert keys(catalog) == [old]

    def test_sync_keeps_what_was_replaced_twice_over_out(self, lake, catalog):
        first = lake.write("2026-11-24", name="a")
        second = lake.write("2026-11-24", name="c0", replaces=[first])
        catalog.sync()
        third = lake.write("2026-11-24", name="c1", replaces=[second])
        catalog.sync()
        lake.delete(second)
        catalog.sync()
        assert keys(catalog) == [third]

    def test_threads_that_register_at_once_lose_no_file(self, lake, catalog):
        written = [lake.write(f"2026-11-{day:02}") for day in range(1, 29)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda key: catalog.register([key]), written))
        assert keys(catalog) == sorted(written)
