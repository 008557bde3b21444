"""System calls of a process that fail, or kill it, as planned: `calls.c`, by LD_PRELOAD."""

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("calls.c")


class Lacking(Exception):
    """This machine cannot do it; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to which call; see `calls.c` for the words.

    `on` is a text that the path, below the data folder, has in it.
    """

    calls: str
    on: str
    action: str = "pass"
    when: str = "1"

    def __str__(self) -> str:
        return f"{self.calls}:{self.on}:{self.when}:{self.action}"


@dataclass(frozen=True, slots=True)
class Stroke:
    """A call that was struck, as the shim noted it before it did so."""

    action: str
    call: str
    path: str


@dataclass(frozen=True, slots=True)
class Shim:
    """A plan for one process, whose steps begin one after the other."""

    plan: tuple[Step, ...]
    root: Path
    """The data folder: calls on other files are left alone."""
    notes: Path
    """A file outside of it; it must not be there yet."""
    seed: int = 1

    def environment(self) -> dict[str, str]:
        """The plan, for a process that was begun with the shim; `begin_plan` there begins it."""
        return {
            "PLAYLAKE_CALLS": ">".join(map(str, self.plan)),
            "PLAYLAKE_CALLS_ROOT": str(self.root.resolve()),
            "PLAYLAKE_CALLS_NOTES": str(self.notes),
            "PLAYLAKE_CALLS_SEED": str(self.seed),
        }

    def strokes(self) -> list[Stroke]:
        """What was done so far, in order."""
        if not self.notes.exists():
            return []
        return [Stroke(*line.split(" ", 2)) for line in self.notes.read_text().splitlines()]


def begin_plan(environment: Mapping[str, str]) -> None:
    """Make this process, which was begun with the shim and no plan, subject to one."""
    os.environ.update(environment)
    ctypes.CDLL(None).playlake_calls_read_plan()


@functools.cache
def library() -> Path:
    """The shim, compiled into a folder that goes with this process. Raises Lacking."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Lacking("no C compiler: faults of system calls need `cc` (Debian: gcc, libc6-dev)")
    library = Path(_folder().name) / "calls.so"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise Lacking(f"{_SOURCE.name} does not compile here:\n{made.stderr}")
    return library


@functools.cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="playlake-calls-")
