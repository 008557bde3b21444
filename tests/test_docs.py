"""The documents say the truth: their commands run, and what they list is all there is."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from events.registry import REGISTRY
from events.validation import Validator
from ingest.refusals import STATUS_OF
from playlake.cli.main import COMMANDS, EXIT_CODES
from tests.conftest import running_dev
from tests.lacking import lacking
from transform.triage import Kept, triage

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
SOURCES = [
    path.read_text()
    for folder in ("events", "ingest", "transform")
    for path in (ROOT / folder).rglob("*.py")
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run(command: str, folder: Path) -> str:
    arguments = shlex.split(command)
    if arguments[0] == "playlake":
        arguments = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        arguments, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def test_the_readmes_commands_run(tmp_path):
    try_it, serve, own = blocks("console")
    for command in re.findall(r"^\$ (.+)$", try_it, re.MULTILINE):
        assert run(command, tmp_path).strip(), command
    assert (tmp_path / "viewers.csv").exists()

    assert serve == "$ playlake dev --port 8080 --data data\n"
    with running_dev(tmp_path / "data") as dev:
        for command, answer in re.findall(r"^\$ (curl .+)\n(.+)$", own, re.MULTILINE):
            curl(command.replace("http://127.0.0.1:8080", dev.url), answer, tmp_path)
        dev.stop()
    (query,) = re.findall(r"^\$ (playlake .+)$", own, re.MULTILINE)
    assert re.search(r"foobarbaz +14,000 +\w+ +2018-08-29", run(query, tmp_path))


def curl(command: str, answer: str, folder: Path) -> None:
    try:
        assert run(command, folder) == answer
    except FileNotFoundError:
        lacking("curl is not installed; the README's requests are sent with it.")


def test_the_readmes_event_is_a_play():
    (event,) = blocks("json")
    kept = triage(json.dumps(json.loads(event)).encode(), 0, Validator(REGISTRY))
    assert isinstance(kept, Kept)
    assert kept.event_type.name == "video_play"
    assert kept.properties is None


def test_the_readme_shows_every_picture_and_each_is_there():
    shown = set(re.findall(r"docs/images/([\w-]+\.\w+)", README))
    assert shown == {path.name for path in (ROOT / "docs" / "images").iterdir()} - {"make.py"}


def rows(heading: str) -> list[list[str]]:
    """The rows of the tables in a section of the reference."""
    (section,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL
    )
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_every_error_code_of_the_collector_is_documented_with_its_status():
    listed = {row[0]: int(row[1]) for row in rows("The collector") if row[0] in STATUS_OF}
    assert listed == STATUS_OF


def test_every_reason_of_a_rejected_event_is_documented():
    used = {
        code
        for text in SOURCES
        for code in re.findall(r'(?:Misfit|Rule)\(\s*"(\w+)"|"\), "(\w+)"\),', text)
        for code in code
        if code
    }
    listed = {row[0] for row in rows("Events")} - {"reason", "---"}
    assert used == listed
    assert len(used) > 10


def test_every_command_and_exit_code_is_documented():
    listed = {row[0] for row in rows("The command line")} - {"command", "exit code", "---"}
    assert listed == {*COMMANDS, *map(str, EXIT_CODES)}
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in REFERENCE


def test_every_setting_of_the_handlers_is_documented():
    used = {name for text in SOURCES for name in re.findall(r"PLAYLAKE_[A-Z_]+", text)}
    catalog = "".join(path.read_text() for path in (ROOT / "catalog").rglob("*.py"))
    used |= set(re.findall(r"PLAYLAKE_[A-Z_]+", catalog))
    assert {row[0] for row in rows("Settings of the handlers")} - {"variable", "---"} == used


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"])
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_make_help_lists_the_targets_that_the_readme_names():
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for target in set(re.findall(r"`?make ([a-z]+)`?", README)):
        assert f"make {target}" in listed
