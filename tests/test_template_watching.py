"""What watches a deployment, on the packaged template: logs, alarms, the dashboard."""

import json
import re
from typing import Any

import pytest

from tests.packaged import ALL_SWITCHES, ROOT, Template, packaged
from tests.test_template_iam import NAME

DEFAULTS: tuple[str, ...] = ()


@pytest.fixture(params=[DEFAULTS, ALL_SWITCHES], ids=["defaults", "all switches"])
def template(request) -> Template:
    return packaged(*request.param)


def test_every_function_and_the_stream_have_a_log_group_that_forgets():
    groups = packaged("logDays=7").of("Logs::LogGroup")
    named = {group["LogGroupName"] for group in groups.values()}
    functions = packaged().of("Lambda::Function").values()
    expected = {f"/aws/lambda/{each['FunctionName']}" for each in functions}
    assert named == expected | {"/aws/kinesisfirehose/playlake-demo-dev"}
    assert {int(group["RetentionInDays"]) for group in groups.values()} == {7}


AWS_METRICS = {
    "AWS/ApiGateway": {"ApiId": {"4xx", "5xx", "Count"}},
    "AWS/Firehose": {
        "DeliveryStreamName": {
            "DeliveryToS3.DataFreshness",
            "ExecuteProcessing.Success",
            "IncomingRecords",
            "SucceedProcessing.Records",
            "ThrottledRecords",
        }
    },
    "AWS/Lambda": {"FunctionName": {"Duration", "Errors", "Throttles"}},
}
"""Each service's metrics, by the dimension they have (its guide, "Metrics")."""


def dimension_values(template: Template) -> dict[str, set[str]]:
    streams = template.of("KinesisFirehose::DeliveryStream")
    return {
        "ApiId": {"HttpApi"},
        "DeliveryStreamName": {each["DeliveryStreamName"] for each in streams.values()},
        "FunctionName": {each["FunctionName"] for each in template.of("Lambda::Function").values()},
    }


def test_every_alarm_watches_a_metric_of_a_resource_that_is_there(template):
    there = dimension_values(template)
    watched = [each for alarm in alarms(template).values() for each in metrics_of(alarm)]
    assert len(watched) <= (10 if template is packaged() else 11)  # ten are free
    for metric in watched:
        (dimension,) = metric["Dimensions"]
        if metric["Namespace"] == "playlake":
            assert_emitted(metric["MetricName"], dimension["Name"], dimension["Value"])
            continue
        assert metric["MetricName"] in AWS_METRICS[metric["Namespace"]][dimension["Name"]]
        assert dimension["Value"] in there[dimension["Name"]]


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    return template.of("CloudWatch::Alarm")


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """What an alarm watches, and pays for: itself, or each metric of its expression."""
    stats = [each.get("MetricStat") for each in alarm.get("Metrics", ())]
    return [each["Metric"] for each in stats if each] or [alarm]


def test_the_rejected_share_wakes_whoever_is_to_be_woken(template):
    share = alarms(template).get("RejectedShareAlarm")
    if template is packaged():
        assert share is None  # nobody is, and it would be the eleventh
        return
    watched, *stats = share["Metrics"]
    assert [each["ReturnData"] for each in share["Metrics"]] == [True, False, False]
    assert set(re.findall(r"\b[a-z]+\b", watched["Expression"])) == {each["Id"] for each in stats}
    assert {each["MetricStat"]["Period"] for each in stats} == {900}
    assert (share["Threshold"], share["TreatMissingData"]) == (5, "notBreaching")

    def value(rejected: int, rows: int) -> float:
        found = re.fullmatch(r"IF\((.+), (.+), 0\)", watched["Expression"])
        names = {"rejected": rejected, "rows": rows}
        return eval(found[2], {}, names) if eval(found[1], {}, names) else 0

    assert value(6, 100) > share["Threshold"]
    assert value(5, 100) <= share["Threshold"]
    assert value(99, 99) == 0


def test_there_is_an_alarm_for_each_thing_that_goes_wrong():
    watched = {
        (metric["Namespace"], metric["MetricName"])
        for alarm in alarms(packaged(*ALL_SWITCHES)).values()
        for metric in metrics_of(alarm)
    }
    assert watched >= {
        ("AWS/Firehose", "ExecuteProcessing.Success"),  # failures
        ("AWS/Firehose", "DeliveryToS3.DataFreshness"),  # freshness
        ("playlake", "EventsRejected"),  # the rejected share
        ("playlake", "RowsWritten"),
        ("AWS/Firehose", "ThrottledRecords"),  # throttles, of the stream and of functions
        ("AWS/Lambda", "Throttles"),
    }


