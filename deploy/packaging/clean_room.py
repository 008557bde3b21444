"""A package as Lambda sees it: a fresh interpreter, the package's files, nothing else."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from deploy.packaging import archive
from deploy.packaging.errors import PackagingError
from deploy.packaging.function import Target

_TIMES = 5

# What Lambda sets, as far as libraries look at it: Powertools' Tracer is off without it.
_LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "playlake",
    "AWS_REGION": "eu-central-1",
    "LAMBDA_TASK_ROOT": "/var/task",
}

_IMPORT = """
import time
began = time.perf_counter()
__import__({handler!r})
print(time.perf_counter() - began)
"""


def interpreter(target: Target) -> str | None:
    """A Python that can run what is built for the target, on this machine; None without one."""
    if not target.runs_here:
        return None
    if target.python == "{}.{}".format(*sys.version_info):
        return sys.executable
    found = shutil.which(f"python{target.python}")
    # A version manager's shim is there for versions that are not.
    return found if found and not _run([found, "-I", "-S", "-c", ""], {}).returncode else None


def run(python: str, folder: Path, code: str, environment: Mapping[str, str] | None = None) -> str:
    """What `code` prints where `folder` and the standard library are all that can be imported.

    No bytecode is read from the folder or left in it: Lambda's copy is read-only, so that every
    cold start compiles. Raises `PackagingError` with the traceback when the code fails.
    """
    only = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    done = _run([python, "-I", "-S", "-B", "-c", only + code], _LAMBDA | dict(environment or {}))
    if done.returncode:
        raise PackagingError(
            f"what {folder.name} holds does not run with nothing else to import:\n{done.stderr}"
        )
    return done.stdout


def cold_import(python: str, zip_path: Path, handler: str) -> float:
    """The median of the seconds that importing the handler takes a fresh interpreter."""
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside) / zip_path.name
        archive.unzip(zip_path, folder)
        code = _IMPORT.format(handler=handler)
        return median(float(run(python, folder, code)) for _ in range(_TIMES))


def _run(
    command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own words, and no shell
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
