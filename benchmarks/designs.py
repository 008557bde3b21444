"""The designs that `benchmarks.costs` prices: what each asks of AWS in a month, as arithmetic.

Quantities come of the traffic and of `benchmarks/sizes.json`, prices of `benchmarks/prices.json`.
GB are 2**30 bytes, a month is 730 hours, money is USD.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.json")
SIZES = Path(__file__).with_name("sizes.json")

KB, MB, GB, TB = 2**10, 2**20, 2**30, 2**40
TIMES = "\u00d7"

HOURS = 730
"""Of a month, as on AWS's own price pages."""
SECONDS = HOURS * 3_600
RATES = (1, 100, 10_000)
"""Events a second, steady."""
REQUESTS = (1, 10)
"""Events a request."""
STAGES = ("collect", "transform", "store", "catalog", "query")

# What is assumed: as in docs/aws.md and docs/kinesis.md.
COLLECT_SECONDS, COLLECT_GB = 0.02, 0.5
LOG_BYTES_A_REQUEST = 800
TRANSFORM_SECONDS, TRANSFORM_GB = 1.0, 1.0
CATALOG_SECONDS, CATALOG_GB = 0.05, 0.25
COMPACT_GB = 2.94
COMPACT_SECONDS_A_FILE = 0.25
"""docs/aws.md: a minute an hour for the 240 files of a million events a day."""
REPORTS_A_DAY = 20
"""Each of the three, over one day."""
LAKE_DAYS = 30
"""What the lab's design reads for every report: it has no partitions."""
KEPT_MONTHS, RAW_KEPT_MONTHS = 12, 3

# Buffers: the template's defaults, and the least that Firehose takes with the option.
BUFFER_SECONDS, BUFFER_BYTES = 60, 3 * MB
ARCHIVE_SECONDS, ARCHIVE_BYTES = 300, 64 * MB
LAB_SECONDS, LAB_BYTES = 300, 5 * MB
OPTION_SECONDS, OPTION_BYTES = 60, 64 * MB

# Services' limits: Firehose's and Athena's steps, and a shard's share (Kinesis developer guide).
FIREHOSE_STEP, KINESIS_STEP = 5 * KB, KB
ATHENA_LEAST = 10 * MB
SHARD_RECORDS, SHARD_BYTES = 1_000, 1 * MB
LEASE_SECONDS = 3.3
COMMIT_SECONDS, COMMIT_WRITES = 60, 4
TASK_SHARDS, TASK_GB = 4, 3


@dataclass(frozen=True, slots=True)
class Price:
    """USD for `per` of a unit; `above` has (threshold, USD) for what a month has beyond it."""

    usd: float
    per: int
    unit: str
    page: str
    read: str
    above: tuple[tuple[float, float], ...] = ()

    def of(self, quantity: float) -> float:
        """USD for so many of the unit in a month."""
        starts, rates = (
            [0.0, *(at for at, _ in self.above)],
            [self.usd, *(x for _, x in self.above)],
        )
        ends = [*starts[1:], math.inf]
        return sum(
            max(0.0, min(quantity, end) - start) * usd / self.per
            for start, end, usd in zip(starts, ends, rates, strict=True)
        )


@cache
def prices() -> dict[str, Price]:
    """The price table, by each price's name."""
    table = json.loads(PRICES.read_text("utf-8"))["prices"]
    return {name: _price(**each) for name, each in table.items()}


def _price(above: Sequence[Sequence[float]] = (), **known: Any) -> Price:
    del known["from"]
    return Price(above=tuple((at, usd) for at, usd in above), **known)