def test_with_kinesis_no_alarm_watches_what_only_the_transforms_function_emits():
    there = alarms(packaged("delivery=kinesis", "alarmEmail=ops@example.com"))
    assert "ConsumerLagAlarm" in there
    ours = [each for alarm in there.values() for each in metrics_of(alarm)]
    ours = [each for each in ours if each["Namespace"] == "playlake"]
    assert {each["MetricName"] for each in ours} >= {"RowsWritten", "EventsRejected"}
    written = [each for each in ours if each["MetricName"] in ("RowsWritten", "EventsRejected")]
    assert all(each["Dimensions"] == [{"Name": "Stream", "Value": NAME}] for each in written)


def test_the_longest_buffers_do_not_look_like_a_late_delivery():
    # DataFreshness is the age of the oldest event in Firehose, and it waits in two buffers.
    longest = packaged("bufferSeconds=900", "archiveSeconds=900")
    (stream,) = longest.of("KinesisFirehose::DeliveryStream").values()
    s3 = stream["ExtendedS3DestinationConfiguration"]
    (processor,) = s3["ProcessingConfiguration"]["Processors"]
    given = {each["ParameterName"]: each["ParameterValue"] for each in processor["Parameters"]}
    waits = int(given["BufferIntervalInSeconds"]) + int(s3["BufferingHints"]["IntervalInSeconds"])
    assert longest.of("CloudWatch::Alarm")["FreshnessAlarm"]["Threshold"] > waits == 1800


def test_alarms_go_to_the_address_if_there_is_one():
    topic = packaged(*ALL_SWITCHES).of("SNS::Topic")["AlarmTopic"]
    assert topic["Subscription"] == [{"Protocol": "email", "Endpoint": "ops@example.com"}]
    for params, actions in ((ALL_SWITCHES, [topic["TopicName"]]), (DEFAULTS, [])):
        there = alarms(packaged(*params)).values()
        assert all(alarm["AlarmActions"] == actions for alarm in there)


EMITTED = {
    "playlake-demo-dev-collect": "ingest/handler.py",
    "playlake-demo-dev-transform": "transform/handler.py",
    "playlake-demo-dev-catalog": "catalog/handler.py",
}


def assert_emitted(name: str, dimension: str, value: str) -> None:
    if dimension == "Stream":  # the consumers'
        assert value == NAME
        assert f'"{name}"' in (ROOT / "playlake/cli/commits.py").read_text()
        return
    assert dimension == "service"
    assert f'"{name}"' in (ROOT / EMITTED[value]).read_text()


def test_the_dashboard_is_json_and_names_only_metrics_that_are_emitted(template):
    there = dimension_values(template)
    (dashboard,) = template.of("CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"]["metrics"]]
    assert {widget["properties"]["region"] for widget in widgets} == {template.region}
    for namespace, name, dimension, value, *_ in metrics:
        if namespace == "playlake":
            assert_emitted(name, dimension, value)
        else:
            assert name in AWS_METRICS[namespace][dimension]
            assert value in there[dimension]
    ours = {metric[1] for metric in metrics if metric[0] == "playlake"}
    assert ours >= {"EventsAccepted", "RowsWritten", "EventsRejected"}
    theirs = {metric[1] for metric in metrics if metric[0] != "playlake"}
    assert theirs >= {
        "ExecuteProcessing.Success",
        "DeliveryToS3.DataFreshness",
        "ThrottledRecords",
        "Throttles",
    }


@pytest.mark.parametrize("params", [DEFAULTS, ALL_SWITCHES, ("delivery=kinesis",)])
def test_no_two_functions_share_a_role(params):
    # What each role allows is read in test_template_roles.py.
    template = packaged(*params)
    functions = template.of("Lambda::Function").values()
    taken = {each["FunctionName"]: each["Role"] for each in functions}
    assert len(set(taken.values())) == len(taken) >= 4
    roles = {each["RoleName"] for each in template.of("IAM::Role").values()}
    assert {role.rpartition("/")[2] for role in taken.values()} <= roles
