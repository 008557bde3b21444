"""The Lambda packages for this machine, built for real."""

import fcntl
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

from deploy.packaging import archive, clean_room
from deploy.packaging.building import build
from deploy.packaging.function import PACKAGES, Target

ROOT = Path(__file__).parents[1]
EVENTS = Path(__file__).parent / "events"
HOST = Target.parse("host", "host")
ARM = Target.parse("arm64", "3.13")
BY_NAME = {each.name: each for each in PACKAGES}
NAMES = tuple(BY_NAME)
PREAMBLE = """
import json, socket

def refuse(*_):
    raise AssertionError("the network was asked for")

socket.socket.connect = socket.getaddrinfo = refuse

class Context:
    function_name = "playlake-demo-dev"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:playlake-demo-dev"
    aws_request_id = "52fdfc07-2182-454f-963f-5f0f9a621d72"
"""


ZIPS = ROOT / "build" / "zips-of-tests"


@contextmanager
def zips_to_build() -> Iterator[Path]:
    """Where the packages for this machine are, for one process at a time: what one has built,
    another finds."""
    ZIPS.mkdir(parents=True, exist_ok=True)
    with (ZIPS / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield ZIPS


class Unpacked:
    """The packages for this machine, each unzipped."""

    def __init__(self, root: Path, folder: Path) -> None:
        with zips_to_build() as self.zips:
            self.built = {each.name: build(each, HOST, self.zips, root) for each in PACKAGES}
        for name in NAMES:
            archive.unzip(self.zip(name), folder / name)
        self.folder = folder

    def zip(self, name: str) -> Path:
        return self.zips / f"{name}.zip"

    def files(self, name: str) -> list[str]:
        with ZipFile(self.zip(name)) as opened:
            return opened.namelist()

    def run(self, name: str, code: str, **environment: str) -> str:
        return clean_room.run(sys.executable, self.folder / name, PREAMBLE + code, environment)


def project_copy(root: Path) -> Path:
    """The project as it is now: who edits it meanwhile does not make builds differ."""
    for folder in ("events", "ingest", "transform", "catalog", "playlake", "webapp", "deploy"):
        shutil.copytree(ROOT / folder, root / folder)
    for file in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, root)
    return root
