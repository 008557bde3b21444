"""What the consumer asks of AWS by itself: is there a stream, and who leads the workers."""

import socket
import time
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from events.errors import SettingsError, Unavailable
from playlake.drivers.leadership import resign
from playlake.drivers.session import Session
from playlake.drivers.stream_exists import find_stream

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


def test_a_stream_is_found_with_its_arn_and_its_open_shards(session):
    boto3.client("kinesis", REGION).create_stream(StreamName="plays", ShardCount=3)
    found = find_stream(session, "plays")
    assert found.shards == 3
    assert found.arn.startswith(f"arn:aws:kinesis:{REGION}:")
    assert found.arn.endswith(":stream/plays")


def test_a_stream_that_is_not_there_is_named_with_its_region(session):
    with pytest.raises(SettingsError, match=r"no Kinesis stream 'plays' in eu-west-1"):
        find_stream(session, "plays")


def test_who_may_not_look_at_the_stream_is_told_of_the_consumers_policy(session):
    with pytest.raises(SettingsError, match=r"DescribeStreamSummary on .*ConsumerPolicyArn"):
        find_stream(Refused(session), "plays")


class Refused(Session):
    """A session that AWS lets do nothing."""

    def __init__(self, session: Session) -> None:
        self.region, self._of = session.region, session

    def client(self, service: str, *arguments: Any) -> Any:
        client = self._of.client(service, *arguments)
        client.meta.events.register("before-call", self._refuse)
        return client

    def _refuse(self, **_: object) -> tuple[Any, dict[str, Any]]:
        error = {"Code": "AccessDeniedException", "Message": "no"}
        return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}


def test_a_supervisor_does_not_wait_long_for_a_lock_that_nobody_answers_about(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            resign(Session(REGION), "plays", "host-1")
        assert time.monotonic() - began < 8.0
