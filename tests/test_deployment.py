"""What a stack is called, what its states and AWS's errors mean, which days are read first."""

from dataclasses import replace

import pytest
from botocore import exceptions
from botocore.parsers import ResponseParserError

from events.errors import SettingsError, Unavailable
from ingest.drivers.firehose import FirehoseStream
from ingest.drivers.kinesis import KinesisStream
from playlake.deployed.deployment import (
    Deployed,
    Deployment,
    StackDescription,
    console_pages,
    described,
    remark,
)
from playlake.drivers.deployed_stream import opened_stream
from playlake.drivers.session import Session, meaning
from playlake.lake import Day, newest_first
from tests.deployed import OUTPUTS

DEMO = Deployed("demo")
ARN = "arn:aws:cloudformation:eu-west-1:123456789012:stack/playlake-demo-dev/0a-1b"
STACK = StackDescription(ARN, "UPDATE_COMPLETE", OUTPUTS)


@pytest.mark.parametrize(
    ("identifier", "stage"), [("demo", "dev"), ("a", "p"), ("x" * 16, "s" * 8), ("a1", "b2")]
)
def test_a_name_of_small_letters_and_digits_is_a_stacks(identifier, stage):
    assert Deployed(identifier, stage).name == f"playlake-{identifier}-{stage}"


@pytest.mark.parametrize("name", ["", "My-Site", "Demo", "1st", "a-b", "a_b", "x" * 17, "é", "a\n"])
def test_another_name_is_refused_with_the_letters_to_write(name):
    with pytest.raises(SettingsError, match=r"lower-case letters and digits.*at most 16"):
        Deployed(name)
    with pytest.raises(SettingsError, match=r"lower-case letters and digits.*at most 8"):
        Deployed("demo", name)


@pytest.mark.parametrize(
    "status",
    [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_FAILED",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    ],
)
def test_a_stack_that_was_whole_once_is_used_while_it_changes(status):
    assert Deployment.of(DEMO, replace(STACK, status=status)).url == OUTPUTS["Url"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("UPDATE_COMPLETE", None),
        ("UPDATE_IN_PROGRESS", "under way"),
        ("UPDATE_ROLLBACK_COMPLETE", "serverless deploy --identifier demo"),
        ("UPDATE_ROLLBACK_FAILED", "continue the rollback"),
    ],
)
def test_what_is_to_be_known_about_a_stack_in_use_is_said(status, words):
    said = remark(DEMO, replace(STACK, status=status))
    assert words in said if words else said is None


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("CREATE_IN_PROGRESS", Unavailable, "wait"),
        ("ROLLBACK_IN_PROGRESS", Unavailable, "wait"),
        ("REVIEW_IN_PROGRESS", SettingsError, "serverless deploy --identifier demo"),
        ("CREATE_COMPLETE", SettingsError, "serverless deploy --identifier demo"),
        ("UPDATE_ROLLBACK_COMPLETE", SettingsError, "serverless deploy --identifier demo"),
        ("CREATE_FAILED", SettingsError, "serverless remove --identifier demo"),
        ("ROLLBACK_COMPLETE", SettingsError, "serverless remove --identifier demo"),
        ("ROLLBACK_FAILED", SettingsError, "serverless remove --identifier demo"),
    ],
)
def test_a_stack_that_never_was_whole_is_refused_with_what_to_do(status, kind, words):
    begun = replace(STACK, status=status, outputs={"ServerlessDeploymentBucketName": "b"})
    with pytest.raises(kind, match=words) as refused:
        Deployment.of(DEMO, begun)
    assert status in str(refused.value)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("DELETE_IN_PROGRESS", Unavailable, "being removed"),
        ("DELETE_FAILED", SettingsError, "serverless remove --identifier demo"),
    ],
)
def test_a_stack_on_its_way_out_is_refused_though_it_has_its_outputs(status, kind, words):
    going = replace(STACK, status=status, reason="The bucket is not empty")
    with pytest.raises(kind, match=words) as refused:
        Deployment.of(DEMO, going)
    assert "The bucket is not empty" in str(refused.value)


def test_the_console_of_each_cloud_is_linked():
    pages = dict(console_pages(DEMO, STACK, Deployment.of(DEMO, STACK)))
    assert all(
        page.startswith("https://eu-west-1.console.aws.amazon.com/") for page in pages.values()
    )
    assert pages["stack_page"].endswith("stackId=" + ARN.replace(":", "%3A").replace("/", "%2F"))
    china = replace(STACK, arn=ARN.replace("aws:", "aws-cn:").replace("eu-west-1", "cn-north-1"))
    pages = dict(console_pages(DEMO, china, Deployment.of(DEMO, china)))
    assert pages["dashboard_page"].startswith("https://console.amazonaws.cn/cloudwatch/")
    assert "region=cn-north-1" in pages["dashboard_page"]


