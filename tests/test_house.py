"""The house rules that a machine can hold: imports, the length of files, what never enters."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import ALONE, EACH

ROOT = Path(__file__).parents[1]
MOST_LINES = 400
MOST_HANDLER_LINES = 45


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / line for line in listed.stdout.splitlines())
    return [path for path in paths if path.is_file()]


def texts() -> list[tuple[str, str]]:
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data:
            found.append((path.relative_to(ROOT).as_posix(), data.decode()))
    return found


FOLDERS = ("events", "ingest", "transform", "catalog", "playlake")


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The code, where a test may spoil it."""
    folder = tmp_path_factory.mktemp("copy")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_folders_import_each_other_only_as_the_design_says(copy):
    ran = lint_imports(copy)
    assert ran.returncode == 0, ran.stdout
    assert "4 kept, 0 broken" in ran.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("transform/stray.py", "import ingest.request", "never one another"),
        ("events/stray.py", "import playlake.local.folder", "never one another"),
        ("catalog/stray.py", "import duckdb", "only in drivers and handlers"),
        ("ingest/stray.py", "import boto3", "only in drivers and handlers"),
        ("playlake/stray.py", "import playlake.cli.text", "nothing imports the CLI"),
    ],
)
def test_an_import_against_the_design_is_found(copy, module, line, contract):
    stray = copy / module
    stray.write_text(f'"""Stray."""\n\n{line}\n')
    ran = lint_imports(copy)
    stray.unlink()
    assert ran.returncode == 1
    assert re.search(rf"{contract}.* BROKEN", ran.stdout)


def test_no_file_of_code_is_longer_than_400_lines():
    code = (".py", ".js", ".css", ".html", ".sql", ".sh")
    long = {
        name: text.count("\n")
        for name, text in texts()
        if name.endswith(code) and text.count("\n") > MOST_LINES
        # Made of the modules in webapp/tracker/, which are held to it.
        if name != "webapp/tracker.js"
    }
    assert long == {}


def test_whoever_is_alone_is_where_make_test_looks_for_it():
    elsewhere = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "mark.alone" in path.read_text() and path.parent.name != "browser"
    }
    assert elsewhere - {"tests/test_house.py"} == set()
    looked_for = f"-m '{ALONE}' tests/browser tests/{EACH} --numprocesses auto "
    assert looked_for in (ROOT / "Makefile").read_text()


def test_handlers_are_thin():
    for name, text in texts():
        if name.endswith("/handler.py"):
            assert text.count("\n") <= MOST_HANDLER_LINES, name


def test_no_machine_path_and_no_registry_host_is_in_a_tracked_file():
    # Written so that this file does not find itself.
    strangers = [
        "/" + "work/",
        "/" + "root/",
        "pypi" + ".org",
        "python" + "hosted",
        "npmjs" + ".org",
    ]
    found = [(name, each) for name, text in texts() for each in strangers if each in text]
    assert found == []


def test_every_dependency_is_locked_at_a_version_that_the_project_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [
        *project["project"]["dependencies"],
        *(each for extra in project["project"]["optional-dependencies"].values() for each in extra),
        *project["dependency-groups"]["dev"],
    ]
    lock = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    kinesis = (ROOT / "kinesis.lock").read_text()
    (client_library,) = re.findall(r"^amazon-kclpy==(\S+)", kinesis, re.MULTILINE)
    for requirement in map(Requirement, wanted):
        if requirement.name != "playlake":
            if requirement.name == "amazon_kclpy":
                # Locked apart: it is installed only where there is a Java.
                assert client_library in requirement.specifier
                continue
            assert locked[requirement.name] in requirement.specifier, requirement
            assert version(requirement.name) == locked[requirement.name]


def test_the_tracker_is_made_of_its_modules_and_within_its_size():
    made = subprocess.run(
        [sys.executable, "webapp/tracker/make.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    size, most = re.findall(r"[\d,]+(?= of| bytes)", made.stdout)
    assert int(size.replace(",", "")) <= int(most.replace(",", "")) == 5 * 1024
