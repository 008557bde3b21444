"""Kinesis (kinesis-local) and the rest of AWS (moto's server), as processes on loopback."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from ingest.collector import Collector, serve
from ingest.drivers.kinesis import KinesisStream
from ingest.request import Request
from tests.lacking import lacking

ROOT = Path(__file__).parents[2]
KINESIS_LOCAL = ROOT / "node_modules" / "kinesis-local"
ACCOUNT, REGION = "123456789012", "eu-west-1"
HURRY = {
    # So that a lease of a worker that died, and a shard that is new, are taken within seconds.
    "failoverTimeMillis": 2_000,
    "leaseAssignmentIntervalMillis": 1_000,
    "shardSyncIntervalMillis": 2_000,
    "parentShardPollIntervalMillis": 1_000,
    "schedulerInitializationBackoffTimeMillis": 200,
    "idleTimeBetweenReadsInMillis": 300,
    "workerMetricsReporterFreqInMillis": 1_000,
    "inMemoryWorkerMetricsCaptureFrequencyMillis": 500,
}
"""What production does in minutes, in seconds."""


@dataclass
class Emulated:
    """The emulators, by their URLs."""

    kinesis_url: str
    aws_url: str
    clients: dict[str, Any] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """What makes `playlake consume`, its Java and its children talk to them."""
        return {
            **os.environ,
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ENDPOINT_URL_KINESIS": self.kinesis_url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PLAYLAKE_KCL_PROPERTIES": ",".join(f"{key}={each}" for key, each in HURRY.items()),
            # It lives for seconds: the second compiler would not pay.
            "PLAYLAKE_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1",
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "200",
        }

    def client(self, service: str) -> Any:
        """A boto3 client of the account that consumers are of."""
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.kinesis_url if service == "kinesis" else self.aws_url,
                region_name=REGION,
                aws_access_key_id=ACCOUNT,
                aws_secret_access_key="emulated",
                config=Config(retries={"total_max_attempts": 3}, max_pool_connections=20),
            )
        return self.clients[service]

    def create_stream(self, shards: int) -> "Shards":
        """A new stream, whose shards take records."""
        name = f"plays-{uuid.uuid4().hex[:8]}"
        self.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
        made = Shards(self, name)
        made.wait()
        return made


@dataclass
class Shards:
    """A stream, and how it is resharded."""

    aws: Emulated
    name: str

    def put(self, events: Sequence[dict[str, object]]) -> None:
        """Put one request's events as the collector does; returns once they are acknowledged."""
        stream = KinesisStream(self.name, self.aws.client("kinesis"))
        body = json.dumps(events).encode()
        request = Request("POST", "/events", {"content-type": "application/json"}, body)
        answer = serve(request, Collector(stream.max_record_bytes), stream)
        assert answer.status == 200, answer.body

    def wait(self) -> None:
        """Until the stream is active."""
        kinesis = self.aws.client("kinesis")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = kinesis.describe_stream_summary(StreamName=self.name)
            if found["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
            time.sleep(0.05)
        raise AssertionError(f"{self.name} does not become active")

    def shards(self) -> list[dict[str, Any]]:
        """Every shard, closed ones too, as ListShards has them."""
        return self.aws.client("kinesis").list_shards(StreamName=self.name)["Shards"]

    def open(self) -> list[dict[str, Any]]:
        """Those that take records, by the hash keys they take."""
        still = [each for each in self.shards() if "EndingSequenceNumber" not in _numbers(each)]
        return sorted(still, key=lambda each: _keys(each)[0])

    def split(self, number: int = 0) -> None:
        """Split the open shard of that number in two."""
        shard = self.open()[number]
        first, last = _keys(shard)
        self.aws.client("kinesis").split_shard(
            StreamName=self.name,
            ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str((first + last) // 2 + 1),
        )
        self.wait()

    def merge(self, number: int = 0) -> None:
        """Merge the open shard of that number with its neighbour."""
        one, other = self.open()[number : number + 2]
        self.aws.client("kinesis").merge_shards(
            StreamName=self.name,
            ShardToMerge=one["ShardId"],
            AdjacentShardToMerge=other["ShardId"],
        )
        self.wait()

    def lease(self, application: str) -> None:
        """Make the lease table with a lease for each shard, as the first worker does.

        KCL's own way there waits for up to 30 seconds, at random, to see whether another worker
        makes the leases (`Scheduler.shouldInitiateLeaseSync`); one test lets it.
        """
        dynamodb = self.aws.client("dynamodb")
        key = "leaseKey"
        dynamodb.create_table(
            TableName=application,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for shard in self.shards():
            first, last = shard["HashKeyRange"].values()
            item = {
                key: {"S": shard["ShardId"]},
                "checkpoint": {"S": "TRIM_HORIZON"},
                "checkpointSubSequenceNumber": {"N": "0"},
                "leaseCounter": {"N": "0"},
                "ownerSwitchesSinceCheckpoint": {"N": "0"},
                "startingHashKey": {"S": first},
                "endingHashKey": {"S": last},
            }
            dynamodb.put_item(TableName=application, Item=item)

    def checkpoints(self, application: str) -> dict[str, str]:
        """Where KCL believes each shard to be."""
        items = self.aws.client("dynamodb").scan(TableName=application, ConsistentRead=True)
        return {
            each["leaseKey"]["S"]: each["checkpoint"]["S"]
            for each in items["Items"]
            if "checkpoint" in each
        }


def _numbers(shard: dict[str, Any]) -> dict[str, str]:
    return shard["SequenceNumberRange"]


def _keys(shard: dict[str, Any]) -> tuple[int, int]:
    taken = shard["HashKeyRange"]
    return int(taken["StartingHashKey"]), int(taken["EndingHashKey"])


def require_everything() -> None:
    """Skip, saying what this machine lacks."""
    if shutil.which("java") is None:
        lacking("There is no Java to run the Kinesis Client Library: install a JRE.")
    if find_spec("amazon_kclpy") is None:
        lacking("amazon_kclpy is not installed; `make test` installs it where there is a Java.")
    if shutil.which("node") is None or not KINESIS_LOCAL.is_dir():
        lacking("kinesis-local is not installed; `npm ci` installs it where there is a Node.")


@contextmanager
def emulated(folder: Path) -> Iterator[Emulated]:
    """Start the emulators, their logs in `folder`, and leave nothing of them behind."""
    with ExitStack() as running:
        ports = [_free_port() for _ in range(3)]
        kinesis, tls, aws = ports
        running.enter_context(
            _process(
                ["node", "--require", str(Path(__file__).with_name("loopback.js")), "main.js"],
                folder / "kinesis.log",
                cwd=KINESIS_LOCAL,
                KINESIS_MOCK_PLAIN_PORT=str(kinesis),
                KINESIS_MOCK_TLS_PORT=str(tls),
                LOG_LEVEL="WARN",
            )
        )
        moto = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(aws)]
        running.enter_context(_process(moto, folder / "moto.log", cwd=folder))
        for port in (kinesis, aws):
            _wait_for(port)
        yield Emulated(f"http://127.0.0.1:{kinesis}", f"http://127.0.0.1:{aws}")


@contextmanager
def _process(command: list[str], log: Path, cwd: Path, **settings: str) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on {port}")
