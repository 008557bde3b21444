"""What a cold start would compile, compiled: Lambda's copy of a package is read-only, so that each
start compiles anew whatever comes as source alone.

Bytecode is of a Python version and of no machine: it is made by an interpreter of the runtime's
version, where this machine has one.
"""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.packaging.errors import PackagingError

# Lambda's folder: what a traceback names.
_TASK_ROOT = "/var/task"
_SOURCE, _COMPILED = ".py", ".pyc"


def libraries(files: Mapping[str, bytes], python: str) -> dict[str, bytes]:
    """Libraries' files, by their path in the zip, each source as bytecode in its place: beside it
    would be twice the size.

    Raises `PackagingError` when one cannot be compiled.
    """
    return _others(files) | _compiled(files, python, "-b")


def ours(files: Mapping[str, bytes], python: str) -> dict[str, bytes]:
    """Our own, and their bytecode beside them: a traceback in the function's log shows its line.

    Raises `PackagingError` when one cannot be compiled.
    """
    return dict(files) | _compiled(files, python)


def _others(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if not name.endswith(_SOURCE)}


def _compiled(files: Mapping[str, bytes], python: str, *options: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside)
        for name, data in files.items():
            if name.endswith(_SOURCE):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        _compileall(python, folder, options)
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob(f"*{_COMPILED}")
        }


def _compileall(python: str, folder: Path, options: tuple[str, ...]) -> None:
    # Unchecked: Python neither looks for the source's time, which a zip changes, nor hashes it.
    command = [
        *(python, "-I", "-S", "-m", "compileall", "-q", *options),
        *("--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", _TASK_ROOT),
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise PackagingError(f"{python} cannot compile the package: {done.stdout.strip()}")
