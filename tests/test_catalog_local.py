"""The catalog of a lake in a folder: the port's contract, and several processes at once."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from catalog.drivers.database import Database
from catalog.drivers.local import LocalCatalog
from events.errors import CatalogUnavailable, SettingsError
from tests.catalog_suite import PLAYS, FileCatalogSuite, Lake, keys

REGISTER = """
import sys
from pathlib import Path
from catalog.drivers.local import LocalCatalog

lake, database, *written = sys.argv[1:]
with LocalCatalog(Path(lake), Path(database)) as catalog:
    for key in written:
        catalog.register([key])
"""


class TestLocalCatalog(FileCatalogSuite):
    @pytest.fixture
    def catalog(self, lake, tmp_path):
        with LocalCatalog(lake.root, tmp_path / "catalog.db") as catalog:
            yield catalog

    def test_a_known_file_is_not_read_again(self, lake, catalog):
        key = lake.write("2026-11-24")
        catalog.register([key])
        lake.tear(key)
        assert catalog.register([key]).skipped == ()
        assert keys(catalog) == [key]

    def test_it_is_still_there_after_closing(self, lake, catalog, tmp_path):
        key = lake.write("2026-11-24")
        catalog.register([key])
        catalog.close()
        with LocalCatalog(lake.root, tmp_path / "catalog.db") as again:
            assert keys(again) == [key]

    def test_two_processes_register_at_once(self, lake, tmp_path):
        written = [lake.write(f"2026-11-{day:02}") for day in range(1, 25)]
        database = tmp_path / "new.db"
        command = [sys.executable, "-c", REGISTER, str(lake.root), str(database)]
        # They share a third of the files, and race for making the database too.
        shares = (written[:16], written[8:])
        running = [subprocess.Popen([*command, *share]) for share in shares]
        assert [process.wait(timeout=60) for process in running] == [0, 0]
        with LocalCatalog(lake.root, database) as catalog:
            assert keys(catalog) == written

    def test_many_make_the_database_at_once(self, tmp_path):
        # Each round is a race of its own, which some open lost before they looked again.
        for number in range(60):
            path, together = tmp_path / f"{number}.db", threading.Barrier(8)

            def open_and_close(path=path, together=together):
                together.wait()
                Database(path).close()

            with ThreadPoolExecutor(8) as threads:
                opening = [threads.submit(open_and_close) for _ in range(8)]
            assert [each.exception() for each in opening] == [None] * 8

    def test_a_reader_sees_a_replacement_whole(self, lake, catalog, tmp_path):
        old = [lake.write("2026-11-24"), lake.write("2026-11-24")]
        new = lake.write("2026-11-24", name="c0")
        catalog.register(old)
        seen = set()
        done = threading.Event()

        def swap():
            for _ in range(50):
                catalog.replace(old, [new])
                catalog.replace([new], old)
            done.set()

        writer = threading.Thread(target=swap)
        writer.start()
        with LocalCatalog(lake.root, tmp_path / "catalog.db") as reader:
            while not done.is_set():
                seen.add(tuple(keys(reader)))
        writer.join()
        assert seen <= {tuple(old), (new,)}
        assert seen


def test_a_database_that_is_none_is_named(tmp_path):
    (tmp_path / "catalog.db").write_text("not a database, though long enough to be read as one" * 9)
    with pytest.raises(CatalogUnavailable, match=r"catalog\.db"):
        LocalCatalog(tmp_path, tmp_path / "catalog.db")


def test_a_folder_that_is_not_there_yet_is_an_empty_lake(tmp_path):
    with LocalCatalog(tmp_path / "lake", tmp_path / "catalog.db") as catalog:
        assert catalog.sync().added == ()
        Lake(tmp_path / "lake").write("2026-11-24")
        catalog.sync()
        assert catalog.partitions(PLAYS) == ("2026-11-24",)


@pytest.mark.parametrize("name", ["dt=2026-11-24", "DT=1", "user_id=7", "Is_Bot=true"])
def test_a_lake_inside_what_looks_like_a_partition_of_a_columns_is_refused(tmp_path, name):
    """DuckDB would take the path's word for it, in every row."""
    with pytest.raises(SettingsError, match="rename"):
        LocalCatalog(tmp_path / name / "lake", tmp_path / "catalog.db")


def test_a_lake_inside_any_other_folder_is_taken(tmp_path):
    LocalCatalog(tmp_path / "year=2026" / "lake", tmp_path / "catalog.db").close()
