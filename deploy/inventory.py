"""Every resource of the template: why it is there, and what it costs.

A test compares it with the packaged template, id by id and type by type: nothing is deployed that
this table does not explain.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deploy.queries import query_resources
from deploy.tables import table_resources

FREE = "0"


@dataclass(frozen=True, slots=True)
class Entry:
    """One or more resources of a type, with one reason."""

    type: str
    """CloudFormation's, `AWS::` left out."""
    ids: tuple[str, ...]
    why: str
    idle: str = FREE
    """USD a month when nothing happens."""
    use: str = "nothing"
    """What is paid for when something does."""
    when: str = ""
    """The switch without which it is not there."""


def entries() -> list[Entry]:
    """The whole inventory, in the order of an event's way."""
    return [*_WAY_IN, *_DELIVERY, *_STREAM, *_LAKE, *_catalog(), *_UPKEEP, *_WATCHING, *_OSLS]


def types() -> list[str]:
    """Each type once, sorted."""
    return sorted({f"AWS::{entry.type}" for entry in entries()})


def resources() -> Iterator[tuple[str, str]]:
    """(logical id, type) of every resource, all switches on."""
    for entry in entries():
        for name in entry.ids:
            yield name, f"AWS::{entry.type}"


_FUNCTIONS = ("Collect", "Transform", "Catalog", "Compact", "Page")
_REQUESTS = "1.00 per million requests"
_INVOCATIONS = "0.20 per million, and 0.0000133 per GB-second (arm64)"
_LOGS = "0.50 per GB in, 0.03 per GB a month kept"
_RULE_FREE = "nothing: schedules and AWS's own events are free"

_WAY_IN = (
    Entry("ApiGatewayV2::Api", ("HttpApi",), "The address; answers preflights.", FREE, _REQUESTS),
    Entry("ApiGatewayV2::Stage", ("HttpApiStage",), "Puts it up, and limits the request rate."),
    Entry(
        "ApiGatewayV2::Route",
        ("HttpApiRoutePostEvents", "HttpApiRouteGet", "HttpApiRouteGetProxyVar"),
        "`POST /events` to the collector; everything that is got, to the page.",
    ),
    Entry(
        "ApiGatewayV2::Integration",
        ("HttpApiIntegrationCollect", "HttpApiIntegrationPage"),
        "What the routes invoke.",
    ),
    Entry(
        "Lambda::Permission",
        ("CollectLambdaPermissionHttpApi", "PageLambdaPermissionHttpApi"),
        "Let this API invoke these functions, and no other API.",
    ),
    Entry(
        "Lambda::Function",
        ("CollectLambdaFunction",),
        "The collector: takes events in, and says 200 once the stream has them.",
        FREE,
        _INVOCATIONS,
    ),
    Entry(
        "Lambda::Function",
        ("PageLambdaFunction",),
        "Serves the player page.",
        FREE,
        _INVOCATIONS,
    ),
    Entry("IAM::Role", ("CollectRole",), "May put on the stream."),
    Entry("IAM::Role", ("PageRole",), "May write its log, nothing else."),
)

_BY_FIREHOSE = "delivery=firehose"
_BY_KINESIS = "delivery=kinesis"

_DELIVERY = (
    Entry(
        "KinesisFirehose::DeliveryStream",
        ("DeliveryStream",),
        "Keeps acknowledged events until they are in the lake; invokes the transform.",
        FREE,
        "0.029 per GB, each record rounded up to 5 KB",
        _BY_FIREHOSE,
    ),
    Entry(
        "IAM::Role",
        ("DeliveryRole",),
        "Firehose's: may write under `raw/` and `failed/`, and invoke the transform.",
        when=_BY_FIREHOSE,
    ),
    Entry(
        "IAM::Policy",
        ("DeliveryPolicy",),
        "What the role may; apart from it, so that the stream is made after it.",
        when=_BY_FIREHOSE,
    ),
    Entry(
        "Lambda::Function",
        ("TransformLambdaFunction",),
        "Makes typed Parquet of raw events, and writes it to the lake.",
        FREE,
        _INVOCATIONS,
        _BY_FIREHOSE,
    ),
    Entry("IAM::Role", ("TransformRole",), "May add objects under `lake/`.", when=_BY_FIREHOSE),
)

_STREAM = (
    Entry(
        "Kinesis::Stream",
        ("EventStream",),
        "Keeps acknowledged events in Firehose's place, on demand; consumers outside the stack"
        " read it ([kinesis.md](kinesis.md)).",
        "29.20: 730 hours at 0.04",
        "0.08 per GB in, each record rounded up to 1 KB; 0.04 per GB out",
        _BY_KINESIS,
    ),
    Entry(
        "DynamoDB::Table",
        ("LeaseTable", "CoordinatorStateTable", "WorkerMetricStatsTable"),
        "The consumers' leases, and how busy each is. Made here, not by them: they go with the"
        " stack.",
        FREE,
        "0.625 per million writes, 0.125 per million reads: about 0.50 a month for each shard",
        _BY_KINESIS,
    ),
    Entry(
        "IAM::ManagedPolicy",
        ("ConsumerPolicy",),
        "What a consumer may; for the role that it runs as.",
        when=_BY_KINESIS,
    ),
)

_LAKE = (
    Entry(
        "S3::Bucket",
        ("Bucket",),
        "The lake, the raw archive, failed records, answers of queries.",
        FREE,
        "0.023 per GB a month, 0.005 per 1,000 writes, 0.0004 per 1,000 reads",
    ),
    Entry("S3::BucketPolicy", ("BucketPolicy",), "Refuses whatever does not come over TLS."),
    Entry(
        "Events::Rule",
        ("Playlake{name}catalogrule1EventBridgeRule",),
        "Tells the catalog function of each new object under `lake/`.",
        FREE,
        "1.00 per million objects",
    ),
)


