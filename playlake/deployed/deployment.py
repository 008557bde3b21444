"""A deployed playlake: what it is called, what its stack says of itself, where its pages are."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote

from events.errors import PlaylakeError, SettingsError, Unavailable

DEFAULT_STAGE = "dev"

SERVICES: Mapping[str, str] = MappingProxyType(
    {
        "apigatewayv2": "apigateway",
        "athena": "athena",
        "cloudformation": "cloudformation",
        "cloudwatch": "monitoring",
        "dynamodb": "dynamodb",
        "events": "events",
        "firehose": "firehose",
        "glue": "glue",
        "kinesis": "kinesis",
        "lambda": "lambda",
        "logs": "logs",
        "s3": "s3",
        "sns": "sns",
        "sqs": "sqs",
    }
)
"""What a stack is made of, whichever its delivery: a service by botocore's name -> its name among
AWS's endpoints. IAM and STS, which it needs too, are one service for a whole partition: no region
lacks them."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9]{0,15}")
_STAGE = re.compile(r"[a-z][a-z0-9]{0,7}")
_ALPHABET = "lower-case letters and digits, a letter first, at most"


@dataclass(frozen=True, slots=True)
class Deployed:
    """Which stack is meant, in which account and region.

    `identifier` and `stage` are as `serverless deploy` takes them; other values raise
    SettingsError. `region` and `profile` are None for what the AWS environment says.
    """

    identifier: str
    stage: str = DEFAULT_STAGE
    region: str | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        _check("identifier", self.identifier, _IDENTIFIER, 16)
        _check("stage", self.stage, _STAGE, 8)

    @property
    def name(self) -> str:
        """The stack's name, and that of most things in it."""
        return f"playlake-{self.identifier}-{self.stage}"

    def __str__(self) -> str:
        return self.name

    @property
    def options(self) -> str:
        """The options of `serverless` that name this stack, for a sentence that says what to type.

        Without the profile it would be the stack of that name in another account.
        """
        given = [f"--identifier {self.identifier}"]
        given += [f"--stage {self.stage}"] if self.stage != DEFAULT_STAGE else []
        given += [f"--region {self.region}"] if self.region is not None else []
        given += [f"--aws-profile {self.profile}"] if self.profile is not None else []
        return " ".join(given)


def _check(kind: str, value: str, allowed: re.Pattern[str], most: int) -> None:
    if not allowed.fullmatch(value):
        raise SettingsError(
            f"The {kind} {value!r} can't be used: it names AWS resources,"
            f" so write {_ALPHABET} {most}."
        )


