"""What the tests of the consumer share: the emulators, started once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from playlake.consuming.daemon import find_jars, kcl_version
from tests.conftest import Tell
from tests.kinesis.emulated import Emulated, emulated, require_everything


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory, tell: Tell) -> Iterator[Emulated]:
    """Emulated Kinesis, DynamoDB, S3 and Glue, and the KCL to talk to them."""
    require_everything()
    tell(f"\n[kinesis] KCL {'.'.join(map(str, kcl_version(find_jars())))}")
    folder: Path = tmp_path_factory.mktemp("emulated")
    with emulated(folder) as running:
        yield running
