"""What a user does with an account, and what there is in it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from tests.aws.athena_dialect import AthenaDialect
from tests.conftest import Tell
from tests.lacking import lacking
from tests.ministack import ROOT, Ministack
from tests.packaged import service

Listing = dict[str, list[str]]


class Account:
    """An account, as its user has it: commands, and clients to look with."""

    kind = "real"
    identifiers = ("", "")
    """Two stacks that live side by side in it."""
    patience_seconds = 600.0
    """How long a batch takes to its partition: on AWS a minute of buffering and some."""

    def __init__(self, identifier: str, tell: Tell) -> None:
        self.tell = tell
        self.identifiers = (identifier, f"{identifier}2")

    def environment(self) -> dict[str, str]:
        """What the commands are run with."""
        return os.environ | {"COLUMNS": "160"}

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return boto3.client(service)

    def is_ours(self, name: str) -> bool:
        """Whether something of that name can be a stack's of this account's tests."""
        return any(f"playlake{dash}{self.identifiers[0]}" in name for dash in "-_")

    def url(self, identifier: str) -> str:
        """Where the deployed API is served."""
        return str(self.outputs(identifier)["Url"])

    def speak_plainly(self, identifier: str) -> None:
        """Make the bucket take what comes without TLS, where there is none."""

    @contextmanager
    def failing_queries(self, reason: str) -> Iterator[bool]:
        """Athena fails every query for that reason meanwhile; False where nobody can make it."""
        yield False

    def outputs(self, identifier: str) -> dict[str, str]:
        """The stack's outputs."""
        described = self.client("cloudformation").describe_stacks(StackName=stack(identifier))
        outputs = described["Stacks"][0]["Outputs"]
        return {each["OutputKey"]: each["OutputValue"] for each in outputs}

    def bucket(self, identifier: str) -> str:
        """The stack's bucket."""
        return self.outputs(identifier)["BucketName"]

    def folder(self) -> Path:
        """Where commands are run: the repository, as a user does."""
        return ROOT

    def run(self, *command: str | Path, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run a command to whatever end."""
        return subprocess.run(
            [str(each) for each in command],
            cwd=self.folder(),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def serverless(self, *arguments: str) -> str:
        """Run `npx serverless` with these arguments; its output."""
        return self.osls("npx", "serverless", *arguments)

    def osls(self, *command: str) -> str:
        """Run a command of osls; its output."""
        if not shutil.which("npx"):
            lacking("Node is not installed; the deployment is tested with it.")
        if not (ROOT / "node_modules" / ".bin" / "serverless").exists():
            lacking("npm's packages are not installed; run `npm ci`.")
        done = self.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def playlake(self, *arguments: str | Path) -> str:
        """Run the command line; its output."""
        done = self.run(sys.executable, "-m", "playlake", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def keys(self, identifier: str, prefix: str) -> list[str]:
        """The keys in the stack's bucket."""
        pages = self.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket(identifier), Prefix=prefix)
        return [each["Key"] for page in found for each in page.get("Contents", ())]

    def listing(self) -> Listing:
        """What there is of every service that playlake uses; a service without is left out."""
        found = {
            name: sorted(each for each in look(self.client) if self.is_ours(each))
            for name, look in _LOOKS.items()
        }
        return {name: names for name, names in found.items() if names}


def stack(identifier: str) -> str:
    """The name of the identifier's stack."""
    return f"playlake-{identifier}-dev"


