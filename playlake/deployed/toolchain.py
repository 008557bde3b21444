"""The tools on this machine that deploying needs, and whether they are there."""

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from playlake.deployed.diagnosis import Finding, failed, ok, warning

Run = Callable[[Sequence[str]], str | None]
"""Runs a command and gives its standard output, or None when it is not there or fails."""

_PATIENCE_SECONDS = 20
_OLDEST_PYTHON = (3, 11)
_ZIPS = ("collect", "transform", "catalog", "page")


def run(command: Sequence[str]) -> str | None:
    """See `Run`."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 (the commands below, by their full path)
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def check_tools(folder: Path, run: Run = run) -> Iterator[Finding]:
    """A finding for each tool, for deploying from the checkout in `folder`.

    Where no checkout is, nothing can be deployed from: that is a warning, for asking needs none.
    """
    yield _python(sys.version_info[:2])
    if not (folder / "serverless.yml").exists():
        yield warning(
            "checkout",
            f"{folder} is none of playlake's: deploying is done from one. Asking needs none.",
        )
        return
    yield _node(run)
    yield _osls(folder)
    yield _zips(folder, run)


def _python(version: tuple[int, ...]) -> Finding:
    if version < _OLDEST_PYTHON:
        return failed("python", f"{platform.python_version()}: playlake needs 3.11 or newer.")
    return ok("python", platform.python_version())


def _node(run: Run) -> Finding:
    found = run(["node", "--version"])
    if found is None:
        return failed("node", "Node.js is not installed; deploying needs 22 or 24 (nodejs.org).")
    if not is_node_enough(found):
        return failed(
            "node", f"{found}: osls needs 20.19, 22.13 or 24, or newer of these (nodejs.org)."
        )
    return ok("node", found)


def is_node_enough(version: str) -> bool:
    """Whether osls runs on this Node: ^20.19 || ^22.13 || >=24 (`engines` of osls 4.3.1)."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return major >= 24 or (major == 22 and minor >= 13) or (major == 20 and minor >= 19)


def _osls(folder: Path) -> Finding:
    installed = _json_version(folder / "node_modules" / "osls" / "package.json", "version")
    wanted = _json_version(folder / "package.json", "devDependencies", "osls")
    if installed is None:
        return failed("osls", f"`serverless` is not installed in {folder}: run `npm ci` there.")
    if wanted is not None and installed != wanted:
        return warning("osls", f"{installed}, where {wanted} is pinned: run `npm ci`.")
    return ok("osls", installed)


def _json_version(path: Path, *names: str) -> str | None:
    try:
        found = json.loads(path.read_bytes())
        for name in names:
            found = found[name]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return str(found)


def _zips(folder: Path, run: Run) -> Finding:
    built = [name for name in _ZIPS if (folder / "build" / "zips" / f"{name}.zip").exists()]
    if len(built) == len(_ZIPS):
        return ok("zips", "built")
    if run([_uv(), "--version"]) is None:
        return warning("zips", "not built, and uv, which builds them, is not here: `make setup`.")
    return ok("zips", "not built yet: deploying builds them")


def _uv() -> str:
    """uv, beside this Python where `make setup` puts it."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else "uv"