@dataclass(frozen=True, slots=True)
class Row:
    """What a service is asked for in a month, and what that costs."""

    stage: str
    what: str
    how: str
    quantity: float
    price: str

    @property
    def usd(self) -> float:
        """A month."""
        return prices()[self.price].of(self.quantity)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes an event, by what they are of, and milliseconds a batch; see `benchmarks.sizes`."""

    command: str
    events: int
    json_bytes: float
    gzip_bytes: float
    parquet_bytes: float
    compacted_bytes: float
    read_bytes: dict[str, float]
    batch_ms: float


def sizes() -> Sizes:
    """What was measured last."""
    return Sizes(**json.loads(SIZES.read_text("utf-8")))


@dataclass(frozen=True, slots=True)
class Traffic:
    """A steady stream of events, so many in each request."""

    rate: int
    batch: int
    sizes: Sizes

    @property
    def events(self) -> int:
        """A month."""
        return self.rate * SECONDS

    @property
    def requests(self) -> float:
        """A month; each is one record on the stream."""
        return self.events / self.batch

    @property
    def record_bytes(self) -> float:
        """The lines of one request, each with its end."""
        return self.batch * (self.sizes.json_bytes + 1)

    def in_steps(self, step: int) -> float:
        """GB a month, each record rounded up."""
        return self.requests * math.ceil(self.record_bytes / step) * step / GB

    def gigabytes(self, bytes_an_event: float) -> float:
        """GB a month of something that takes so much an event."""
        return self.events * bytes_an_event / GB

    def objects(self, seconds: int, size: int) -> float:
        """A month: buffers that end by time or by size, whichever comes first."""
        return max(SECONDS / seconds, self.requests * self.record_bytes / size)

    @property
    def shards(self) -> int:
        """Of a stream on demand: four at first, then doubled to twice what comes in."""
        each_second = self.rate / self.batch
        need = 2 * max(each_second / SHARD_RECORDS, each_second * self.record_bytes / SHARD_BYTES)
        return 4 << max(0, math.ceil(math.log2(need / 4)))


def collected(traffic: Traffic) -> list[Row]:
    """From the page to before the stream: alike in every design."""
    asked = f"{traffic.requests:,.0f} requests"
    seconds = traffic.requests * COLLECT_SECONDS * COLLECT_GB
    logged = traffic.requests * LOG_BYTES_A_REQUEST / GB
    timed = f"{asked} {TIMES} {COLLECT_SECONDS} s {TIMES} {COLLECT_GB} GB"
    return [
        Row("collect", "HTTP API", asked, traffic.requests, "http_api"),
        Row("collect", "function, requests", asked, traffic.requests, "lambda_request"),
        Row("collect", "function, time", timed, seconds, "lambda_gb_second"),
        Row("collect", "logs", f"{asked} {TIMES} {LOG_BYTES_A_REQUEST} bytes", logged, "logs"),
    ]


def on_firehose(traffic: Traffic) -> Row:
    """Direct put: each record counts as a multiple of 5 KB."""
    how = f"{traffic.requests:,.0f} records of {traffic.record_bytes:,.0f} bytes, in steps of 5 KB"
    return Row("collect", "Firehose", how, traffic.in_steps(FIREHOSE_STEP), "firehose")


def function(stage: str, what: str, runs: float, seconds: float, gigabytes: float) -> list[Row]:
    """A function's invocations and time."""
    return [
        Row(stage, f"{what}, requests", f"{runs:,.0f}", runs, "lambda_request"),
        Row(
            stage,
            f"{what}, time",
            f"{runs:,.0f} {TIMES} {seconds:g} s {TIMES} {gigabytes} GB",
            runs * seconds * gigabytes,
            "lambda_gb_second",
        ),
    ]


def stored(traffic: Traffic, what: str, bytes_an_event: float, months: int) -> Row:
    """What a month's events take for as long as they are kept, once that long has passed."""
    gigabytes = traffic.gigabytes(bytes_an_event)
    how = f"{gigabytes:,.2f} GB {TIMES} {months} months"
    return Row("store", what, how, gigabytes * months, "s3_storage")


def written(what: str, writes: float, how: str) -> Row:
    """Objects put to S3."""
    return Row("store", what, how, writes, "s3_write")


def catalogued(files: float) -> list[Row]:
    """Each object is told of and registered, and the hourly run makes the small ones large."""
    seconds = files / HOURS * COMPACT_SECONDS_A_FILE
    return [
        Row("catalog", "EventBridge", f"{files:,.0f} objects", files, "eventbridge"),
        *function("catalog", "catalog", files, CATALOG_SECONDS, CATALOG_GB),
        *function("catalog", "compact", HOURS, round(seconds, 1), COMPACT_GB),
    ]


def asked(bytes_read: Callable[[str], float], names: Iterable[str]) -> Row:
    """Each report so often a day, 10 MB at least each time."""
    times = REPORTS_A_DAY * HOURS / 24
    read = sum(max(ATHENA_LEAST, bytes_read(name)) for name in names)
    how = f"{times:,.0f} {TIMES} {read / MB:,.0f} MB for the three reports"
    return Row("query", "Athena", how, times * read / TB, "athena")


def asked_of_columns(traffic: Traffic) -> Row:
    """Parquet, by day: the columns that a report names, of one day."""
    a_day, read = traffic.rate * 86_400, traffic.sizes.read_bytes
    return asked(lambda name: a_day * read[name], read)


def playlake(traffic: Traffic) -> list[Row]:
    """What `serverless deploy` makes."""
    size = traffic.sizes
    batches = traffic.objects(BUFFER_SECONDS, BUFFER_BYTES)
    archived = traffic.objects(ARCHIVE_SECONDS, ARCHIVE_BYTES)
    writes = f"{batches:,.0f} Parquet + {archived:,.0f} raw"
    return [
        *collected(traffic),
        on_firehose(traffic),
        *function("transform", "transform", batches, TRANSFORM_SECONDS, TRANSFORM_GB),
        written("S3 writes", batches + archived, writes),
        stored(traffic, "Parquet", size.compacted_bytes, KEPT_MONTHS),
        stored(traffic, "raw, gzipped", size.gzip_bytes, RAW_KEPT_MONTHS),
        *catalogued(batches),
        asked_of_columns(traffic),
    ]


