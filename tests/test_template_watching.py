"""What watches a deployment, on the packaged template: logs, alarms, the dashboard."""

import json

import pytest

from tests.packaged import ALL_SWITCHES, ROOT, Template, packaged

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
    alarms = template.of("CloudWatch::Alarm")
    assert len(alarms) <= 10  # the free ones
    for alarm in alarms.values():
        (dimension,) = alarm["Dimensions"]
        assert alarm["MetricName"] in AWS_METRICS[alarm["Namespace"]][dimension["Name"]]
        assert dimension["Value"] in there[dimension["Name"]]


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
        alarms = packaged(*params).of("CloudWatch::Alarm").values()
        assert all(alarm["AlarmActions"] == actions for alarm in alarms)


EMITTED = {
    "playlake-demo-dev-collect": "ingest/handler.py",
    "playlake-demo-dev-transform": "transform/handler.py",
    "playlake-demo-dev-catalog": "catalog/handler.py",
}


def test_the_dashboard_is_json_and_names_only_metrics_that_are_emitted(template):
    there = dimension_values(template)
    (dashboard,) = template.of("CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"]["metrics"]]
    assert {widget["properties"]["region"] for widget in widgets} == {template.region}
    for namespace, name, dimension, value, *_ in metrics:
        if namespace == "playlake":
            assert dimension == "service"
            assert f'"{name}"' in (ROOT / EMITTED[value]).read_text()
        else:
            assert name in AWS_METRICS[namespace][dimension]
            assert value in there[dimension]
    ours = {metric[1] for metric in metrics if metric[0] == "playlake"}
    assert ours >= {"EventsAccepted", "RowsWritten", "EventsRejected"}
