"""`playlake consume` up to its daemon: where that finds AWS, and what is refused before it."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from events.errors import SettingsError
from playlake.consuming.daemon import find_jars
from playlake.consuming.news import Inbox
from tests.conftest import PLAYLAKE, run_playlake
from tests.moto_server import moto

REGION = "eu-west-1"
COMMAND = ("consume", "--stream", "plays", "--lake", "s3://plays/lake", "--catalog", "glue://plays")

# What `python -m playlake.consuming.launch java ...` becomes: it says what it has, and waits.
_JAVA = f"""#!{sys.executable}
import json, os, sys, time
if sys.argv[1] == "-version":
    print('openjdk version "17.0.1"', file=sys.stderr)
else:
    file = sys.argv[sys.argv.index("--properties-file") + 1]
    said = {{"environment": dict(os.environ), "folder": os.path.dirname(file)}}
    with open(os.environ["SAYS"] + ".part", "w") as to:
        json.dump(said, to)
    os.replace(os.environ["SAYS"] + ".part", os.environ["SAYS"])
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        client(running, "kinesis").create_stream(StreamName="plays", ShardCount=1)
        yield running


def client(url: str, service: str) -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, REGION, endpoint_url=url, **keys)


@pytest.fixture
def environment(url: str, tmp_path: Path) -> dict[str, str]:
    """Of somebody who has a Java, AWS, a profile `other`, and no region."""
    try:
        find_jars()
    except SettingsError:
        pytest.skip("amazon_kclpy is not installed, which is said before anything else")
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(_JAVA)
    java.chmod(0o755)
    keys = tmp_path / "credentials"
    keys.write_text("[other]\naws_access_key_id = OTHERS\naws_secret_access_key = other\n")
    return {
        "PATH": os.environ["PATH"],
        "JAVA_HOME": str(java.parent.parent),
        "SAYS": str(tmp_path / "said"),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": str(keys),
        "AWS_SHARED_CREDENTIALS_FILE": str(keys),
    }


@contextmanager
def consuming(environment: dict[str, str], *options: str) -> Iterator[dict[str, object]]:
    """While inside it runs; gives what its daemon says that it has."""
    command = [*PLAYLAKE, *COMMAND, *options]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    said = Path(environment["SAYS"])
    try:
        deadline = time.monotonic() + 60
        while not said.exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "no daemon was started"
            time.sleep(0.05)
        yield json.loads(said.read_text())
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):  # the second ends it at once
            process.send_signal(number)
            time.sleep(0.2)
        process.communicate(timeout=30)


@pytest.mark.parametrize("given", ["AWS_REGION", "--region"])
def test_the_region_may_be_given_as_to_any_client_of_aws_or_by_the_option(environment, given):
    """As the service of systemd and the container get it: AWS_REGION, and nothing else."""
    options = ("--region", REGION) if given == "--region" else ()
    named = {} if options else {"AWS_REGION": REGION}
    with consuming(environment | named, *options) as daemon:
        assert daemon["environment"]["AWS_REGION"] == REGION
        assert daemon["environment"]["AWS_DEFAULT_REGION"] == REGION


def test_a_profile_that_is_named_counts_before_keys_in_the_environment(environment):
    with consuming(environment, "--region", REGION, "--profile", "other") as daemon:
        found = daemon["environment"]
        assert found["AWS_PROFILE"] == "other"
        assert "AWS_ACCESS_KEY_ID" not in found


def test_without_a_profile_the_environments_keys_are_the_daemons(environment):
    with consuming(environment, "--region", REGION) as daemon:
        assert daemon["environment"]["AWS_ACCESS_KEY_ID"] == "testing"


def test_what_a_daemon_is_started_by_is_not_cleared_away_for_its_age(environment):
    """systemd-tmpfiles leaves alone what it gets no lock of."""
    with consuming(environment, "--region", REGION) as daemon:
        descriptor = os.open(daemon["folder"], os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)


def test_leases_of_a_stream_that_was_deleted_are_refused(environment, url):
    """KCL takes a shard for ended whose name another stream's had, and reads nothing of it."""
    dynamodb = client(url, "dynamodb")
    dynamodb.create_table(
        TableName="former",
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    lease = {"leaseKey": {"S": "shardId-000000000000"}, "checkpoint": {"S": "SHARD_END"}}
    dynamodb.put_item(TableName="former", Item=lease)
    options = ("--region", REGION, "--application", "former")
    ran = run_playlake(*COMMAND, *options, environment=environment)
    assert ran.code == 2
    assert "shardId-000000000000 are of a stream plays that was deleted" in ran.err
    assert "delete the items of the DynamoDB table former, or name another" in ran.err


def test_a_folder_too_long_for_a_socket_is_refused_with_what_to_set(environment, tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    ran = run_playlake(
        *COMMAND, "--region", REGION, environment=environment | {"TMPDIR": str(folder)}
    )
    assert ran.code == 2
    assert "can be no socket" in ran.err
    assert "Set TMPDIR" in ran.err


def test_a_path_that_can_be_no_socket_is_a_setting(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere/news.*TMPDIR"):
        Inbox(tmp_path / "nowhere" / "news")


@pytest.mark.parametrize("seconds", ["inf", "nan", "90000", "0"])
def test_a_batch_that_would_never_be_committed_for_its_age_is_refused(seconds):
    ran = run_playlake(*COMMAND, "--region", REGION, "--max-seconds", seconds)
    assert ran.code == 2
    assert "--max-seconds" in ran.err