@dataclass(frozen=True, slots=True)
class StackDescription:
    """What CloudFormation says of a stack (`DescribeStacks`)."""

    arn: str
    status: str
    outputs: Mapping[str, str]
    reason: str = ""
    """Why it is in that state, where CloudFormation says so."""

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn`, `aws-us-gov`: the cloud that the region is of."""
        return self.arn.split(":")[1]

    @property
    def region(self) -> str:
        """The region it is in."""
        return self.arn.split(":")[3]


_OUTPUTS = (
    ("url", "Url"),
    ("bucket", "BucketName"),
    ("database", "DatabaseName"),
    ("workgroup", "WorkGroupName"),
    ("dashboard", "DashboardName"),
)
_BY_DELIVERY = (
    ("delivery_stream", "DeliveryStreamName"),
    ("stream", "StreamName"),
)
_OF_CONSUMERS = ("consumer_policy", "ConsumerPolicyArn")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack that is there, by its outputs.

    Of `delivery_stream` and `stream` one is None: Firehose's is there when that carries the events,
    Kinesis's with `--param delivery=kinesis`.
    """

    url: str
    bucket: str
    database: str
    workgroup: str
    dashboard: str
    delivery_stream: str | None = None
    stream: str | None = None
    consumer_policy: str | None = None
    """The ARN of the policy of whoever reads the stream, as long as there is one."""

    @classmethod
    def of(cls, where: Deployed, stack: StackDescription) -> "Deployment":
        """The deployment that the stack describes.

        Raises SettingsError when the stack is in no state to be used, and Unavailable while it is
        on its way into or out of one; both say what to do.
        """
        fault = unusable(where, stack)
        if fault is not None:
            raise fault
        optional = (*_BY_DELIVERY, _OF_CONSUMERS)
        there = {name: stack.outputs[output] for name, output in _OUTPUTS}
        there |= {name: stack.outputs[key] for name, key in optional if key in stack.outputs}
        return cls(**there)


_REMOVE = "npx serverless remove"
_DEPLOY = "npx serverless deploy"


def absent(where: Deployed, region: str) -> SettingsError:
    """There is no such stack in the region."""
    return SettingsError(
        f"No stack {where} in {region}; deploy it with"
        f" `{_DEPLOY} {where.options}`, or name --stage/--region."
    )


def unusable(where: Deployed, stack: StackDescription) -> PlaylakeError | None:
    """Why the stack cannot be used now, and what to do; None when it can.

    States: "Stack status codes" of the CloudFormation user guide. A stack whose update failed or is
    under way still answers as it did before; one that was never whole lacks outputs.
    """
    status, whole = stack.status, _is_whole(stack)
    name = f"The stack {where} is {status}{f' ({stack.reason})' if stack.reason else ''}"
    if status.startswith("DELETE_"):
        return _deleted(where, name, status)
    if status in _NEVER_CREATED:
        return SettingsError(
            f"{name}: its first deployment failed. Remove it with `{_REMOVE} {where.options}`,"
            f" then deploy again."
        )
    if whole:
        return None
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        return Unavailable(f"{name}: wait until that has ended, then try again.")
    return SettingsError(
        f"{name} and was never deployed whole; deploy it again with `{_DEPLOY} {where.options}`."
    )


def _is_whole(stack: StackDescription) -> bool:
    carried = any(output in stack.outputs for _, output in _BY_DELIVERY)
    return carried and all(output in stack.outputs for _, output in _OUTPUTS)


_NEVER_CREATED = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")


def _deleted(where: Deployed, name: str, status: str) -> PlaylakeError:
    if status == "DELETE_IN_PROGRESS":
        return Unavailable(f"{name}: it is being removed; deploy it again once it is gone.")
    return SettingsError(
        f"{name}: part of it could not be removed. Run `{_REMOVE} {where.options}` again; the"
        f" stack's events say what stands in the way."
    )


def remark(where: Deployed, stack: StackDescription) -> str | None:
    """What is to be known about a stack that can be used, if anything is."""
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        return (
            "the last deployment failed and could not be undone: continue the rollback on the"
            " stack's page, then deploy again"
        )
    if "ROLLBACK" in stack.status:
        return (
            f"the last deployment failed and was undone; deploy again with"
            f" `{_DEPLOY} {where.options}`"
        )
    if stack.status.endswith("_IN_PROGRESS"):
        return "a deployment is under way"
    return None


_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


def console_pages(
    where: Deployed, stack: StackDescription, deployed: Deployment
) -> Iterator[tuple[str, str]]:
    """The (name, link) of each page of the AWS console that shows a part of the deployment."""
    host = _CONSOLES.get(stack.partition, f"{stack.region}.console.aws.amazon.com")

    def page(service: str, fragment: str) -> str:
        return f"https://{host}/{service}/home?region={stack.region}#{fragment}"

    yield "dashboard_page", page("cloudwatch", f"dashboards/dashboard/{deployed.dashboard}")
    yield "athena_page", page("athena", f"/workgroups/details/{deployed.workgroup}")
    arn = quote(stack.arn, safe="")
    yield "stack_page", page("cloudformation", f"/stacks/stackinfo?stackId={arn}")
    # The console writes a query inside its fragment with $ for %, and escapes slashes twice.
    prefix = f"$252Faws$252Flambda$252F{where}"
    yield "logs_page", page("cloudwatch", f"logsV2:log-groups$3FlogGroupNameFilter$3D{prefix}")


def described(
    where: Deployed, stack: StackDescription, deployed: Deployment
) -> Iterator[tuple[str, str]]:
    """Everything to know about a deployment, as (name, value)."""
    yield "stack", where.name
    yield "region", stack.region
    yield "state", stack.status
    yield "url", deployed.url
    yield "events", f"{deployed.url}/events"
    yield "page", f"{deployed.url}/"
    yield "bucket", deployed.bucket
    for name in ("lake", "raw", "failed", "query-results"):
        yield name.replace("-", "_"), f"s3://{deployed.bucket}/{name}/"
    yield "database", deployed.database
    yield "workgroup", deployed.workgroup
    for name, _ in (*_BY_DELIVERY, _OF_CONSUMERS):
        if (value := getattr(deployed, name)) is not None:
            yield name, value
    yield from console_pages(where, stack, deployed)
