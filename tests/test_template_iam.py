"""Each function's role against the calls that its handler makes, statement by statement.

The handlers run as they are, against moto's server on loopback; botocore's own events tell what
they ask, of which resource. A right that is missing fails here, and so does one that is not used.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.model import OperationModel
from botocore.session import Session as BotocoreSession

from catalog.handler import catalog
from catalog.settings import Settings as CatalogSettings
from catalog.settings import open_catalog
from ingest import settings as ingest_settings
from ingest.handler import collect
from playlake.compacting import hourly
from playlake.compacting.handler import compact
from tests.lambda_context import CONTEXT
from tests.moto_server import empty, moto
from tests.packaged import ACCOUNT, KINESIS, REGION, Template, packaged
from tests.records import LAB_CLICK, LAB_PLAY, lines
from tests.test_transform_handler import firehose_event
from transform import handler as transform_handler
from transform.handler import transform

NAME = "playlake-demo-dev"
BUCKET = f"{NAME}-{ACCOUNT}-{REGION}"
DATABASE = "playlake_demo_dev"
GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"

# Where the action is not called as the operation is (service authorization reference).
ACTIONS = {"s3:CopyObject": "s3:PutObject", "s3:ListObjectsV2": "s3:ListBucket"}
BESIDES = {
    # Lambda's runtime writes the log, and the X-Ray daemon the traces: no handler calls them.
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}


@dataclass(frozen=True)
class Call:
    """What a handler asked AWS: the action that IAM checks, and the ARNs that it checks it on."""

    action: str
    arns: tuple[str, ...]
    prefix: str | None = None
    """Of a listing: what `s3:prefix` holds."""


def call_of(model: OperationModel, params: dict[str, Any]) -> Call:
    service = model.service_model.service_name
    operation = f"{service}:{model.name}"
    arns = ARNS[service](params)
    return Call(ACTIONS.get(operation, operation), arns, params.get("Prefix"))


def s3_arns(params: dict[str, Any]) -> tuple[str, ...]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    return (f"{bucket}/{params['Key']}" if "Key" in params else bucket,)


def glue_arns(params: dict[str, Any]) -> tuple[str, ...]:
    database, table = params["DatabaseName"], params.get("TableName", params.get("Name"))
    # Glue checks a table's catalog and database too ("Specifying AWS Glue resource ARNs").
    return (f"{GLUE}:catalog", f"{GLUE}:database/{database}", f"{GLUE}:table/{database}/{table}")


def firehose_arns(params: dict[str, Any]) -> tuple[str, ...]:
    name = params["DeliveryStreamName"]
    return (f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{name}",)


def kinesis_arns(params: dict[str, Any]) -> tuple[str, ...]:
    return (f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{params['StreamName']}",)


ARNS = {
    "s3": s3_arns,
    "glue": glue_arns,
    "firehose": firehose_arns,
    "kinesis": kinesis_arns,
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture
def aws(endpoint, monkeypatch) -> Iterator[SimpleNamespace]:
    """An account with what the stack would have made, and the functions' environment."""
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
    }
    for function in packaged().of("Lambda::Function").values():
        variables |= function["Environment"]["Variables"]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    forget()
    yield furnished()
    empty(endpoint)
    forget()


def forget() -> None:
    """Clients that were made for another account, or another test."""
    boto3.setup_default_session()
    for cached in (ingest_settings.wire, transform_handler._wired, open_catalog, hourly._stores):
        getattr(cached, "cache_clear", lambda: None)()


def furnished() -> SimpleNamespace:
    made = SimpleNamespace(**{each: boto3.client(each) for each in ("s3", "glue", "firehose")})
    made.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    made.glue.create_database(DatabaseInput={"Name": DATABASE})
    for table in packaged().of("Glue::Table").values():
        made.glue.create_table(DatabaseName=DATABASE, TableInput=table["TableInput"])
    destination = {
        "BucketARN": f"arn:aws:s3:::{BUCKET}",
        "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/x",
    }
    made.firehose.create_delivery_stream(
        DeliveryStreamName=NAME, ExtendedS3DestinationConfiguration=destination
    )
    return made


