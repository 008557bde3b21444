"""Every role and policy of the template, read as it is: what it allows, to whom, and no more."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.packaged import ACCOUNT, ALL_SWITCHES, KINESIS, REGION, Template, packaged
from tests.test_template_iam import (
    BUCKET,
    DATABASE,
    GLUE,
    NAME,
    actions,
    consumer_statements,
    listed,
)

# --- all roles ---


def every_statement(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in template.of("IAM::Role").items():
        for policy in role.get("Policies", ()):
            yield from ((name, each) for each in policy["PolicyDocument"]["Statement"])
    for kind in ("IAM::Policy", "IAM::ManagedPolicy"):
        for name, policy in template.of(kind).items():
            yield from ((name, each) for each in policy["PolicyDocument"]["Statement"])


@pytest.mark.parametrize(
    "params", [(), ALL_SWITCHES, KINESIS], ids=["defaults", "all switches", "kinesis"]
)
def test_no_statement_has_a_wildcard_for_an_action_or_for_every_resource(params):
    statements = list(every_statement(packaged(*params)))
    assert len(statements) > 10
    for name, statement in statements:
        assert not [each for each in actions(statement) if "*" in each], name
        if actions(statement) <= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}:
            continue  # X-Ray knows no resource (service authorization reference)
        if actions(statement) == {"cloudwatch:PutMetricData"}:  # nor does CloudWatch, but spaces
            assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": NAME}}
            continue
        for resource in listed(statement["Resource"]):
            assert NAME in resource or DATABASE in resource or resource == f"{GLUE}:catalog"


def test_traces_are_allowed_only_when_they_are_asked_for():
    def traced(*params: str) -> set[str]:
        return {
            name
            for name, each in every_statement(packaged(*params))
            if "xray:PutTraceSegments" in actions(each)
        }

    functions = {f"{name}Role" for name in ("Collect", "Transform", "Catalog", "Compact", "Page")}
    assert traced() == set()
    assert traced(*ALL_SWITCHES) == functions


def test_each_role_writes_its_own_log_and_creates_no_group():
    for name, role in packaged().of("IAM::Role").items():
        if name == "DeliveryRole":
            continue
        function = name.removesuffix("Role").lower()
        (policy,) = role["Policies"]
        log = policy["PolicyDocument"]["Statement"][0]
        assert actions(log) == {"logs:CreateLogStream", "logs:PutLogEvents"}
        assert listed(log["Resource"]) == [
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{NAME}-{function}:*"
        ]


def test_each_role_is_taken_by_its_service_alone():
    for name, role in packaged().of("IAM::Role").items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        service = "firehose" if name == "DeliveryRole" else "lambda"
        assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert trust["Action"] == "sts:AssumeRole"
        if service == "firehose":
            assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": ACCOUNT}}


def test_firehoses_role_is_what_its_guide_asks_for():
    """ "Grant Firehose access to an Amazon S3 destination" of its developer guide, less Kinesis and
    KMS, and reading only what it writes itself."""
    (policy,) = packaged().of("IAM::Policy").values()
    allowed = {
        action: set(listed(each["Resource"]))
        for each in policy["PolicyDocument"]["Statement"]
        for action in actions(each)
    }
    bucket, function = (
        f"arn:aws:s3:::{BUCKET}",
        f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}",
    )
    objects = {f"{bucket}/raw/*", f"{bucket}/failed/*"}
    code = {f"{function}-transform", f"{function}-transform:*"}
    log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/kinesisfirehose/{NAME}:*"
    assert allowed == {
        "s3:AbortMultipartUpload": objects,
        "s3:GetObject": objects,
        "s3:PutObject": objects,
        "s3:GetBucketLocation": {bucket},
        "s3:ListBucket": {bucket},
        "s3:ListBucketMultipartUploads": {bucket},
        "lambda:InvokeFunction": code,
        "lambda:GetFunctionConfiguration": code,
        "logs:PutLogEvents": {log},
    }


# --- the consumers of a Kinesis stream ---


def test_a_consumer_may_what_kcls_guide_asks_for_and_what_writing_takes():
    """ "IAM permissions required for KCL consumer applications" of Kinesis's developer guide, less
    enhanced fan-out and what makes or changes a table: the stack makes them."""
    stream = {f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{NAME}"}
    leases = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{NAME}"
    tables = {leases, f"{leases}-CoordinatorState", f"{leases}-WorkerMetricStats"}
    prefixes = ("consumed", "failed", "lake", "raw")
    objects = {f"arn:aws:s3:::{BUCKET}/{prefix}/*" for prefix in prefixes}
    of_glue = ("catalog", f"database/{DATABASE}", f"table/{DATABASE}/*")
    glue = {f"{GLUE}:{each}" for each in of_glue}
    allowed = {
        action: set(listed(each["Resource"]))
        for each in consumer_statements()
        for action in actions(each)
    }
    reads = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator")
    items = ("DeleteItem", "DescribeTable", "GetItem", "PutItem", "Scan", "UpdateItem")
    assert allowed == {
        **{f"kinesis:{each}": stream for each in (*reads, "ListShards")},
        **{f"dynamodb:{each}": tables for each in items},
        "dynamodb:Query": {f"{leases}/index/LeaseOwnerToLeaseKeyIndex"},
        "cloudwatch:PutMetricData": {"*"},
        "s3:GetObject": objects,
        "s3:PutObject": objects,
        "s3:ListBucket": {f"arn:aws:s3:::{BUCKET}"},
        "glue:BatchCreatePartition": glue,
        "glue:GetTable": glue,
    }