BY_KINESIS = replace(
    STACK,
    outputs={name: value for name, value in OUTPUTS.items() if name != "DeliveryStreamName"}
    | {"StreamName": "playlake-demo-dev", "ConsumerPolicyArn": "arn:aws:iam::1:policy/p"},
)


def test_a_stack_is_whole_by_either_stream_and_its_description_names_the_one_it_has():
    by_firehose = dict(described(DEMO, STACK, Deployment.of(DEMO, STACK)))
    assert by_firehose["delivery_stream"] == OUTPUTS["DeliveryStreamName"]
    assert not {"stream", "consumer_policy"} & set(by_firehose)
    by_kinesis = dict(described(DEMO, BY_KINESIS, Deployment.of(DEMO, BY_KINESIS)))
    assert by_kinesis["stream"] == "playlake-demo-dev"
    assert by_kinesis["consumer_policy"] == "arn:aws:iam::1:policy/p"
    assert "delivery_stream" not in by_kinesis


def test_a_stack_without_a_stream_was_never_whole():
    outputs = {name: value for name, value in OUTPUTS.items() if name != "DeliveryStreamName"}
    with pytest.raises(SettingsError, match="never deployed whole"):
        Deployment.of(DEMO, replace(STACK, outputs=outputs))


@pytest.mark.parametrize(
    ("stack", "kind"), [(STACK, FirehoseStream), (BY_KINESIS, KinesisStream)], ids=lambda each: None
)
def test_whoever_collects_here_for_a_stack_puts_on_the_stream_that_it_has(stack, kind, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    assert type(opened_stream(Session("eu-west-1"), Deployment.of(DEMO, stack))) is kind


def client_error(code, message=""):
    return exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (exceptions.NoCredentialsError(), SettingsError, "aws sso login"),
        (exceptions.SSOTokenLoadError(error_msg="x"), SettingsError, "has expired"),
        (exceptions.UnauthorizedSSOTokenError(), SettingsError, "has expired"),
        (exceptions.LoginRefreshRequired(), SettingsError, "`aws login`"),
        (exceptions.LoginInsufficientPermissions(), SettingsError, "signin:CreateOAuth2Token"),
        (exceptions.MissingDependencyException(msg="x"), SettingsError, "playlake[aws]"),
        (exceptions.ConfigParseError(path="~/.aws/config"), SettingsError, "~/.aws/config"),
        (exceptions.ProfileNotFound(profile="x"), SettingsError, "--profile"),
        (exceptions.EndpointConnectionError(endpoint_url="http://a"), Unavailable, "http://a"),
        (ResponseParserError("<html>"), Unavailable, "is not AWS"),
        (exceptions.ReadTimeoutError(endpoint_url="http://a"), Unavailable, "did not answer"),
        (client_error("ExpiredToken"), SettingsError, "have expired"),
        (client_error("InvalidClientTokenId"), SettingsError, "does not know the access key"),
        (client_error("SignatureDoesNotMatch"), SettingsError, "playlake doctor"),
        (client_error("Throttling", "Rate exceeded"), Unavailable, "Rate exceeded"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_way_that_aws_fails_is_a_sentence_with_what_to_do(error, kind, words):
    meant = meaning(error)
    assert type(meant) is kind
    assert words in str(meant)
    assert "\n" not in str(meant)


def test_what_is_no_url_for_aws_is_a_sentence(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:4566")
    with pytest.raises(SettingsError, match=r"localhost:4566.*AWS_ENDPOINT_URL"):
        Session("eu-west-1").client("cloudformation")


def test_what_is_to_be_typed_means_the_account_that_was_asked():
    there = Deployed("demo", "prod", "eu-west-1", "work")
    with pytest.raises(SettingsError, match=r"remove .*--region eu-west-1 --aws-profile work`"):
        Deployment.of(there, replace(STACK, status="DELETE_FAILED"))


def test_a_denial_names_the_action_to_allow():
    said = "User: me is not authorized to perform: cloudformation:DescribeStacks on resource: x"
    assert "cloudformation:DescribeStacks" in str(meaning(client_error("AccessDenied", said)))


def days(*rows):
    return [Day("rejected_events", f"2026-01-{n:02}", 1, held, 1) for n, held in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("held", "wanted", "spans"),
    [
        ((5, 5, 5), 5, [("03", "03"), ("01", "02")]),
        ((5, 5, 5), 6, [("02", "03"), ("01", "01")]),
        ((5, 5, 5), 99, [("01", "03")]),
        ((None,) * 8, 5, [("08", "08"), ("06", "07"), ("02", "05"), ("01", "01")]),
        ((), 5, []),
    ],
)
def test_every_day_is_in_one_span_and_the_newest_come_first(held, wanted, spans):
    found = list(newest_first(days(*held), wanted))
    assert [(first[-2:], last[-2:]) for first, last in found] == spans
