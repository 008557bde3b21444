"""What whoever deploys and asks may do: an IAM policy, from the types of resources in the template.

    python -m deploy.policy --account 123456789012 [--identifier demo] [--stage dev]

fills it for one account, and prints the commands that create it. What ships
(`playlake/deployed/deployer_policy.json`) has placeholders, which IAM would take for variables of
its own; and it is longer than IAM takes in one piece.
"""

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

from deploy.inventory import types

MOST_CHARACTERS = 6_144
"""Of a managed policy, white space not counted (IAM user guide, "IAM and AWS STS quotas")."""

TYPES: Mapping[str, str] = {
    # The service authorization reference has no TagResource, but the schema of a stage does, and
    # API Gateway asks for it where a stack has tags (aws-amplify/amplify-cli#12316).
    "AWS::ApiGatewayV2::Api": "apigateway:DELETE GET PATCH POST PUT TagResource UntagResource",
    "AWS::ApiGatewayV2::Integration": "apigateway:DELETE GET PATCH POST",
    "AWS::ApiGatewayV2::Route": "apigateway:DELETE GET PATCH POST",
    "AWS::ApiGatewayV2::Stage": "apigateway:DELETE GET PATCH POST PUT TagResource UntagResource",
    "AWS::Athena::NamedQuery": "athena:CreateNamedQuery DeleteNamedQuery GetNamedQuery"
    " ListNamedQueries UpdateNamedQuery",
    "AWS::Athena::WorkGroup": "athena:CreateWorkGroup DeleteWorkGroup GetWorkGroup"
    " ListTagsForResource TagResource UntagResource UpdateWorkGroup",
    "AWS::CloudWatch::Alarm": "cloudwatch:DeleteAlarms DescribeAlarms ListTagsForResource"
    " PutMetricAlarm TagResource UntagResource",
    "AWS::CloudWatch::Dashboard": "cloudwatch:DeleteDashboards GetDashboard PutDashboard",
    # Without PutItem and such: a table is made empty; and without a resource policy or a replica.
    "AWS::DynamoDB::Table": "dynamodb:CreateTable DeleteTable DescribeContinuousBackups"
    " DescribeContributorInsights DescribeKinesisStreamingDestination DescribeTable"
    " DescribeTimeToLive GetResourcePolicy ListTagsOfResource TagResource UntagResource"
    " UpdateTable",
    "AWS::Events::Rule": "events:DeleteRule DescribeRule ListTagsForResource ListTargetsByRule"
    " PutRule PutTargets RemoveTargets TagResource UntagResource",
    "AWS::Glue::Database": "glue:CreateDatabase DeleteDatabase GetDatabase GetTags UpdateDatabase",
    "AWS::Glue::Table": "glue:CreateTable DeleteTable GetTable UpdateTable",
    # Without Attach and Detach: who runs consumers gives their role the policy, not this stack.
    "AWS::IAM::ManagedPolicy": "iam:CreatePolicy CreatePolicyVersion DeletePolicy"
    " DeletePolicyVersion GetPolicy GetPolicyVersion ListEntitiesForPolicy ListPolicyVersions",
    "AWS::IAM::Policy": "iam:DeleteRolePolicy GetRolePolicy PutRolePolicy",
    # Without AttachRolePolicy: no role of ours has a managed policy.
    "AWS::IAM::Role": "iam:CreateRole DeleteRole DeleteRolePolicy GetRole GetRolePolicy"
    " ListAttachedRolePolicies ListRolePolicies ListRoleTags PutRolePolicy TagRole UntagRole"
    " UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
    # Without kms: the stream is encrypted by the key that AWS manages for Kinesis.
    "AWS::Kinesis::Stream": "kinesis:AddTagsToStream CreateStream DecreaseStreamRetentionPeriod"
    " DeleteStream DescribeStreamSummary IncreaseStreamRetentionPeriod ListTagsForResource"
    " ListTagsForStream RemoveTagsFromStream StartStreamEncryption StopStreamEncryption TagResource"
    " UntagResource",
    # Without kms: the stream is encrypted by a key that AWS owns.
    "AWS::KinesisFirehose::DeliveryStream": "firehose:CreateDeliveryStream DeleteDeliveryStream"
    " DescribeDeliveryStream ListTagsForDeliveryStream StartDeliveryStreamEncryption"
    " StopDeliveryStreamEncryption TagDeliveryStream UntagDeliveryStream UpdateDestination",
    "AWS::Lambda::Function": "lambda:CreateFunction DeleteFunction GetFunction"
    " GetFunctionCodeSigningConfig GetFunctionRecursionConfig GetFunctionScalingConfig"
    " GetRuntimeManagementConfig ListTags TagResource UntagResource UpdateFunctionCode"
    " UpdateFunctionConfiguration s3:GetObject",
    "AWS::Lambda::Permission": "lambda:AddPermission GetPolicy RemovePermission",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup DeleteLogGroup DeleteRetentionPolicy"
    " DescribeIndexPolicies DescribeLogGroups DescribeResourcePolicies GetDataProtectionPolicy"
    " ListTagsForResource PutRetentionPolicy TagResource UntagResource",
    "AWS::Logs::LogStream": "logs:CreateLogStream DeleteLogStream DescribeLogStreams",
    "AWS::S3::Bucket": "s3:CreateBucket DeleteBucket GetAccelerateConfiguration"
    " GetAnalyticsConfiguration GetBucketCORS GetBucketLogging GetBucketNotification"
    " GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPublicAccessBlock"
    " GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration"
    " GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration"
    " GetMetricsConfiguration GetReplicationConfiguration ListBucket ListTagsForResource"
    " PutBucketNotification PutBucketOwnershipControls PutBucketPublicAccessBlock"
    " PutBucketTagging PutEncryptionConfiguration PutLifecycleConfiguration TagResource"
    " UntagResource",
    "AWS::S3::BucketPolicy": "s3:DeleteBucketPolicy GetBucketPolicy PutBucketPolicy",
    "AWS::SNS::Topic": "sns:CreateTopic DeleteTopic GetDataProtectionPolicy GetTopicAttributes"
    " ListSubscriptionsByTopic ListTagsForResource SetTopicAttributes Subscribe TagResource"
    " Unsubscribe UntagResource",
}
"""What CloudFormation does with the caller's credentials for a resource of each type.

From the permissions of handlers and of tagging in the types' schemas (CloudFormation registry),
less what writes a property that the template never sets (VPC, KMS, replication, ...): what is made
is read back whole.
"""

