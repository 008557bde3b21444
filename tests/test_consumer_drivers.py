"""What the consumer asks of AWS by itself: is there a stream, and who leads the workers."""

import boto3
import pytest
from moto import mock_aws

from events.errors import SettingsError
from playlake.drivers.leadership import resign
from playlake.drivers.session import Session
from playlake.drivers.stream_exists import shards_of

REGION = "eu-west-1"


@pytest.fixture
def session(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield Session(REGION)


@pytest.fixture
def state(session):
    """The table as KCL makes it, led by the worker `host-1`."""
    table = boto3.resource("dynamodb", REGION).create_table(
        TableName="plays-CoordinatorState",
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    # As KCL 3.1.3 wrote it.
    lock = {"ownerName": "host-1", "recordVersionNumber": "a06b", "leaseDuration": "120000"}
    table.put_item(Item={"key": "Leader", **lock})
    table.put_item(Item={"key": "Migration3.0", "cv": "CLIENT_VERSION_3X"})
    return table


def keys(table):
    return sorted(each["key"] for each in table.scan()["Items"])


def test_a_leader_that_is_dead_makes_way(session, state):
    assert resign(session, "plays", "host-1")
    assert keys(state) == ["Migration3.0"]
    assert not resign(session, "plays", "host-1")


def test_another_workers_leadership_is_left_alone(session, state):
    assert not resign(session, "plays", "host-2")
    assert keys(state) == ["Leader", "Migration3.0"]


def test_an_application_that_never_had_a_leader_has_none_to_resign(session):
    assert not resign(session, "plays", "host-1")


def test_the_shards_of_a_stream_are_counted(session):
    boto3.client("kinesis", REGION).create_stream(StreamName="plays", ShardCount=3)
    assert shards_of(session, "plays") == 3


def test_a_stream_that_is_not_there_is_named_with_its_region(session):
    with pytest.raises(SettingsError, match=r"no Kinesis stream 'plays' in eu-west-1"):
        shards_of(session, "plays")