@pytest.fixture
def recorded(aws, monkeypatch) -> list[Call]:
    """The calls of every client that is made from now on."""
    calls: list[Call] = []
    create = BotocoreSession.create_client

    def record(params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        calls.append(call_of(model, params))

    def recording(self: BotocoreSession, *args: Any, **kwargs: Any) -> Any:
        client = create(self, *args, **kwargs)
        client.meta.events.register("before-parameter-build", record)
        return client

    monkeypatch.setattr(BotocoreSession, "create_client", recording)
    return calls


def statements(function: str, template: Template | None = None) -> list[dict[str, Any]]:
    """What the function's role allows, beside its log and its traces."""
    role = (template or packaged()).of("IAM::Role")[f"{function.capitalize()}Role"]
    (policy,) = role["Policies"]
    found = [each for each in policy["PolicyDocument"]["Statement"] if not actions(each) <= BESIDES]
    assert all(each["Effect"] == "Allow" for each in found)
    return found


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def actions(statement: dict[str, Any]) -> set[str]:
    return set(listed(statement["Action"]))


def allows(statement: dict[str, Any], call: Call, arn: str) -> bool:
    prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", "*")
    return (
        call.action in actions(statement)
        and any(fnmatchcase(arn, pattern) for pattern in listed(statement["Resource"]))
        and any(fnmatchcase(call.prefix or "", pattern) for pattern in listed(prefixes))
    )


def assert_exactly_allowed(
    function: str, calls: list[Call], template: Template | None = None
) -> None:
    """Every call is allowed on every resource, and every right and resource is used."""
    allowed = statements(function, template)
    refused = {
        (call.action, arn)
        for call in calls
        for arn in call.arns
        if not any(allows(each, call, arn) for each in allowed)
    }
    assert refused == set()
    granted = {action for each in allowed for action in actions(each)}
    assert granted == {call.action for call in calls}
    for each in allowed:
        for pattern in listed(each["Resource"]):
            assert any(fnmatchcase(arn, pattern) for call in calls for arn in call.arns), pattern


# --- what each function calls ---


def test_the_collector_needs_what_its_role_allows(recorded):
    event = json.loads((Path(__file__).parent / "events" / "http_api_post.json").read_text())
    assert collect(event, CONTEXT)["statusCode"] == 200
    assert_exactly_allowed("collect", recorded)


def test_the_collector_of_a_kinesis_stream_needs_what_its_role_allows(recorded, monkeypatch):
    template = packaged(*KINESIS)
    function = template.of("Lambda::Function")["CollectLambdaFunction"]
    for name, value in function["Environment"]["Variables"].items():
        monkeypatch.setenv(name, value)
    boto3.client("kinesis").create_stream(StreamName=NAME, ShardCount=1)
    recorded.clear()
    event = json.loads((Path(__file__).parent / "events" / "http_api_post.json").read_text())
    assert collect(event, CONTEXT)["statusCode"] == 200
    assert_exactly_allowed("collect", recorded, template)


def test_a_collector_may_put_on_both_streams_while_one_drains():
    template = packaged(*KINESIS, "draining=firehose")
    allowed = set().union(*map(actions, statements("collect", template)))
    assert allowed == {"firehose:PutRecordBatch", "kinesis:PutRecords"}


def test_the_transform_needs_what_its_role_allows(recorded, aws):
    transform(firehose_event(lines(LAB_PLAY, LAB_CLICK), b"not json"), CONTEXT)
    transform(firehose_event(lines(LAB_PLAY, LAB_CLICK), b"not json"), CONTEXT)  # all there already
    assert aws.s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 3
    assert_exactly_allowed("transform", recorded)


def created(key: str) -> dict[str, Any]:
    """The event as the S3 user guide shows it ("EventBridge event message structure")."""
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key, "size": 5}}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
KEY = "lake/video_play_events/dt={}/part-{}.parquet"


def test_the_catalog_needs_what_its_role_allows(recorded, aws):
    noticed, missed, gone = (KEY.format(f"2026-11-0{day}", day) for day in (1, 2, 3))
    for key in (noticed, missed):
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    for key in (noticed, gone):
        assert catalog(created(key), CONTEXT)["added"]
    # A deployment changes the columns: partitions made before it are brought up to date.
    table = packaged().of("Glue::Table")["VideoPlayEventsTable"]["TableInput"]
    table["StorageDescriptor"]["Columns"].append({"Name": "new", "Type": "string"})
    aws.glue.update_table(DatabaseName=DATABASE, TableInput=table)
    synced = catalog(SCHEDULED, CONTEXT)
    assert synced["added"] == [["video_play_events", "2026-11-02"]]
    assert synced["dropped"] == [["video_play_events", "2026-11-03"]]
    assert_exactly_allowed("catalog", recorded)


def keys_of(aws: SimpleNamespace) -> list[str]:
    return [each["Key"] for each in aws.s3.list_objects_v2(Bucket=BUCKET)["Contents"]]


def test_compaction_needs_what_its_role_allows(recorded, aws):
    for number in range(2):
        transform(firehose_event(lines(LAB_PLAY | {"event_id": f"e{number}"})), CONTEXT)
    for key in keys_of(aws):
        catalog(created(key), CONTEXT)
    # Somebody was killed before anything had changed.
    note = json.dumps({"key": None, "replaced": []}).encode()
    aws.s3.put_object(Bucket=BUCKET, Key="compacting/custom_events/dt=2018-08-29.json", Body=note)
    recorded.clear()
    later = int(time.time()) + 60
    assert compact({"until": later}, CONTEXT)["files"] == 2
    assert_exactly_allowed("compact", recorded)


def test_the_page_needs_nothing_beside_its_log():
    assert statements("page") == []


def test_a_right_that_nothing_uses_would_be_found(recorded, monkeypatch):
    event = json.loads((Path(__file__).parent / "events" / "http_api_post.json").read_text())
    collect(event, CONTEXT)
    with pytest.raises(AssertionError):
        assert_exactly_allowed("transform", recorded)


# --- the consumers of a Kinesis stream ---


def consumer_statements() -> list[dict[str, Any]]:
    (policy,) = packaged(*KINESIS).of("IAM::ManagedPolicy").values()
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_a_consumer_may_register_a_partition_and_needs_each_right_to(recorded):
    environment = {
        "PLAYLAKE_CATALOG": f"glue://{DATABASE}",
        "PLAYLAKE_LAKE_URI": f"s3://{BUCKET}/lake",
    }
    opened = open_catalog(CatalogSettings.from_environment(environment))
    assert opened.register([KEY.format("2026-11-01", "a")]).partitions
    allowed = [each for each in consumer_statements() if "glue:GetTable" in actions(each)]
    assert {call.action for call in recorded} == set().union(*map(actions, allowed))
    assert all(
        allows(each, call, arn) for each in allowed for call in recorded for arn in call.arns
    )
