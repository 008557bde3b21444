"""A deployed stack as far as the command line sees it: moto's server, told what to answer.

moto executes nothing. What runs in a stack is shown on ministack; here is how the command line
asks, what it prints, and what it does when something is not as it should be.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx

from events.registry import REGISTRY
from tests.conftest import PLAYLAKE, Ran, run_playlake
from tests.moto_server import moto

REGION = "eu-west-1"
ACCOUNT = "123456789012"
NAME = "playlake-demo-dev"
BUCKET = f"{NAME}-{ACCOUNT}-{REGION}"
DATABASE = "playlake_demo_dev"
OUTPUTS = {
    "Url": "https://abc.execute-api.eu-west-1.amazonaws.com",
    "BucketName": BUCKET,
    "DatabaseName": DATABASE,
    "WorkGroupName": NAME,
    "DeliveryStreamName": NAME,
    "DashboardName": NAME,
}


@dataclass
class Cloud:
    """An AWS in which nothing is deployed yet."""

    url: str

    def client(self, service: str) -> Any:
        """A boto3 client of it."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def environment(self) -> dict[str, str]:
        """What makes the command line talk to it, and to nothing of this machine's."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return kept | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": REGION,
            **nobody(),
        }

    def run(self, *arguments: object, **environment: str) -> Ran:
        """Run the command line against it."""
        return run_playlake(*arguments, environment=self.environment() | environment)

    def start(self, *arguments: object, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start the command line against it."""
        return subprocess.Popen(
            [*PLAYLAKE, *map(str, arguments)],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def deploy(self, name: str, outputs: dict[str, str]) -> None:
        """A stack that has these outputs, and a topic."""
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        self.client("cloudformation").create_stack(
            StackName=name, TemplateBody=json.dumps(template)
        )

    def make_lake(self) -> None:
        """The bucket, the database with its tables, and the workgroup of `OUTPUTS`."""
        self.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        glue = self.client("glue")
        glue.create_database(DatabaseInput={"Name": DATABASE})
        for table in REGISTRY.tables:
            location = f"s3://{BUCKET}/lake/{table.name}/"
            described = {
                "Name": table.name,
                "PartitionKeys": [{"Name": "dt", "Type": "string"}],
                "StorageDescriptor": {"Location": location, "Columns": []},
            }
            glue.create_table(DatabaseName=DATABASE, TableInput=described)
        self.client("athena").create_work_group(Name=NAME)

    def put(self, table: str, dt: str, size: int, name: str = "0a") -> None:
        """An object of that day, in the bucket alone."""
        key = f"lake/{table}/dt={dt}/part-{name}.parquet"
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x" * size)

    def will_answer(self, columns: dict[str, str], *answers: Sequence[Sequence[str]]) -> None:
        """What Athena answers to the next queries, a list of rows for each."""
        described = [_column(name, kind) for name, kind in columns.items()]
        results = [
            {
                # The first row is the columns' names.
                "rows": [_row(columns), *map(_row, rows)],
                "column_info": described,
            }
            for rows in answers
        ]
        told = {"account_id": ACCOUNT, "region": REGION, "results": results}
        url = f"{self.url}/moto-api/static/athena/query-results"
        assert httpx.post(url, json=told).status_code == 201

    def queries(self) -> list[dict[str, Any]]:
        """Every query that Athena was asked, in order."""
        athena = self.client("athena")
        ids = athena.list_query_executions()["QueryExecutionIds"]
        return [athena.get_query_execution(QueryExecutionId=each)["QueryExecution"] for each in ids]

    def let_queries_run(self, seconds: int) -> None:
        """Athena takes so long for each step of a query."""
        told = {"progression": "time", "seconds": seconds} if seconds else {}
        body = {"model_name": "athena::execution", "transition": told}
        verb = "set" if seconds else "unset"
        assert httpx.post(f"{self.url}/moto-api/state-manager/{verb}-transition", json=body)


def nobody() -> dict[str, str]:
    """No credentials but those of the environment, and no region."""
    return {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def run_without(module: str, environment: dict[str, str], *arguments: str) -> Ran:
    """Run the command line where `module` is not installed."""
    program = (
        "import sys; sys.modules[sys.argv.pop(1)] = None; from playlake.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, module, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def interrupt(process: subprocess.Popen[str]) -> Ran:
    """Press Ctrl-C, and wait for its end."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return Ran(process.returncode, out, err)


@contextmanager
def cloud() -> Iterator[Cloud]:
    """An AWS on loopback."""
    with moto() as url:
        yield Cloud(url)


def _row(values: Iterable[str]) -> dict[str, Any]:
    return {"Data": [{"VarCharValue": value} for value in values]}


def _column(name: str, kind: str) -> dict[str, Any]:
    return {"Name": name, "Label": name, "Type": kind, "Precision": 0, "Scale": 0}
