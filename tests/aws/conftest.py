"""An emulated account, the packages for this machine, and the commands as a user types them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.account import Account
from tests.ministack import ROOT, ministack


@pytest.fixture(scope="session")
def zips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages, built for this machine's interpreter: the emulator runs functions on it."""
    folder = tmp_path_factory.mktemp("zips")
    build = (sys.executable, "-m", "deploy.zips", "--arch", "host", "--python", "host")
    done = subprocess.run(
        [*build, "--out", folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    return folder


@pytest.fixture(scope="module")
def account(zips: Path) -> Iterator[Account]:
    """An account with nothing in it."""
    with ministack() as emulator:
        yield Account(emulator, zips)
