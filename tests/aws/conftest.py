"""The account that deployments live and die in: an emulated one, unless a real one is meant."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.account import Account, EmulatedAccount
from tests.aws.athena_dialect import AthenaDialect
from tests.conftest import Tell
from tests.ministack import ROOT, ministack
from tests.packages import zips_to_build

SMOKE = os.environ.get("PLAYLAKE_SMOKE_IDENTIFIER")
"""`make smoke-aws IDENTIFIER=x` sets it: the same on the account that the AWS environment names."""


@pytest.fixture(scope="session")
def zips(tell: Tell) -> Path:
    """The packages, built for this machine's interpreter: the emulator runs functions on it."""
    build = (sys.executable, "-m", "deploy.zips", "--arch", "host", "--python", "host")
    with zips_to_build() as folder:
        done = subprocess.run(
            [*build, "--out", folder], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    tell(f"\n{done.stdout}")
    return folder


@pytest.fixture(scope="module")
def emulated(zips: Path, tell: Tell) -> Iterator[EmulatedAccount]:
    """An emulated account with nothing in it."""
    with ministack() as emulator, AthenaDialect(emulator.url) as athena:
        yield EmulatedAccount(emulator, athena, zips, tell)


@pytest.fixture(scope="module")
def account(request: pytest.FixtureRequest, tell: Tell) -> Account:
    """The account under test."""
    return Account(SMOKE, tell) if SMOKE else request.getfixturevalue("emulated")