# What osls and its plugin call themselves.
OSLS = (
    "cloudformation:ContinueUpdateRollback CreateChangeSet CreateStack DeleteChangeSet DeleteStack"
    " DescribeChangeSet DescribeStackEvents DescribeStackResource DescribeStackResources"
    " DescribeStacks ExecuteChangeSet GetTemplate ListStackResources TagResource UpdateStack"
    " ValidateTemplate",
    "cloudwatch:GetMetricStatistics",
    "lambda:GetFunction GetFunctionConfiguration InvokeFunction",
    "logs:DescribeLogGroups DescribeLogStreams DeleteLogGroup FilterLogEvents",
    # The deployment bucket; and emptying both before a removal.
    "s3:AbortMultipartUpload DeleteObject DeleteObjectVersion GetObject ListBucket"
    " ListBucketMultipartUploads ListBucketVersions PutObject",
)

# What the command line calls with --identifier, `doctor` included.
PLAYLAKE = (
    "athena:GetQueryExecution GetQueryResults StartQueryExecution StopQueryExecution",
    "cloudformation:DescribeStacks",
    # Athena looks tables and partitions up as the caller, and writes its answer as the caller.
    "glue:BatchCreatePartition BatchDeletePartition BatchGetPartition BatchUpdatePartition"
    " GetDatabase GetPartition GetPartitions GetTable",
    "cloudwatch:GetMetricStatistics",
    # What `dev` collects is put where the deployment's own collector puts it.
    "firehose:PutRecordBatch",
    # Also what `consume --status` looks at.
    "kinesis:GetRecords GetShardIterator ListShards PutRecords",
    "dynamodb:Scan",
    "s3:DeleteObject GetBucketLocation GetObject ListBucket ListMultipartUploadParts PutObject",
    "lambda:GetAccountSettings",
)

