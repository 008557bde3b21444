"""The policy of whoever deploys: what it allows, and whether that is what is called."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from deploy.documents import switches
from deploy.generate import generated
from deploy.inventory import resources, types
from deploy.policy import (
    MOST_CHARACTERS,
    TYPES,
    filled,
    length,
    parts,
    policy,
)
from playlake.deployed.policy import questions, read_policy
from tests.conftest import Dev
from tests.ministack import ACCOUNT, Ministack, ministack
from tests.packaged import ALL_SWITCHES, KINESIS, REGION, ROOT, SERVERLESS, packaged, service
from tests.recording_proxy import Recording

NAMES = {
    "Identifier": "demo",
    "Stage": "dev",
    "Region": REGION,
    "Account": ACCOUNT,
    "Partition": "aws",
}


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def allowed(document: dict[str, Any]) -> set[str]:
    return {action for each in document["Statement"] for action in listed(each["Action"])}


def is_allowed(document: dict[str, Any], action: str, arn: str) -> bool:
    return any(
        action in listed(each["Action"])
        and any(fnmatchcase(arn, pattern) for pattern in listed(each["Resource"]))
        for each in document["Statement"]
    )


# --- what it is made of ---


@pytest.mark.parametrize(
    "params", [(), ALL_SWITCHES, KINESIS], ids=["defaults", "all switches", "kinesis"]
)
def test_the_table_knows_every_type_of_resource_that_the_template_has(params):
    used = {resource["Type"] for resource in packaged(*params).body["Resources"].values()}
    assert used <= set(TYPES), "add the new type to deploy/policy.py"


def test_the_table_knows_no_type_that_the_template_has_not():
    assert set(TYPES) == set(types()) == {kind for _, kind in resources()}


def test_cloudformation_may_tag_and_read_back_whatever_it_makes():
    asked: set[str] = set()
    for kind in types():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
        asked |= set((schema.get("tagging") or {}).get("permissions", ()))
        asked |= set(schema["handlers"].get("read", {}).get("permissions", ()))
    lacking = {
        action for action in asked if action.lower() not in map(str.lower, allowed(policy()))
    }
    assert {each for each in lacking if not each.startswith("lakeformation:")} == {
        "glue:GetConnection",  # of a database that is somewhere else
        "kms:Decrypt",  # no key of ours
        "s3:DeleteBucketTagging",  # an operation, which s3:PutBucketTagging allows
        "s3:GetBucketAbac",  # properties that few regions know
        "s3:GetBucketMetadataTableConfiguration",
    }


def test_what_ships_is_what_is_made_of_the_template():
    assert json.loads(read_policy() or "") == policy()


def test_no_action_is_a_wildcard_and_only_what_has_no_name_is_on_every_resource():
    everywhere = set()
    for statement in policy()["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        if statement["Resource"] == "*":
            everywhere |= set(statement["Action"])
    assert everywhere == {
        "cloudformation:ValidateTemplate",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricStatistics",
        "lambda:GetAccountSettings",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "sns:Unsubscribe",
    }


def test_what_can_be_named_is_named():
    document = filled(NAMES)
    unnamed = {
        (statement["Sid"], resource)
        for statement in document["Statement"]
        for resource in listed(statement["Resource"])
        if "playlake" not in resource
    }
    assert {sid for sid, _ in unnamed} == {
        "Apigateway",  # an API's id is AWS's choice
        "AthenaStarts",  # the default database, to be looked at
        "Doctor",  # whoever asks
        "Glue",  # the catalog that holds the database
        "Nameless",
        "OwnRole",
    }


def test_an_api_may_be_tagged_as_it_is_made():
    # The stack has tags, and CloudFormation fails a resource that it may not put them on:
    # "not authorized to perform: apigateway:TagResource on resource: …/apis/<id>/stages".
    document, apis = filled(NAMES), f"arn:aws:apigateway:{REGION}::/apis"
    for arn in (apis, f"{apis}/abc123/stages", f"{apis}/abc123/stages/$default"):
        assert is_allowed(document, "apigateway:TagResource", arn)


def test_roles_are_passed_to_lambda_and_firehose_only():
    (statement,) = [each for each in policy()["Statement"] if "iam:PassRole" in each["Action"]]
    assert statement["Action"] == ["iam:PassRole"]
    assert statement["Condition"]["StringEquals"]["iam:PassedToService"] == [
        "firehose.amazonaws.com",
        "lambda.amazonaws.com",
    ]


@pytest.mark.parametrize(
    "names",
    [
        NAMES | {"Identifier": "*", "Stage": "*", "Region": "*"},
        NAMES | {"Identifier": "i" * 16, "Stage": "s" * 8, "Region": "ap-southeast-2"},
        NAMES
        | {"Identifier": "i" * 16, "Stage": "s" * 8, "Region": "us-gov-west-1"}
        | {"Partition": "aws-us-gov"},
    ],
)
def test_it_comes_as_two_policies_that_iam_takes(names):
    whole = filled(names)
    divided = parts(whole)
    assert len(divided) == 2
    assert all(length(part) <= MOST_CHARACTERS for part in divided)
    assert [each for part in divided for each in part["Statement"]] == whole["Statement"]


@pytest.mark.parametrize("stage", ["ssssssss", "*"])
def test_a_name_that_cloudformation_cuts_is_allowed_still(stage):
    document = filled(NAMES | {"Identifier": "i" * 16, "Stage": stage})
    bucket = f"arn:aws:s3:::playlake-{'i' * 15}-serverlessdeploymentbuck-1aljxweu3wjjd"
    for action in ("s3:CreateBucket", "s3:DeleteBucket"):
        assert is_allowed(document, action, bucket)
    assert is_allowed(document, "s3:PutObject", f"{bucket}/serverless/collect.zip")


def test_it_is_on_every_name_of_this_deployment_and_on_none_of_another():
    document = filled(NAMES)
    here = f"{REGION}:{ACCOUNT}"
    arns = {
        "AWS::Athena::WorkGroup": ("athena:CreateWorkGroup", f"athena:{here}:workgroup/"),
        "AWS::CloudWatch::Alarm": ("cloudwatch:PutMetricAlarm", f"cloudwatch:{here}:alarm:"),
        "AWS::CloudWatch::Dashboard": (
            "cloudwatch:PutDashboard",
            f"cloudwatch::{ACCOUNT}:dashboard/",
        ),
        "AWS::DynamoDB::Table": ("dynamodb:CreateTable", f"dynamodb:{here}:table/"),
        "AWS::Events::Rule": ("events:PutRule", f"events:{here}:rule/"),
        "AWS::IAM::ManagedPolicy": ("iam:CreatePolicy", f"iam::{ACCOUNT}:policy/"),
        "AWS::IAM::Role": ("iam:CreateRole", f"iam::{ACCOUNT}:role/"),
        "AWS::Kinesis::Stream": ("kinesis:CreateStream", f"kinesis:{here}:stream/"),
        "AWS::KinesisFirehose::DeliveryStream": (
            "firehose:CreateDeliveryStream",
            f"firehose:{here}:deliverystream/",
        ),
        "AWS::Lambda::Function": ("lambda:CreateFunction", f"lambda:{here}:function:"),
        "AWS::Logs::LogGroup": ("logs:CreateLogGroup", f"logs:{here}:log-group:"),
        "AWS::S3::Bucket": ("s3:CreateBucket", "s3:::"),
        "AWS::SNS::Topic": ("sns:CreateTopic", f"sns:{here}:"),
    }
    looked_at = set()
    templates = (packaged(*ALL_SWITCHES), packaged(*KINESIS))
    named = [(each, logical) for each in templates for logical in each.names()]
    for template, logical in named:
        name, kind = template.names()[logical], template.body["Resources"][logical]["Type"]
        if kind in arns:
            action, beginning = arns[kind]
            assert is_allowed(document, action, f"arn:aws:{beginning}{name}"), name
            other = name.replace("demo", "other")
            assert not is_allowed(document, action, f"arn:aws:{beginning}{other}"), other
            looked_at.add(kind)
    assert looked_at == set(arns)
    tables = f"arn:aws:glue:{here}:table/playlake_demo_dev/custom_events"
    assert is_allowed(document, "glue:CreateTable", tables)


def test_whoever_deploys_cannot_widen_the_policies_of_whoever_deploys():
    every = filled(NAMES | {"Identifier": "*", "Stage": "*", "Region": "*"})
    consumers = f"arn:aws:iam::{ACCOUNT}:policy/playlake-demo-dev-consumer-eu-west-1"
    assert is_allowed(every, "iam:CreatePolicyVersion", consumers)
    for number in (1, 2):
        own = f"arn:aws:iam::{ACCOUNT}:policy/playlake-deployer-{number}"
        assert not is_allowed(every, "iam:CreatePolicyVersion", own)


def test_doctor_can_ask_iam_about_every_statement():
    asked = list(questions(read_policy() or "", NAMES))
    unknown = {"apigateway:TagResource", "apigateway:UntagResource"}
    assert {action for each in asked for action in each.actions} == allowed(policy()) - unknown
    assert not [each for question in asked for each in question.resources if "${" in each]


def test_the_command_writes_the_policies_and_says_how_to_create_them(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.policy", "--account", ACCOUNT, "--folder", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    written = sorted(tmp_path.iterdir())
    assert [path.name for path in written] == [
        "playlake-deployer-1.json",
        "playlake-deployer-2.json",
    ]
    for path, line in zip(written, ran.stdout.splitlines(), strict=True):
        assert line.startswith(f"aws iam create-policy --policy-name {path.stem} ")
        assert f"file://{path}" in line
        assert "${" not in path.read_text()


# --- what osls and the command line call ---


class Shell:
    """osls and the command line, against an emulated AWS behind a recording proxy."""

    def __init__(self, aws: Ministack, proxy: Recording) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environ = (
            kept
            | aws.environment()
            | {
                "AWS_ENDPOINT_URL": proxy.url,
                "SLS_AWS_MONITORING_FREQUENCY": "200",
            }
        )

    def run(self, command: str, *options: str) -> str:
        ran = subprocess.run(
            [SERVERLESS, command, "--identifier", "demo", "--region", REGION, *options],
            cwd=service(),
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return ran.stdout + ran.stderr

    def ask(self, *words: str) -> int:
        """Run the command line against the deployment; its exit code."""
        command = [sys.executable, "-m", "playlake", *words, "--identifier", "demo"]
        ran = subprocess.run(
            [*command, "--region", REGION],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return ran.returncode

    def collect(self) -> None:
        """Have `playlake dev` take an event in and put it on the deployment's stream."""
        command = [sys.executable, "-m", "playlake", "dev", "--port", "0", "--identifier", "demo"]
        with subprocess.Popen(
            [*command, "--region", REGION],
            env=self.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            dev = Dev(process, Path())
            dev.read_url()
            assert dev.post({"action": "click"}).status_code == 200
            dev.stop()

    def deploy(self, *params: str) -> str:
        options = [word for param in params for word in ("--param", param)]
        return self.run("deploy", "--package", str(packaged(*params).path.parent), *options)


@pytest.fixture(scope="module")
def calls() -> Iterable[Recording]:
    """What a deployment, another, questions in between, and a removal call."""
    # The emulator has no named queries.
    first, second = ("savedQueries=no",), ("savedQueries=no", "logDays=7")
    packaged(*first)
    with ministack() as aws, Recording(aws.url) as proxy:
        shell = Shell(aws, proxy)
        assert "Service deployed to stack playlake-demo-dev" in shell.deploy(*first)
        assert "Service deployed to stack playlake-demo-dev" in shell.deploy(*second)
        assert "send events to" in shell.run("info")
        shell.run("logs", "--function", "collect")
        assert shell.ask("info") == 0
        assert shell.ask("partitions") == 0
        assert shell.ask("catalog", "sync") == 0
        # What these find on an emulator is no matter here; what they ask is.
        shell.ask("doctor")
        shell.ask("report", "daily_plays")
        for words in (
            ("audit",),
            ("rejected",),
            ("compact",),
            ("replay", "--dry-run"),
            ("forget", "--user-id", "1", "--dry-run"),
            ("retain", "--days", "3000", "--dry-run"),
        ):
            assert shell.ask(*words) == 0, words
        shell.collect()
        assert "Nothing is left of playlake-demo-dev" in shell.run("remove")
        yield proxy


def test_every_call_is_in_the_policy(calls):
    assert calls.actions() - allowed(policy()) == set()


def test_the_calls_were_seen(calls):
    assert calls.actions() >= {
        "athena:StartQueryExecution",
        "cloudformation:CreateStack",
        "cloudformation:DeleteStack",
        "cloudformation:UpdateStack",
        "glue:GetPartitions",
        "lambda:GetAccountSettings",
        "logs:DescribeLogStreams",
        "s3:DeleteObject",
        "s3:ListBucketVersions",
        "s3:PutObject",
    }
    assert not [call for call in calls.calls if call.startswith("unsigned")]
    assert not [call for call in calls.calls if " " in call]


# --- the documents ---


def test_the_generated_files_are_as_they_would_be_generated_now():
    for path, text in generated().items():
        assert (ROOT / path).read_text("utf-8") == text(), f"run python -m deploy.generate ({path})"


def test_every_switch_is_in_the_table_of_the_guide():
    page = (ROOT / "docs" / "deploying.md").read_text()
    assert len(switches()) > 10
    for name, switch in switches().items():
        assert f"| `{name}` |" in page
        assert str(switch["doc"]) in page


def test_the_worked_example_adds_up():
    page = (ROOT / "docs" / "aws.md").read_text()
    section = page.partition("## What a million events a day cost")[2]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    *terms, total = rows[2:]
    for column in (-2, -1):
        terms_sum = sum(float(row[column]) for row in terms)
        assert f"{terms_sum:.2f}" == total[column].strip("| *")
