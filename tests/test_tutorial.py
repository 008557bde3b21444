"""The tutorial runs: its local half command by command, and its AWS half names what there is.

How docs/tutorial.md is written, and what is done with each fenced block:

- `console`: `$ command`, and beneath it what a terminal shows. A line that ends in a backslash goes
  on. Each command is run by bash and has to show just that, and to succeed, unless what it shows
  begins with `playlake:`. A command that serves is started, on a free port, and goes on.
- `text`: what the server shows next. `^C` stops it.
- `python`: a file, named in its first line.
- `json`: an event as the console of the player page shows it.
- `sh`: how the machine is set up, and all of the AWS half. Not run; what it calls has to exist.
- `sql`: for Athena's console; it is one of the queries above.

In what is shown `…` is anything within a line, and on a line of its own any number of lines. Blank
lines, and how wide the columns are, do not count.
"""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer

from events.registry import REGISTRY
from events.validation import Validator
from playlake.cli.main import app
from tests.lacking import lacking
from tests.walking import FENCED, assert_shows, blocks, commands, walking
from transform.triage import Kept, triage

ROOT = Path(__file__).parents[1]
ENGLISH = (ROOT / "docs" / "tutorial.md").read_text()
KOREAN = (ROOT / "docs" / "tutorial.ko.md").read_text()
LOCAL, AWS = ENGLISH.split("\n# On AWS\n")
AWS_COMMANDS = [line for kind, block in blocks(AWS) if kind == "sh" for line in commands(block)]


def test_every_command_of_the_local_half_shows_what_the_tutorial_says(tmp_path):
    if not shutil.which("curl"):
        lacking("curl is not installed; the tutorial's requests are sent with it.")
    with walking(tmp_path) as walk:
        follow = {"console": walk.console, "text": walk.text, "python": walk.python}
        for language, block in blocks(LOCAL):
            (follow | {"json": is_a_play, "sh": is_the_set_up})[language](block)
        assert walk.server is None, "the tutorial leaves a server running"


def is_a_play(block: str) -> None:
    event = json.loads(block)
    assert block == json.dumps(event, indent=2) + "\n"
    kept = triage(json.dumps(event).encode(), event["logged_at"], Validator(REGISTRY))
    assert isinstance(kept, Kept)
    assert (kept.event_type.name, kept.properties) == ("video_play", None)


def is_the_set_up(block: str) -> None:
    """Whoever runs the tests has done it."""
    assert block == "make setup\n. .venv/bin/activate\n"
    assert re.search(r"^setup:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_each_fence_of_the_tutorial_is_a_block_that_the_tests_know():
    assert len(re.findall(r"^ *```", ENGLISH, re.MULTILINE)) == 2 * len(blocks(ENGLISH))
    assert {language for language, _ in blocks(AWS)} == {"sh", "text", "sql"}


@pytest.mark.parametrize("line", AWS_COMMANDS)
def test_every_command_of_the_aws_half_exists(line):
    program, *arguments = shlex.split(line)
    if program == "playlake":
        parses(arguments)
    elif program in {"npx", "npm"}:
        known_to_the_guides(line)
    else:
        assert program in {"curl", "export"}


def parses(arguments: list[str]) -> None:
    """The command line takes these arguments, and runs nothing for it."""
    group = typer.main.get_command(app)
    with group.make_context("playlake", list(arguments)) as within:
        name, command, rest = group.resolve_command(within, list(arguments))
        with command.make_context(name, rest, parent=within):
            pass


def known_to_the_guides(line: str) -> None:
    guides = (ROOT / "README.md").read_text() + (ROOT / "docs" / "deploying.md").read_text()
    assert line in guides.splitlines()


def test_a_command_that_does_not_exist_would_be_found():
    for wrong in (["reports"], ["report", "--identifer", "demo"], ["rejected", "--limit", "few"]):
        with pytest.raises(Exception, match=r"No such|valid integer"):
            parses(wrong)


def test_what_the_deployment_is_said_to_print_it_prints():
    printed = (ROOT / "deploy" / "plugin" / "outputs.js").read_text()
    for kind, block in blocks(AWS):
        if kind == "text":
            for line in block.splitlines():
                url = re.search(r"https://[^/]+", line)[0]
                assert f"`{line.replace(url, '${values.Url}')}`" in printed


def test_athena_is_asked_what_was_asked_before():
    (sql,) = [block.strip() for kind, block in blocks(AWS) if kind == "sql"]
    assert f'playlake query "{sql}" --data month' in LOCAL
    assert f'playlake query "{sql}" --identifier demo' in AWS


def test_the_korean_page_is_the_same_walk():
    assert blocks(KOREAN) == blocks(ENGLISH)
    outline = re.compile(r"^#+(?= )", re.MULTILINE)
    link = re.compile(r"\]\(([^)]+)\)|<(http[^>]+)>")
    code = re.compile(r"`([^`\n]+)`")
    for found in (outline, link, code):
        english, korean = (found.findall(FENCED.sub("", page)) for page in (ENGLISH, KOREAN))
        if found is outline:
            assert korean == english
        else:
            # Korean puts the words of a sentence in another order.
            assert sorted(korean) == sorted(english)


def test_a_line_that_differs_is_found():
    for real in ("a 1 b\n", "a 2\n", "a 2 b\nc\n", ""):
        with pytest.raises(AssertionError):
            assert_shows("it", real, "a  2 b\n")
    for real in ("a 2 b\n", "\n a   2 b \n\n"):
        assert_shows("it", real, "a 2 …\n")
    assert_shows("it", "a\nb\nc\nd\n", "a\n…\nd\n")