# For which a policy can name no resource (service authorization reference), or for which AWS asks
# for all of a kind: DescribeAlarms is authorized on alarm:* whatever it is asked for.
NAMELESS = frozenset(
    {
        "cloudformation:ValidateTemplate",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricStatistics",
        "lambda:GetAccountSettings",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "sns:Unsubscribe",
    }
)

_NAME = "playlake-${Identifier}-${Stage}"
_DATABASE = "playlake_${Identifier}_${Stage}"
_HERE = "${Region}:${Account}"

_PATHS = ("apis", "apis/*", "tags/*")

RESOURCES: Mapping[str, tuple[str, ...]] = {
    # An API's id is AWS's choice, so there is no name to go by.
    "apigateway": tuple(f"apigateway:${{Region}}::/{path}" for path in _PATHS),
    "athena": (f"athena:{_HERE}:workgroup/{_NAME}",),
    "cloudformation": (f"cloudformation:{_HERE}:stack/{_NAME}/*",),
    "cloudwatch": (
        f"cloudwatch:{_HERE}:alarm:{_NAME}-*",
        f"cloudwatch::${{Account}}:dashboard/{_NAME}*",
    ),
    "dynamodb": (
        f"dynamodb:{_HERE}:table/{_NAME}",
        f"dynamodb:{_HERE}:table/{_NAME}-CoordinatorState",
        f"dynamodb:{_HERE}:table/{_NAME}-WorkerMetricStats",
    ),
    "events": (f"events:{_HERE}:rule/{_NAME}-*",),
    "firehose": (f"firehose:{_HERE}:deliverystream/{_NAME}",),
    # Athena wants to see the default database before any other (Athena user guide, "Access to
    # databases and tables in the AWS Glue Data Catalog"): _DEFAULT_DATABASE.
    "glue": (
        f"glue:{_HERE}:catalog",
        f"glue:{_HERE}:database/{_DATABASE}",
        f"glue:{_HERE}:table/{_DATABASE}/*",
        # DeleteDatabase is authorized on what a database could hold.
        f"glue:{_HERE}:userDefinedFunction/{_DATABASE}/*",
    ),
    "iam": (
        f"iam::${{Account}}:role/{_NAME}-*",
        # Not of any playlake-…: the deployer's own policies are called so too.
        f"iam::${{Account}}:policy/{_NAME}-consumer-*",
    ),
    "kinesis": (f"kinesis:{_HERE}:stream/{_NAME}",),
    "lambda": (f"lambda:{_HERE}:function:{_NAME}-*",),
    "logs": (
        f"logs:{_HERE}:log-group:/aws/lambda/{_NAME}-*",
        f"logs:{_HERE}:log-group:/aws/kinesisfirehose/{_NAME}*",
    ),
    # The data's bucket, the deployment's, and the objects of both.
    "s3": (f"s3:::{_NAME}-*",),
    "sns": (f"sns:{_HERE}:{_NAME}-alarms",),
}
"""What each service's actions are allowed on, `arn:${Partition}:` left out."""

_MOST_OF_A_STACK = 24
_CUT_BUCKET = "serverlessdeploymentbuck-*"
"""CloudFormation names osls's bucket by stack and resource, and where the two are too long together
by so many characters of each (serverless/serverless#2791)."""

_DEFAULT_DATABASE = (
    "AthenaStarts",
    ["glue:GetDatabase"],
    [f"glue:{_HERE}:catalog", f"glue:{_HERE}:database/default"],
)
_PASS = ("PassRole", ["iam:PassRole"], list(RESOURCES["iam"][:1]))
_PASSED_TO = {
    "StringEquals": {"iam:PassedToService": ["firehose.amazonaws.com", "lambda.amazonaws.com"]}
}
# `playlake doctor` asks what its own user or role may do; that changes nothing.
_SIMULATE = (
    "Doctor",
    ["iam:SimulatePrincipalPolicy"],
    ["iam::${Account}:role/*", "iam::${Account}:user/*"],
)
_OWN_ROLE = ("OwnRole", ["iam:GetRole"], ["iam::${Account}:role/*"])


