"""The libraries of a function: of the lock's versions, at the lock's hashes, for its machine."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.packaging.errors import PackagingError
from deploy.packaging.function import Package, Target
from deploy.packaging.sources import ROOT

LOCK = "requirements.lock"
PROJECT = "pyproject.toml"

_PIN = re.compile(r"^(\S+==[^\s;\\]+)")


def install(package: Package, target: Target, folder: Path, root: Path = ROOT) -> None:
    """Put the libraries that the package needs into `folder`, nothing else.

    Only wheels are taken: a build from source would be one of this machine. Raises
    `PackagingError` when uv is missing, when a library has no such wheel, or when its hash is not
    the lock's.
    """
    with tempfile.TemporaryDirectory() as aside:
        locked = Path(aside) / LOCK
        locked.write_text(_entries(root, _pins(package, target, root)), encoding="utf-8")
        _uv(root, "pip", "install", *_for(target), *_ONLY_LOCKED, *_into(folder), "-r", str(locked))


# Links would let what is stripped here be stripped in uv's cache.
_ONLY_LOCKED = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy")


def _for(target: Target) -> tuple[str, ...]:
    return ("--python-platform", target.platform, "--python-version", target.python)


def _into(folder: Path) -> tuple[str, ...]:
    return ("--python", sys.executable, "--target", str(folder))


def _pins(package: Package, target: Target, root: Path) -> list[str]:
    """The `name==version` of what the package's extras need, the lock deciding each version."""
    extras = [word for extra in package.extras for word in ("--extra", extra)]
    command = ("pip", "compile", PROJECT, *extras, "--constraints", LOCK, *_for(target))
    output = ("--no-header", "--no-annotate", "--no-emit-index-url")
    try:
        # What the installation of the project left in the cache suffices, and is ten times faster.
        compiled = _uv(root, *command, *output, "--offline")
    except PackagingError:
        compiled = _uv(root, *command, *output)
    return [found[1] for line in compiled.splitlines() if (found := _PIN.match(line))]


def _entries(root: Path, pins: Sequence[str]) -> str:
    """The lock's own lines, hashes and all, of these `name==version`.

    Raises `PackagingError` when the lock lacks one.
    """
    entries = _by_pin((root / LOCK).read_text(encoding="utf-8"))
    if missing := [pin for pin in pins if pin not in entries]:
        raise PackagingError(f"{LOCK} lacks {', '.join(missing)}; run `make lock`")
    return "".join(entries[pin] for pin in pins)


def _by_pin(lock: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    pin = ""
    for line in lock.splitlines(keepends=True):
        if found := _PIN.match(line):
            pin = found[1]
        if not line.startswith("#"):
            entries[pin] = entries.get(pin, "") + line
    return entries


def _uv(root: Path, *arguments: str) -> str:
    command = [_uv_program(), *arguments, "--quiet"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise PackagingError(f"uv {' '.join(arguments[:2])} failed: {done.stderr.strip()}")
    return done.stdout


def _uv_program() -> str:
    beside = Path(sys.executable).parent
    found = shutil.which("uv", path=os.pathsep.join([str(beside), os.environ.get("PATH", "")]))
    if found is None:
        raise PackagingError(f"uv, which fetches libraries, is not in {beside}; run `make setup`")
    return found
