"""Somebody who follows a page of commands, and sees whether each shows what the page says."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import PLAYLAKE, Dev, eventually

FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEP = re.compile(r"((?:.*\\\n)*.*)\n((?s:.*))")
ASKS = ("playlake query", "playlake report", "playlake partitions", "playlake rejected")
SERVES = ("playlake dev", "playlake dashboard")


@dataclass(frozen=True)
class Step:
    """A command, and what is shown beneath it."""

    command: str
    shown: str


def blocks(text: str) -> list[tuple[str, str]]:
    """The fenced blocks, each with its language."""
    return FENCED.findall(text)


def steps(block: str) -> list[Step]:
    """The commands of a console block."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert not parts[0], f"what shows this? {parts[0]}"
    return [Step(*STEP.fullmatch(part).groups()) for part in parts[1:]]


def commands(block: str) -> list[str]:
    """The commands of an sh block."""
    return re.findall(r"(?:.*\\\n)*.+", block)


def plain(text: str) -> str:
    """Lines without what does not count."""
    lines = (re.sub(r"([ ─])\1+", r"\1", line).strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def pattern(shown: str) -> str:
    """What is shown, as a regular expression over `plain` text."""
    return "".join(
        r"(?:.*\n)*" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in plain(shown).splitlines()
    )


def assert_shows(what: str, real: str, shown: str) -> None:
    assert re.fullmatch(pattern(shown), plain(real)), f"{what}\n{real}\nis not\n{shown}"


@dataclass
class Walk:
    """Somebody who follows the tutorial, in an empty folder."""

    folder: Path
    environment: dict[str, str]
    server: Dev | None = None
    heard: str = ""  # what of the server's lines was read already
    addresses: dict[str, str] = field(default_factory=dict)  # as written → as served

    def here(self, text: str) -> str:
        """The text with the addresses that are really served."""
        for written, served in self.addresses.items():
            text = text.replace(written, served)
        return text

    def console(self, block: str) -> None:
        """Type each command of the block, in order."""
        for step in steps(block):
            act = self.serve if step.command.startswith(SERVES) else self.run
            act(step)

    def run(self, step: Step) -> None:
        """Run the command; what only asks is asked again until the events before it are there."""
        if step.command.startswith(ASKS):
            eventually(lambda: self.run_once(step), seconds=30)
        else:
            self.run_once(step)

    def run_once(self, step: Step) -> None:
        """Run the command in bash; raises AssertionError when it shows something else, or fails."""
        done = subprocess.run(
            ["bash", "-c", self.here(step.command)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert_shows(step.command, done.stdout, self.here(step.shown))
        assert done.returncode == 0 or step.shown.startswith("playlake:"), step.command

    def serve(self, step: Step) -> None:
        """Start what serves, on a free port, and hear what it says first."""
        assert self.server is None, f"{step.command}: the server before it was not stopped"
        arguments = shlex.split(step.command)
        port = arguments.index("--port") + 1
        written, arguments[port] = f"http://127.0.0.1:{arguments[port]}", "0"
        process = subprocess.Popen(
            [*PLAYLAKE, *arguments[1:]],
            cwd=self.folder,
            env=self.environment | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.server, self.heard = Dev(process, self.folder), ""
        self.server.read_url()
        # The dashboard's line names its page.
        self.addresses[written] = self.server.url.removesuffix("/dashboard")
        self.text(step.shown)

    def text(self, block: str) -> None:
        """Hear the server say this, and nothing else before it; `^C` stops it first."""
        assert self.server is not None, f"which server says this? {block}"
        if not block.startswith("^C\n"):
            eventually(lambda: self.hear(block), seconds=30)
            return
        assert_shows("the server", self.news(self.server.stop()), block.removeprefix("^C\n"))
        assert self.server.process.returncode == 0
        self.close()

    def hear(self, block: str) -> None:
        said = "".join(self.server.lines)
        assert_shows("the server", self.news(said), self.here(block))
        self.heard = said

    def news(self, said: str) -> str:
        """What of it was not heard yet."""
        return said.removeprefix(self.heard)

    def python(self, block: str) -> None:
        """Save the file that its first line names."""
        (name,) = re.findall(r"\A# (\w+\.py)\n", block)
        (self.folder / name).write_text(block)

    def close(self) -> None:
        """End the server that is still there, if one is."""
        if self.server is None:
            return
        if self.server.process.poll() is None:
            self.server.kill()
        self.server.process.stdout.close()
        self.server = None


@contextmanager
def walking(folder: Path) -> Iterator[Walk]:
    """A walk whose `playlake` and `python` are this environment's, and whose curl draws no bar."""
    home = folder / "home"
    (home / "bin").mkdir(parents=True)
    for name, called in {"playlake": PLAYLAKE, "python": (sys.executable,)}.items():
        (home / "bin" / name).write_text(f'#!/bin/sh\nexec {shlex.join(called)} "$@"\n')
        (home / "bin" / name).chmod(0o755)
    (home / ".curlrc").write_text("silent\nshow-error\n")
    environment = os.environ | {
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "CURL_HOME": str(home),
        "COLUMNS": "80",
    }
    (folder / "work").mkdir()
    walk = Walk(folder / "work", environment)
    try:
        yield walk
    finally:
        walk.close()
