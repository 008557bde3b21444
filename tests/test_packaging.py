"""How the Lambda packages are made: the same from the same, within limits, for their machine."""

import re
import shutil
import sys
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from rich.console import Console

from deploy.packaging import archive, pruning
from deploy.packaging.building import MOST_UNZIPPED, MOST_ZIPPED, build, contents, within_limits
from deploy.packaging.elf import AARCH64, Library
from deploy.packaging.errors import PackagingError
from deploy.packaging.function import MB, Package, Target
from deploy.packaging.sources import sources
from deploy.zips import table
from tests.packages import ARM, BY_NAME, project_copy


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return project_copy(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def arm(root) -> dict[str, dict[str, bytes]]:
    """The contents of the packages as they are deployed: transform has the most libraries."""
    return {name: contents(BY_NAME[name], ARM, root) for name in ("collect", "transform")}


def test_what_is_deployed_holds_libraries_of_its_machine_and_no_other(arm):
    machines = {
        name: {library.machine for data in files.values() if (library := Library.read(data))}
        for name, files in arm.items()
    }

    assert machines == {"collect": {AARCH64}, "transform": {AARCH64}}


def test_what_is_deployed_is_linked_to_what_is_in_it_or_to_the_system(arm):
    files = arm["transform"]
    there = {Path(name).name for name in files}
    needed = {each for data in files.values() if (of := Library.read(data)) for each in of.needed}

    missing = needed - there

    assert all(
        re.match(r"(lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)|ld-linux-aarch64)\.so", each)
        for each in missing
    ), missing


def test_the_deployed_transform_is_within_its_limits(arm):
    files = arm["transform"]

    within_limits(BY_NAME["transform"], sum(map(len, files.values())), len(archive.zipped(files)))


def test_without_its_python_on_the_machine_the_sources_are_in_and_that_is_said(
    root, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    target = Target("arm64", "3.12" if sys.version_info[:2] == (3, 13) else "3.13")

    built = build(BY_NAME["collect"], target, tmp_path, root)
    Console(width=100).print(table([built], target))

    with ZipFile(tmp_path / "collect.zip") as opened:
        suffixes = {Path(name).suffix for name in opened.namelist()}
    assert ".py" in suffixes
    assert ".pyc" not in suffixes
    assert "compiles what it imports" in capsys.readouterr().out


def test_a_zip_does_not_tell_when_and_by_whom_it_was_made():
    files = {"b.py": b"b", "a.so.1": b"a"}

    data = archive.zipped(files)

    entries = ZipFile(BytesIO(data)).infolist()
    assert [(each.filename, oct(each.external_attr >> 16)) for each in entries] == [
        ("a.so.1", "0o100755"),
        ("b.py", "0o100644"),
    ]
    assert {each.date_time for each in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert data == archive.zipped(dict(reversed(files.items())))


def test_a_zip_that_is_spoilt_or_out_of_date_is_made_again(root, tmp_path):
    copy, out = tmp_path / "project", tmp_path / "zips"
    shutil.copytree(root, copy)
    first = build(BY_NAME["collect"], ARM, out, copy)

    (out / "collect.zip").write_bytes(b"half")
    same = build(BY_NAME["collect"], ARM, out, copy)
    changed = copy / "ingest" / "cors.py"
    changed.write_bytes(changed.read_bytes() + b"# changed\n")
    other = build(BY_NAME["collect"], ARM, out, copy)

    assert same.sha256 == first.sha256 != other.sha256
    assert ZipFile(out / "collect.zip").read("ingest/cors.py").endswith(b"# changed\n")


@pytest.mark.parametrize(
    ("unzipped", "zipped", "said"),
    [
        (MOST_UNZIPPED + 1, 1, "unzipped"),
        (80 * MB + 1, 1, "80.0 MB"),
        (1, MOST_ZIPPED + 1, "50.0 MB"),
    ],
)
def test_a_package_that_is_too_large_is_refused(unzipped, zipped, said):
    with pytest.raises(PackagingError, match=said):
        within_limits(BY_NAME["transform"], unzipped, zipped)


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(PackagingError, match=r"ingest\.gone"):
        sources(Package("collect", "ingest.gone", ()))


# Shared libraries.


def arrow(name: str) -> Path:
    return Path(str(distribution("pyarrow").locate_file("pyarrow"))) / name


def test_a_library_is_cut_only_where_nothing_that_stays_needs_it(tmp_path):
    (tmp_path / "pyarrow").mkdir()
    (cut,) = arrow(".").glob("libarrow_dataset.so.*")
    (user,) = arrow(".").glob("_dataset.*.so")
    shutil.copy(cut, tmp_path / "pyarrow")
    shutil.copy(user, tmp_path / "stays.so")

    with pytest.raises(PackagingError, match=r"stays\.so needs \S+ of libarrow_dataset"):
        pruning.pruned(tmp_path)


def test_a_library_that_is_cut_short_is_refused():
    (whole,) = arrow(".").glob("libarrow_acero.so.*")
    data = whole.read_bytes()

    with pytest.raises(PackagingError, match="lacks those up to"):
        Library.read(data[: len(data) // 2])