def playlake_on_kinesis(traffic: Traffic) -> list[Row]:
    """The same with `--param delivery=kinesis`, and the ECS stack's tasks."""
    size, shards = traffic.sizes, traffic.shards
    commits = shards * SECONDS / COMMIT_SECONDS
    writes = f"{commits:,.0f} commits of {shards} shards {TIMES} {COMMIT_WRITES}"
    return [
        *collected(traffic),
        *on_kinesis(traffic),
        *consumed(shards),
        written("S3 writes", commits * COMMIT_WRITES, writes),
        stored(traffic, "Parquet", size.compacted_bytes, KEPT_MONTHS),
        stored(traffic, "raw, gzipped", size.gzip_bytes, RAW_KEPT_MONTHS),
        *catalogued(commits),
        asked_of_columns(traffic),
    ]


def on_kinesis(traffic: Traffic) -> list[Row]:
    """A stream on demand: each record counts as a multiple of 1 KB on its way in."""
    how = f"{traffic.requests:,.0f} records of {traffic.record_bytes:,.0f} bytes"
    out = traffic.requests * traffic.record_bytes / GB
    return [
        Row("collect", "stream", "one", HOURS, "kinesis_stream_hour"),
        Row(
            "collect",
            "into it",
            f"{how}, in steps of 1 KB",
            traffic.in_steps(KINESIS_STEP),
            "kinesis_in",
        ),
        Row("transform", "out of it", how, out, "kinesis_out"),
    ]


def consumed(shards: int) -> list[Row]:
    """Tasks of one vCPU and 3 GB, each with four shards, and the KCL's leases."""
    tasks = math.ceil(shards / TASK_SHARDS)
    hours = f"{tasks} {TIMES} {HOURS}"
    leases = shards * SECONDS / LEASE_SECONDS
    kept = f"{shards} shards, each {LEASE_SECONDS} s"
    return [
        Row("transform", "Fargate, processors", hours, tasks * HOURS, "fargate_vcpu"),
        Row(
            "transform",
            "Fargate, memory",
            f"{hours} {TIMES} {TASK_GB} GB",
            tasks * HOURS * TASK_GB,
            "fargate_gb",
        ),
        Row("transform", "public addresses", hours, tasks * HOURS, "public_address"),
        Row("transform", "leases", kept, leases, "dynamodb_write"),
    ]


def lab(traffic: Traffic) -> list[Row]:
    """API Gateway, a function, Firehose, gzipped JSON; Athena reads all of it every time."""
    size = traffic.sizes.gzip_bytes
    objects = traffic.objects(LAB_SECONDS, LAB_BYTES)
    whole = traffic.rate * 86_400 * LAKE_DAYS * size
    return [
        *collected(traffic),
        on_firehose(traffic),
        written("S3 writes", objects, f"{objects:,.0f} objects"),
        stored(traffic, "gzipped JSON", size, KEPT_MONTHS),
        asked(lambda _: whole, traffic.sizes.read_bytes),
    ]


def conversion(traffic: Traffic) -> list[Row]:
    """Firehose makes the Parquet itself, in folders by the hour of arrival."""
    objects = traffic.objects(OPTION_SECONDS, OPTION_BYTES)
    billed = traffic.in_steps(FIREHOSE_STEP)
    how = f"the same {billed:,.2f} GB, rounded up"
    return [
        *collected(traffic),
        on_firehose(traffic),
        Row("transform", "format conversion", how, billed, "firehose_conversion"),
        written("S3 writes", objects, f"{objects:,.0f} objects"),
        stored(traffic, "Parquet", traffic.sizes.parquet_bytes, KEPT_MONTHS),
        asked_of_columns(traffic),
    ]


def partitioning(traffic: Traffic) -> list[Row]:
    """As `conversion`, in folders by the event's own day."""
    objects = traffic.objects(OPTION_SECONDS, OPTION_BYTES)
    delivered = traffic.gigabytes(traffic.sizes.json_bytes + 1)
    gigabytes, each = f"{delivered:,.2f} GB, not rounded", f"{objects:,.0f} objects"
    return [
        *conversion(traffic),
        Row("transform", "dynamic partitioning", gigabytes, delivered, "firehose_partitioning"),
        Row("transform", "its objects", each, objects, "firehose_partition_object"),
    ]


DESIGNS: dict[str, Callable[[Traffic], list[Row]]] = {
    "playlake": playlake,
    "playlake on Kinesis": playlake_on_kinesis,
    "the lab's design": lab,
    "Firehose's conversion": conversion,
    "conversion, partitioned": partitioning,
}


def a_million(rows: Iterable[Row], traffic: Traffic, stage: str | None = None) -> float:
    """USD for a million events, of one stage or of all."""
    return sum(row.usd for row in rows if stage in (None, row.stage)) * 10**6 / traffic.events