def _catalog() -> Iterable[Entry]:
    free = "nothing below a million tables and partitions"
    yield Entry("Glue::Database", ("Database",), "Holds the tables.", FREE, free)
    yield Entry(
        "Glue::Table",
        tuple(table_resources()),
        "Generated from the event declarations: columns, and where in the bucket they lie.",
        FREE,
        free,
    )
    yield Entry(
        "Lambda::Function",
        ("CatalogLambdaFunction",),
        "Registers a day's partition when its first object comes; hourly, all there are.",
        "0.02: 720 runs of the sync, and their listings",
        _INVOCATIONS,
    )
    yield Entry("IAM::Role", ("CatalogRole",), "May list `lake/`, and change these partitions.")
    yield Entry(
        "Events::Rule",
        ("Playlake{name}catalogrule2EventBridgeRule",),
        "The hourly sync, the net under the notices.",
        FREE,
        _RULE_FREE,
    )
    yield Entry(
        "Lambda::Permission",
        ("CatalogEventBridgeLambdaPermission1", "CatalogEventBridgeLambdaPermission2"),
        "Let these two rules invoke the catalog function.",
    )
    yield Entry(
        "Athena::WorkGroup",
        ("WorkGroup",),
        "Where questions are asked, with a limit on what one may read.",
        FREE,
        "5.00 per TB read, 10 MB a query at least",
    )
    yield Entry(
        "Athena::NamedQuery",
        tuple(query_resources()),
        "The named queries, ready in Athena's console.",
        when="savedQueries=yes",
    )


_UPKEEP = (
    Entry(
        "Lambda::Function",
        ("CompactLambdaFunction",),
        "Hourly, makes a day's many small files large ones, and each event one row.",
        "0.03: 720 runs, and their listings",
        _INVOCATIONS,
    ),
    Entry(
        "IAM::Role",
        ("CompactRole",),
        "May list, read, write and delete under `lake/` and `compacting/`, write `mending/`, and"
        " move this database's partitions.",
    ),
    Entry(
        "Events::Rule",
        ("Playlake{name}compactrule1EventBridgeRule",),
        "Its clock.",
        FREE,
        _RULE_FREE,
    ),
    Entry(
        "Lambda::Permission",
        ("CompactEventBridgeLambdaPermission1",),
        "Lets that rule invoke the function.",
    ),
)

_ALARMS = (
    ("ProcessingAlarm", "The transform failed on a batch.", _BY_FIREHOSE),
    ("FreshnessAlarm", "Events wait longer than 45 minutes.", _BY_FIREHOSE),
    (
        "RejectedShareAlarm",
        "Over 5 % of the events broke their type's rules. It counts as two.",
        "alarmEmail=ADDRESS",
    ),
    ("StreamThrottlesAlarm", "Firehose refused events for their rate.", _BY_FIREHOSE),
    ("ConsumerLagAlarm", "The consumers are 15 minutes behind, or none runs.", _BY_KINESIS),
    ("StreamWriteThrottlesAlarm", "Kinesis refused events for their rate.", _BY_KINESIS),
    ("UnstoredAlarm", "The API answered 5xx.", ""),
    ("CollectErrorsAlarm", "The collector raised.", ""),
    ("TransformErrorsAlarm", "The transform raised.", _BY_FIREHOSE),
    ("CatalogErrorsAlarm", "The catalog function raised.", ""),
    ("CompactErrorsAlarm", "The compaction raised.", ""),
    ("CollectThrottlesAlarm", "The account has no Lambda left for the collector.", ""),
)
_FIRST_TEN = "0; 0.10 when the account has more than ten"

_WATCHING = (
    *(
        Entry("CloudWatch::Alarm", (name,), why, _FIRST_TEN, when=when)
        for name, why, when in _ALARMS
    ),
    Entry(
        "SNS::Topic",
        ("AlarmTopic",),
        "Mails the alarms.",
        FREE,
        "nothing below 1,000 mails a month",
        when="alarmEmail=ADDRESS",
    ),
    Entry(
        "CloudWatch::Dashboard",
        ("Dashboard",),
        "One page that says how it is going.",
        "0; 3.00 when the account has more than three",
    ),
    Entry(
        "Logs::LogGroup",
        tuple(f"{name}LogGroup" for name in _FUNCTIONS),
        "The functions' logs, and their metrics (0.30 a month each after the account's first ten).",
        FREE,
        _LOGS,
    ),
    Entry(
        "Logs::LogGroup", ("DeliveryLogGroup",), "Firehose's own errors.", FREE, _LOGS, _BY_FIREHOSE
    ),
    Entry("Logs::LogStream", ("DeliveryLogStream",), "Where in it they are.", when=_BY_FIREHOSE),
)

_OSLS = (
    Entry(
        "S3::Bucket",
        ("ServerlessDeploymentBucket",),
        "osls's: the zips and the template, of the last five deployments.",
        "0.01 (0.5 GB at most)",
    ),
    Entry(
        "S3::BucketPolicy",
        ("ServerlessDeploymentBucketPolicy",),
        "osls's: refuses whatever does not come over TLS.",
    ),
)


def table() -> str:
    """The inventory as a table in Markdown; `{name}` of a rule's id is the deployment's."""
    return markdown(
        ("resource", "type", "why it is there", "idle, USD a month", "in use, USD"),
        (
            (
                ", ".join(f"`{each.replace('{name}', '…')}`" for each in entry.ids),
                entry.type,
                entry.why + (f" Only with `{entry.when}`." if entry.when else ""),
                entry.idle,
                entry.use,
            )
            for entry in entries()
        ),
    )


def markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
