"""What a user does with an account, and what there is in it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lacking import lacking
from tests.ministack import ACCOUNT, REGION, ROOT, Ministack

Listing = dict[str, list[str]]


@dataclass(frozen=True)
class Account:
    """An emulated account. The results of its tests are emulated ones."""

    emulator: Ministack
    zips: Path

    def environment(self) -> dict[str, str]:
        """What the commands are run with. None of it changes what is deployed but for two things:
        the packages are for this machine, and the named queries, which ministack does not know,
        are left out (tests/test_template.py looks at those)."""
        return (
            os.environ
            | self.emulator.environment()
            | {
                "PLAYLAKE_ZIPS": str(self.zips),
                "PLAYLAKE_SAVED_QUERIES": "no",
                "SLS_AWS_MONITORING_FREQUENCY": "200",
                "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1",
                "NODE_NO_WARNINGS": "1",
                "COLUMNS": "160",
            }
        )

    def run(self, *command: str | Path, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run a command in the repository, as a user would, to whatever end."""
        return subprocess.run(
            [str(each) for each in command],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def serverless(self, *arguments: str) -> str:
        """Run osls; its output. `npx serverless` runs the same file."""
        if not shutil.which("npx"):
            lacking("Node is not installed; the deployment is tested with it.")
        if not (ROOT / "node_modules" / ".bin" / "serverless").exists():
            lacking("npm's packages are not installed; run `npm ci`.")
        done = self.run("npx", "serverless", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def playlake(self, *arguments: str | Path) -> str:
        """Run the command line; its output."""
        done = self.run(sys.executable, "-m", "playlake", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def url(self, identifier: str) -> str:
        """Where the emulator serves the deployed API; on AWS it is the stack's Url."""
        for api in self.emulator.client("apigatewayv2").get_apis()["Items"]:
            if api["Name"] == f"playlake-{identifier}-dev":
                return f"{self.emulator.url}/_aws/execute-api/{api['ApiId']}/$default"
        raise AssertionError(f"no API of {identifier}")

    def bucket(self, identifier: str) -> str:
        """The stack's bucket."""
        return f"playlake-{identifier}-dev-{ACCOUNT}-{REGION}"

    def speak_plainly(self, identifier: str) -> None:
        """Take the bucket's policy off, which refuses what comes without TLS: the emulator has
        none. That it refuses is seen first."""
        s3, bucket = self.emulator.client("s3"), self.bucket(identifier)
        assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
        s3.delete_bucket_policy(Bucket=bucket)

    def keys(self, identifier: str, prefix: str) -> list[str]:
        """The keys in the stack's bucket."""
        pages = self.emulator.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket(identifier), Prefix=prefix)
        return [each["Key"] for page in found for each in page.get("Contents", ())]

    def listing(self) -> Listing:
        """What there is of every service that playlake uses; a service without is left out."""
        found = {name: sorted(look(self.emulator.client)) for name, look in _LOOKS.items()}
        return {name: names for name, names in found.items() if names}


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
    print(f"\n[emulated] {doing}: {seconds:.1f} s\n           {counts or 'nothing is there'}")
