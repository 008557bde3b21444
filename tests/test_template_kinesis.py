"""The template with a Kinesis stream in Firehose's place, and while one of the two drains."""

import json
import subprocess

import pytest

from deploy.inventory import entries, resources
from tests.packaged import ALL_SWITCHES, KINESIS, Template, packaged
from tests.test_template import LINT, LONGEST
from tests.test_template_watching import AWS_METRICS, dimension_values

DRAINING = (*KINESIS, "draining=firehose")
BACK = ("delivery=firehose", "draining=kinesis")
NAME = "playlake-demo-dev"
OF_FIREHOSE = "delivery=firehose"
OF_KINESIS = "delivery=kinesis"


@pytest.fixture
def template() -> Template:
    return packaged(*KINESIS)


def made(*params: str) -> set[str]:
    return {name for name, _ in packaged(*params).made()}


def only_with(delivery: str) -> set[str]:
    """What the inventory says is there with that delivery alone."""
    return {name for entry in entries() if entry.when == delivery for name in entry.ids}


@pytest.mark.parametrize(
    "params",
    [KINESIS, (*ALL_SWITCHES, *KINESIS), DRAINING, BACK],
    ids=["kinesis", "all switches", "draining firehose", "draining kinesis"],
)
def test_cfn_lint_finds_nothing_in_any_of_three_regions(params):
    regions = ("us-east-1", "eu-west-1", "ap-southeast-2")
    ran = subprocess.run(
        [LINT, "--regions", *regions, "--template", packaged(*params).path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "")


def test_the_stream_comes_in_firehoses_place_and_all_else_stays():
    groups = {"TransformLogGroup"}  # of a function that is there with Firehose alone
    assert made() - made(*KINESIS) == only_with(OF_FIREHOSE) | groups
    assert made(*KINESIS) - made() == only_with(OF_KINESIS)
    assert only_with(OF_KINESIS) < {name for name, _ in resources()}


def test_both_are_there_while_one_drains():
    assert made(*DRAINING) == made(*BACK) == made() | made(*KINESIS)


@pytest.mark.parametrize(
    ("params", "url", "outputs"),
    [
        ((), f"firehose://{NAME}", {"DeliveryStreamName"}),
        (KINESIS, f"kinesis://{NAME}", {"StreamName", "ConsumerPolicyArn"}),
        (DRAINING, f"kinesis://{NAME}", {"StreamName", "ConsumerPolicyArn"}),
        (BACK, f"firehose://{NAME}", {"DeliveryStreamName", "ConsumerPolicyArn"}),
    ],
    ids=["firehose", "kinesis", "draining firehose", "draining kinesis"],
)
def test_the_collector_puts_on_one_stream_and_the_outputs_say_on_which(params, url, outputs):
    template = packaged(*params)
    function = template.of("Lambda::Function")["CollectLambdaFunction"]
    assert function["Environment"]["Variables"]["PLAYLAKE_STREAM"] == url
    every = {"DeliveryStreamName", "StreamName", "ConsumerPolicyArn"}
    assert template.outputs() & every == outputs


def test_the_stream_is_on_demand_encrypted_and_keeps_a_day():
    (stream,) = packaged(*KINESIS).of("Kinesis::Stream").values()
    assert stream["Name"] == NAME
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert int(stream["RetentionPeriodHours"]) == 24


def test_a_switch_changes_how_long_the_stream_keeps():
    (stream,) = packaged(*KINESIS, "streamRetentionHours=168").of("Kinesis::Stream").values()
    assert int(stream["RetentionPeriodHours"]) == 168


def test_the_stream_is_there_before_a_collector_that_puts_on_it(template):
    # By what the role refers to: CloudFormation makes the role after it, the function after both.
    role = json.dumps(template.body["Resources"]["CollectRole"])
    assert '{"Fn::GetAtt": ["EventStream", "Arn"]}' in role
    function = template.body["Resources"]["CollectLambdaFunction"]["Properties"]
    assert function["Role"] == {"Fn::GetAtt": ["CollectRole", "Arn"]}


def test_the_tables_are_those_that_kcl_would_make_itself(template):
    # Names: DynamoDB metadata tables of its guide; keys and index: its classes, which take a table
    # that is there for theirs.
    tables = {each["TableName"]: each for each in template.of("DynamoDB::Table").values()}
    keys = {name: each["KeySchema"] for name, each in tables.items()}
    assert keys == {
        NAME: [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        f"{NAME}-CoordinatorState": [{"AttributeName": "key", "KeyType": "HASH"}],
        f"{NAME}-WorkerMetricStats": [{"AttributeName": "wid", "KeyType": "HASH"}],
    }
    (index,) = tables[NAME]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "LeaseOwnerToLeaseKeyIndex"
    assert [each["AttributeName"] for each in index["KeySchema"]] == ["leaseOwner", "leaseKey"]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert {each["BillingMode"] for each in tables.values()} == {"PAY_PER_REQUEST"}


def test_the_tables_go_with_the_stack(template):
    for name in template.of("DynamoDB::Table"):
        assert template.body["Resources"][name]["DeletionPolicy"] == "Delete"


def test_every_name_is_within_its_services_limit_for_the_longest_identifier():
    longest = packaged(*KINESIS, **LONGEST)
    limits = {
        "AWS::DynamoDB::Table": 255,
        "AWS::IAM::ManagedPolicy": 128,
        "AWS::Kinesis::Stream": 128,
    }
    kinds = {name: resource["Type"] for name, resource in longest.made()}
    ours = {each: name for each, name in longest.names().items() if kinds[each] in limits}
    assert len(ours) == 5
    for each, name in ours.items():
        assert len(name) <= limits[kinds[each]], name


# --- what watches it ---

STREAM_METRICS = {
    "GetRecords.IteratorAgeMilliseconds",
    "GetRecords.Records",
    "IncomingRecords",
    "WriteProvisionedThroughputExceeded",
}
"""Of a stream, without enhanced monitoring (Kinesis developer guide, "Monitor with CloudWatch")."""
METRICS = AWS_METRICS | {"AWS/Kinesis": {"StreamName": STREAM_METRICS}}


def values(template: Template) -> dict[str, set[str]]:
    names = {each["Name"] for each in template.of("Kinesis::Stream").values()}
    return dimension_values(template) | {"StreamName": names}


@pytest.mark.parametrize("params", [KINESIS, DRAINING, BACK])
def test_every_alarm_watches_a_metric_of_a_resource_that_is_there(params):
    template = packaged(*params)
    there = values(template)
    for alarm in template.of("CloudWatch::Alarm").values():
        (dimension,) = alarm["Dimensions"]
        assert alarm["MetricName"] in METRICS[alarm["Namespace"]][dimension["Name"]]
        assert dimension["Value"] in there[dimension["Name"]]


def test_the_alarms_are_among_the_ten_free_ones(template):
    alarms = template.of("CloudWatch::Alarm")
    assert {"ConsumerLagAlarm", "StreamWriteThrottlesAlarm"} < set(alarms)
    assert len(alarms) <= 10


def test_nobody_reading_is_an_alarm_too(template):
    # Readers make the metric. Without one there is none, however much waits.
    alarm = template.of("CloudWatch::Alarm")["ConsumerLagAlarm"]
    assert alarm["MetricName"] == "GetRecords.IteratorAgeMilliseconds"
    assert alarm["TreatMissingData"] == "breaching"
    (stream,) = template.of("Kinesis::Stream").values()
    kept_ms = int(stream["RetentionPeriodHours"]) * 3_600_000
    assert alarm["Threshold"] + alarm["Period"] * alarm["EvaluationPeriods"] * 1000 < kept_ms / 10


@pytest.mark.parametrize("params", [(), KINESIS, DRAINING, BACK])
def test_the_dashboard_shows_what_carries_the_events(params):
    template = packaged(*params)
    there = values(template)
    (dashboard,) = template.of("CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"]["metrics"]]
    for namespace, name, dimension, value, *_ in metrics:
        if namespace != "playlake":
            assert name in METRICS[namespace][dimension]
            assert value in there[dimension]
    carrying = "AWS/Kinesis" if "delivery=kinesis" in params else "AWS/Firehose"
    shown = {metric[0] for metric in metrics}
    assert shown & {"AWS/Kinesis", "AWS/Firehose"} == {carrying}
