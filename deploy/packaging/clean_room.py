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

_TIMES = 5

# What Lambda and the template set, as far as functions and libraries look at it; credentials are
# nobody's.
_LAMBDA = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "playlake-demo-dev",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "LAMBDA_TASK_ROOT": "/var/task",
    "PLAYLAKE_STREAM": "firehose://playlake-demo-dev",
    "PLAYLAKE_CATALOG": "glue://playlake_demo_dev",
    "PLAYLAKE_LAKE_URI": "s3://playlake-demo-dev-123456789012-eu-central-1/lake",
    "POWERTOOLS_SERVICE_NAME": "playlake",
}

_IMPORT = """
import time
began = time.perf_counter()
__import__({module!r})
print(time.perf_counter() - began)
"""


def interpreter(version: str) -> str | None:
    """This machine's Python of a version, as "3.13"; None without one."""
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    found = shutil.which(f"python{version}")
    # A version manager's shim is there for versions that are not.
    return found if found and not _run([found, "-I", "-S", "-c", ""], {}).returncode else None


def run(python: str, folder: Path, code: str, environment: Mapping[str, str] | None = None) -> str:
    """What `code` prints where `folder` and the standard library are all that can be imported.

    No bytecode is left in the folder: Lambda's copy is read-only. Raises `PackagingError` with the
    traceback when the code fails.
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
        return median(import_seconds(python, folder, handler) for _ in range(_TIMES))


def import_seconds(python: str, folder: Path, module: str) -> float:
    """The seconds that importing a module of an unzipped package takes a fresh interpreter."""
    return float(run(python, folder, _IMPORT.format(module=module)))


def _run(
    command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own words, and no shell
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