class EmulatedAccount(Account):
    """An account of the emulator's, with nothing in it but the tests' own."""

    kind = "emulated"
    patience_seconds = 30.0

    def __init__(self, emulator: Ministack, athena: AthenaDialect, zips: Path, tell: Tell) -> None:
        super().__init__("demo", tell)
        self.emulator = emulator
        self._athena = athena
        self._zips = zips

    def environment(self) -> dict[str, str]:
        """None of it changes what is deployed but for two things: the packages are for this
        machine, and the named queries, which ministack does not know, are left out
        (tests/test_template.py looks at those)."""
        return (
            super().environment()
            | self.emulator.environment()
            | self._athena.environment()
            | {
                "PLAYLAKE_ZIPS": str(self._zips),
                "PLAYLAKE_SAVED_QUERIES": "no",
                "SLS_AWS_MONITORING_FREQUENCY": "200",
            }
        )

    def folder(self) -> Path:
        """The service apart: stacks are deployed by several processes at once, and osls's work in
        `.serverless` is one deployment's at a time."""
        return service()

    @contextmanager
    def failing_queries(self, reason: str) -> Iterator[bool]:
        """It does."""
        self._athena.refusing = reason
        yield True
        self._athena.refusing = None

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of the root user."""
        return self.emulator.client(service, **config)

    def is_ours(self, name: str) -> bool:
        """Everything."""
        return bool(name)

    def url(self, identifier: str) -> str:
        """Where the emulator serves it: what the stack says is a name in amazonaws.com."""
        api = self.outputs(identifier)["Url"].partition("://")[2].partition(".")[0]
        return f"{self.emulator.url}/_aws/execute-api/{api}/$default"

    def speak_plainly(self, identifier: str) -> None:
        """Take the bucket's policy off, which refuses what comes without TLS."""
        s3, bucket = self.client("s3"), self.bucket(identifier)
        assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
        s3.delete_bucket_policy(Bucket=bucket)


def _names(service: str, call: str, field: str, name: str) -> Callable[..., Iterator[str]]:
    def look(client: Callable[[str], Any]) -> Iterator[str]:
        answer = getattr(client(service), call)()
        yield from (each if isinstance(each, str) else each[name] for each in answer[field])

    return look


def _stacks(client: Callable[[str], Any]) -> Iterator[str]:
    for stack in client("cloudformation").describe_stacks()["Stacks"]:
        if stack["StackStatus"] != "DELETE_COMPLETE":
            yield stack["StackName"]


def _workgroups(client: Callable[[str], Any]) -> Iterator[str]:
    found = client("athena").list_work_groups()["WorkGroups"]
    yield from (each["Name"] for each in found if each["Name"] != "primary")


def _roles(client: Callable[[str], Any]) -> Iterator[str]:
    for role in client("iam").list_roles()["Roles"]:
        if not role["Path"].startswith("/aws-service-role/"):
            yield role["RoleName"]


def _databases(client: Callable[[str], Any]) -> Iterator[str]:
    for database in client("glue").get_databases()["DatabaseList"]:
        yield database["Name"]
        for table in client("glue").get_tables(DatabaseName=database["Name"])["TableList"]:
            yield f"{database['Name']}.{table['Name']}"


_LOOKS: dict[str, Callable[..., Iterator[str]]] = {
    "stacks": _stacks,
    "buckets": _names("s3", "list_buckets", "Buckets", "Name"),
    "functions": _names("lambda", "list_functions", "Functions", "FunctionName"),
    "APIs": _names("apigatewayv2", "get_apis", "Items", "Name"),
    "delivery streams": _names("firehose", "list_delivery_streams", "DeliveryStreamNames", ""),
    "streams": _names("kinesis", "list_streams", "StreamNames", ""),
    "lease tables": _names("dynamodb", "list_tables", "TableNames", ""),
    "databases and tables": _databases,
    "workgroups": _workgroups,
    "rules": _names("events", "list_rules", "Rules", "Name"),
    "log groups": _names("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "roles": _roles,
    "policies": lambda client: iter(
        each["PolicyName"] for each in client("iam").list_policies(Scope="Local")["Policies"]
    ),
    "alarms": _names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "dashboards": _names("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    "topics": _names("sns", "list_topics", "Topics", "TopicArn"),
}


@contextmanager
def step(account: Account, doing: str) -> Iterator[None]:
    """A step of a deployment's life: printed with its time, and what exists after it."""
    began = time.monotonic()
    yield
    seconds = time.monotonic() - began
    counts = ", ".join(f"{len(names)} {name}" for name, names in account.listing().items())
    account.tell(
        f"[{account.kind}] {doing}: {seconds:.1f} s\n           {counts or 'nothing is there'}"
    )
