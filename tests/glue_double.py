"""A lake in moto's S3 and its tables in moto's Glue, and what the real Glue answers otherwise."""

import itertools
from collections import Counter
from types import SimpleNamespace

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from moto.core.botocore_stubber import MockRawResponse

from events.glue import columns
from events.layout import object_key
from events.registry import REGISTRY
from tests.catalog_suite import PLAYS

DATABASE, BUCKET = "playlake_demo_dev", "playlake-demo-dev-123456789012-us-east-1"
# One session for the module: it reads the services' models once.
SESSION = boto3.Session("test", "test", region_name="us-east-1")
SERDE = {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"}


def client(service):
    config = Config(retries={"mode": "standard", "total_max_attempts": 3})
    return SESSION.client(service, config=config)


def create_tables(glue):
    """The database and its tables, as the deployment makes them."""
    glue.create_database(DatabaseInput={"Name": DATABASE})
    for table in REGISTRY.tables:
        glue.create_table(DatabaseName=DATABASE, TableInput=table_input(table))


def table_input(table, more=()):
    return {
        "Name": table.name,
        "PartitionKeys": [{"Name": "dt", "Type": "string"}],
        "TableType": "EXTERNAL_TABLE",
        "StorageDescriptor": {
            "Columns": [*columns(table), *more],
            "Location": f"s3://{BUCKET}/lake/{table.name}/",
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": SERDE,
        },
    }


class BucketLake:
    """A lake in a bucket; keys are as S3's notices have them."""

    def __init__(self, s3):
        self.s3 = s3
        self.s3.create_bucket(Bucket=BUCKET)
        self._numbers = itertools.count()

    def write(self, dt, *, table=PLAYS, name=""):
        return self.put(object_key(table, dt, name or f"{next(self._numbers):04}"))

    def put(self, name):
        self.s3.put_object(Bucket=BUCKET, Key=f"lake/{name}", Body=b"")
        return f"lake/{name}"

    def delete(self, key):
        self.s3.delete_object(Bucket=BUCKET, Key=key)


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self):
        self.now = 0.0
        self.sleeps = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


def calls(client):
    """A count, by operation, of what the client asks from now on."""
    count = Counter()
    client.meta.events.register("before-call", lambda model, **_: count.update([model.name]))
    return count


def requests(client, operation):
    """The parameters of each call of that operation from now on."""
    seen = []
    event = f"provide-client-params.glue.{operation}"
    client.meta.events.register(event, lambda params, **_: seen.append(params))
    return seen


class Answers:
    """Answers an operation's calls one by one in Glue's stead; None lets one through.

    An answer is the parsed body, or the code of an error, which is not tried again by botocore.
    """

    def __init__(self, glue, operation, *answers):
        self.answers = list(answers)
        glue.meta.events.register_first(f"before-call.glue.{operation}", self)

    def __call__(self, **_):
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, str):
            error = {"Code": answer, "Message": "told to"}
            return SimpleNamespace(status_code=400), {"Error": error}
        return None if answer is None else (SimpleNamespace(status_code=200), answer)


class Throttling:
    """Answers an operation's first call with an error of HTTP, after moto did what was asked."""

    def __init__(self, glue, operation):
        self.left = 1
        glue.meta.events.register_first(f"before-send.glue.{operation}", self)

    def __call__(self, request, **_):
        self.left -= 1
        if self.left < 0:
            return None
        body = b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'
        return AWSResponse(request.url, 400, {}, MockRawResponse(body))


def errors(code, *dts, name="PartitionValues"):
    """A batch's answer when some of its entries failed (Glue API, "PartitionError")."""
    detail = {"ErrorCode": code, "ErrorMessage": "told to"}
    return {"Errors": [{name: [dt], "ErrorDetail": detail} for dt in dts]}


def days(count):
    return [f"20{n // 28:02}-11-{n % 28 + 1:02}" for n in range(count)]
