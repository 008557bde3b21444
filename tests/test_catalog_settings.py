"""Which catalog the settings open, and what opening it loads."""

import subprocess
import sys

import pytest

from catalog.drivers.aws import client
from catalog.settings import Settings, open_catalog
from events.errors import SettingsError

COLD = """
import sys
from catalog.settings import Settings, open_catalog
open_catalog(Settings("glue://playlake_demo_dev", "s3://bucket/lake"))
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_opening_it_loads_no_parser_and_no_engine(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    ran = subprocess.run(
        [sys.executable, "-c", COLD], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = set(ran.stdout.split())
    assert "boto3" in loaded
    assert loaded & {"pyarrow", "sqlglot", "duckdb", "msgspec", "numpy"} == set()


@pytest.fixture
def opening(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield open_catalog
    open_catalog.cache_clear()


def test_the_settings_of_the_deployed_function_open_it(opening):
    catalog = opening(Settings("glue://playlake_demo_dev", "s3://bucket/lake"))
    assert (catalog.database, catalog.bucket) == ("playlake_demo_dev", "bucket")
    assert catalog.prefix == "lake/"


@pytest.mark.parametrize(
    ("url", "lake"),
    [
        ("glue://", "s3://bucket/lake"),
        ("glue://with-dash", "s3://bucket/lake"),
        ("glue://a/b", "s3://bucket/lake"),
        ("glue://a", "s3:///lake"),
        ("glue://a", "file:///lake"),
    ],
)
def test_a_setting_that_names_no_database_or_no_bucket_is_refused(opening, url, lake):
    with pytest.raises(SettingsError, match="write "):
        opening(Settings(url, lake))


def test_a_function_without_a_region_is_told_to_set_one(opening, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="AWS_REGION"):
        opening(Settings("glue://a", "s3://bucket/lake"))
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert client("glue").meta.region_name == "eu-west-3"
    opening(Settings("glue://a", "s3://bucket/lake"))