def policy() -> dict[str, Any]:
    """The policy with its placeholders: `${Identifier}`, `${Stage}`, `${Region}`, `${Account}`,
    `${Partition}`. Raises KeyError for a type of resource that TYPES lacks."""
    allowed = _by_service(_expand((*(TYPES[each] for each in types()), *OSLS, *PLAYLAKE)))
    statements = [
        _statement(service.capitalize(), sorted(actions), RESOURCES[service])
        for service, actions in sorted(allowed.items())
    ]
    statements.append(_statement(*_DEFAULT_DATABASE))
    statements.append(_statement(*_PASS) | {"Condition": _PASSED_TO})
    statements += [_statement(*_SIMULATE), _statement(*_OWN_ROLE)]
    statements.append(_allow("Nameless", sorted(NAMELESS), "*"))
    return {"Version": "2012-10-17", "Statement": statements}


def policy_json() -> str:
    """`playlake/deployed/deployer_policy.json`."""
    return json.dumps(policy(), indent=2) + "\n"


def filled(names: Mapping[str, str]) -> dict[str, Any]:
    """The policy with its placeholders filled; raises KeyError for one that `names` lacks."""
    document: dict[str, Any] = json.loads(Template(json.dumps(policy())).substitute(names))
    stack = Template(_NAME).substitute(names)
    if len(stack) > _MOST_OF_A_STACK:
        (buckets,) = [each for each in document["Statement"] if each["Sid"] == "S3"]
        cut = f"arn:{names['Partition']}:s3:::{stack[:_MOST_OF_A_STACK]}-{_CUT_BUCKET}"
        buckets["Resource"] = [buckets["Resource"], cut]
    return document


def parts(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The policy as the fewest policies, in its order, that IAM takes each of."""
    found: list[dict[str, Any]] = []
    for statement in document["Statement"]:
        if found:
            longer = found[-1] | {"Statement": [*found[-1]["Statement"], statement]}
            if length(longer) <= MOST_CHARACTERS:
                found[-1] = longer
                continue
        found.append({"Version": document["Version"], "Statement": [statement]})
    return found


def length(document: Mapping[str, Any]) -> int:
    """How long IAM finds it."""
    return len(re.sub(r"\s", "", json.dumps(document)))


def _expand(lists: Iterable[str]) -> set[str]:
    """ "s3:GetObject PutObject lambda:ListTags" as actions, each with its service."""
    actions = set()
    for line in lists:
        service = ""
        for word in line.split():
            service, _, action = word.rpartition(":") if ":" in word else (service, "", word)
            actions.add(f"{service}:{action}")
    return actions


def _by_service(actions: Iterable[str]) -> dict[str, set[str]]:
    services: defaultdict[str, set[str]] = defaultdict(set)
    for action in actions:
        if action not in NAMELESS:
            services[action.partition(":")[0]].add(action)
    return dict(services)


def _statement(sid: str, actions: list[str], resources: Iterable[str]) -> dict[str, Any]:
    arns = [f"arn:${{Partition}}:{each}" for each in resources]
    return _allow(sid, actions, arns[0] if len(arns) == 1 else arns)


def _allow(sid: str, actions: list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def main() -> int:
    """Write the policies of an account, and print the commands that create them; the exit code."""
    given = vars(_parser().parse_args())
    folder: Path = given.pop("folder")
    documents = parts(filled({name.capitalize(): value for name, value in given.items()}))
    folder.mkdir(parents=True, exist_ok=True)
    for number, document in enumerate(documents, 1):
        path = folder / f"playlake-deployer-{number}.json"
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        command = f"aws iam create-policy --policy-name {path.stem} --policy-document file://{path}"
        print(command)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--account", required=True, help="its twelve digits")
    for name, default in (
        ("identifier", "*"),
        ("stage", "*"),
        ("region", "*"),
        ("partition", "aws"),
    ):
        parser.add_argument(f"--{name}", default=default, help=f"this one alone; default {default}")
    parser.add_argument("--folder", type=Path, default=Path("build", "policy"), help="where to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
