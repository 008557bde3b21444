"""A deployment with a Kinesis stream in Firehose's place: it comes, takes events, goes whole."""

import json

import httpx
import pytest

from tests.aws.account import Account, EmulatedAccount, stack, step
from tests.conftest import eventually
from tests.records import LAB_CLICK, LAB_PLAY

DELIVERY = ("--param", "delivery=kinesis")
DEMO = ("--identifier", "demo")
NAME = stack("demo")
TABLES = [NAME, f"{NAME}-CoordinatorState", f"{NAME}-WorkerMetricStats"]


@pytest.fixture(scope="module")
def deployed(emulated: EmulatedAccount) -> Account:
    """An account with the deployment in it, which the last test removes."""
    assert emulated.listing() == {}
    with step(emulated, "serverless deploy --param delivery=kinesis"):
        emulated.serverless("deploy", *DEMO, *DELIVERY)
    return emulated


def streams(account: Account) -> list[str]:
    """The Kinesis streams that there are."""
    names: list[str] = account.client("kinesis").list_streams()["StreamNames"]
    return names


def tables(account: Account) -> list[str]:
    """The DynamoDB tables that there are."""
    names: list[str] = account.client("dynamodb").list_tables()["TableNames"]
    return sorted(names)


def lines(account: Account) -> list[dict[str, object]]:
    """Every event that is on the stream."""
    kinesis, found = account.client("kinesis"), []
    for shard in kinesis.list_shards(StreamName=NAME)["Shards"]:
        start = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(StreamName=NAME, **start)["ShardIterator"]
        for record in kinesis.get_records(ShardIterator=iterator)["Records"]:
            found += [json.loads(line) for line in record["Data"].splitlines()]
    return found


def refusal(account: Account, *command: str) -> str:
    """What osls says to a command that it refuses, its lines joined."""
    done = account.run("npx", "serverless", *command)
    assert done.returncode == 1, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


def test_the_stream_is_there_in_firehoses_place(deployed: Account) -> None:
    assert streams(deployed) == [NAME]
    assert tables(deployed) == TABLES
    assert "delivery streams" not in deployed.listing()
    info = json.loads(deployed.playlake("info", *DEMO, "--format", "json"))
    assert NAME in json.dumps(info)
    assert "delivery_stream" not in json.dumps(info)


def test_what_is_posted_is_on_the_stream_once_it_is_acknowledged(deployed: Account) -> None:
    posted = [LAB_PLAY, LAB_CLICK]
    answered = httpx.post(f"{deployed.url('demo')}/events", json=posted, timeout=60)
    assert answered.json() == {"data": {"success": True, "accepted": 2}}
    pairs = zip(lines(deployed), posted, strict=True)
    assert [{key: kept[key] for key in sent} for kept, sent in pairs] == posted


def test_a_change_of_delivery_that_would_lose_events_is_refused(deployed: Account) -> None:
    said = refusal(deployed, "deploy", *DEMO)
    assert "Kinesis carries this deployment's events" in said
    assert "--param draining=kinesis" in said
    assert streams(deployed) == [NAME]


def test_a_removal_waits_for_the_consumers_and_leaves_nothing(deployed: Account) -> None:
    iam, policy = deployed.client("iam"), deployed.outputs("demo")["ConsumerPolicyArn"]
    trust = {"Service": "ecs-tasks.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": trust, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName="consumers", AssumeRolePolicyDocument=document)
    iam.attach_role_policy(RoleName="consumers", PolicyArn=policy)
    with step(deployed, "serverless remove, while a role has the consumers' policy"):
        said = refusal(deployed, "remove", *DEMO)
    assert "its policy is attached to the role consumers" in said
    assert streams(deployed) == [NAME]
    iam.detach_role_policy(RoleName="consumers", PolicyArn=policy)
    iam.delete_role(RoleName="consumers")
    with step(deployed, "serverless remove"):
        deployed.serverless("remove", *DEMO)
    eventually(lambda: check_gone(deployed))


def check_gone(account: Account) -> None:
    assert (streams(account), tables(account), account.listing()) == ([], [], {})
