"""The deployed pipeline on loopback: its handlers, and stand-ins of the services over HTTP."""

import io
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pyarrow.parquet as pq
from botocore.config import Config
from botocore.retries.standard import ExponentialBackoff
from botocore.session import Session

from catalog.drivers.glue import GlueCatalog
from catalog.handler import catalog
from events.errors import Unavailable
from events.layout import parse_key
from ingest.collector import Collector
from ingest.drivers.batch_stream import CONFIG
from ingest.drivers.firehose import FirehoseStream
from ingest.drivers.patience import Patience
from ingest.drivers.spool_batch import Batch, SpooledRecord
from ingest.handler import collect
from playlake.compacting import hourly
from playlake.local.invocation import Transformed, event_of, invoke
from tests.firehose_double import FirehoseDouble
from tests.glue_double import BUCKET, DATABASE, create_tables
from tests.lambda_context import CONTEXT
from tests.moto_server import moto
from tests.torture.function import call, quiet
from tests.torture.proxy import Faulty, spare
from tests.torture.row import Row, tallied
from tests.torture.tracking import Calendar, Tracker
from transform.drivers import s3_store
from transform.drivers.s3_store import S3Store
from transform.handler import transform

SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
LAKE = f"s3://{BUCKET}/lake"
ANSWER_SECONDS = 0.25
"""How long the collector waits for Firehose's answer, in place of its 2 s."""
MOST_RECORD_BYTES = 2_000
"""A few events a record, in place of thousands, so that a request is several records."""
_NAME = "playlake-demo-dev"


class Clock:
    """Seconds that pass by themselves, and at once when somebody sleeps."""

    def __init__(self) -> None:
        self._slept = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._slept

    def sleep(self, seconds: float) -> None:
        """Let them be over."""
        self._slept += seconds


@dataclass(frozen=True)
class Stack:
    """Everything from the collector's handler to rows in S3 and days in Glue."""

    tracker: Tracker
    clock: Clock
    firehose: FirehoseDouble
    putting: Faulty
    """Before Firehose."""
    storing: Faulty
    """Before S3."""
    cataloging: Faulty
    """Before Glue."""
    lake: S3Store
    """As the functions have it, by way of `storing`."""
    s3: Any
    """Clients of the stand-ins themselves, that meet no fault."""
    glue: Any

    def batch(self, requests: int) -> Batch:
        """Let the tracker send, and take what Firehose has since."""
        self.tracker.send(requests)
        return Batch(tuple(self.firehose.take()))

    def transform(self, batch: Batch) -> bool:
        """Invoke the transform; whether Firehose would be content."""
        try:
            response = invoke(lambda event, _: call(transform, event), batch, str(UUID(int=1)))
        except Unavailable:
            return False
        return isinstance(response, Transformed) and not response.failed

    def compact(self) -> bool:
        """The hour strikes: all days are registered, then compacted; whether it came to its end."""
        settings = hourly.Settings.from_environment(os.environ)
        try:
            call(catalog, SCHEDULED)
            hourly.Hourly(settings, self.clock.sleep).run(math.inf, CONTEXT)
        except Unavailable:
            return False
        return True

    def catalog(self, event: dict[str, Any]) -> bool:
        """Invoke the catalog's function; whether it came to its end."""
        try:
            call(catalog, event)
        except Unavailable:
            return False
        return True

    def objects(self) -> list[str]:
        """The keys of the lake's objects."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="lake/")
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def rows(self, keys: Iterable[str]) -> Counter[str]:
        """The event ids of all rows in those objects, of whatever table."""
        counts: Counter[str] = Counter()
        for key in keys:
            assert parse_key(key.removeprefix("lake/")), f"{key} is no data file"
            data = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            counts.update(pq.read_table(io.BytesIO(data), columns=["event_id"])[0].to_pylist())
        return counts

    def row(
        self,
        fault: str,
        times: int,
        recovery: Iterable[float] = (),
        note: str = "",
        seen: Callable[[str], bool] = lambda _key: True,
    ) -> Row:
        """Leave it to itself without faults, then count the rows of the keys that are `seen`."""
        for proxy in (self.putting, self.storing, self.cataloging):
            proxy.choose = spare
        assert self.compact()
        assert not self.s3.list_objects_v2(Bucket=BUCKET, Prefix="compacting/")["KeyCount"]
        acknowledged = self.tracker.acknowledged
        lost, doubled = tallied(acknowledged, self.rows(filter(seen, self.objects())))
        return Row(fault, times, len(acknowledged), lost, doubled, tuple(recovery), note)


def event(batch: Batch) -> dict[str, Any]:
    """As Firehose gives it to the transform."""
    return event_of(batch, str(UUID(int=1)))


def part(batch: Batch, first: int, end: int) -> Batch:
    """Some of its records, cut anew."""
    records: tuple[SpooledRecord, ...] = tuple(batch.records[first:end])
    return Batch(records)


@contextmanager
def stack(seed: int) -> Iterator[Stack]:
    """Start it, empty; the environment leads to it, also that of processes begun meanwhile."""
    rng, clock, calendar = Random(seed), Clock(), Calendar()
    with ExitStack() as held:
        held.enter_context(quiet())
        aws = held.enter_context(moto())
        firehose = held.enter_context(FirehoseDouble(_NAME, calendar))
        putting = held.enter_context(Faulty(firehose.url))
        storing, cataloging = held.enter_context(Faulty(aws)), held.enter_context(Faulty(aws))
        held.enter_context(
            patch.dict(os.environ, _environment(putting.url, storing.url, cataloging.url))
        )
        # botocore's own pauses between tries, which it takes no clock for.
        held.enter_context(patch.object(ExponentialBackoff, "delay_amount", lambda *_: 0))
        session = Session()
        s3, glue = (session.create_client(name, endpoint_url=aws) for name in ("s3", "glue"))
        s3.create_bucket(Bucket=BUCKET)
        create_tables(glue)  # type: ignore[no-untyped-call]
        lake = held.enter_context(_wired(session, rng, clock, calendar))
        tracker = Tracker(rng, lambda request: call(collect, request), calendar, clock.sleep)
        yield Stack(tracker, clock, firehose, putting, storing, cataloging, lake, s3, glue)


def _environment(firehose: str, s3: str, glue: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_FIREHOSE": firehose,
        "AWS_ENDPOINT_URL_S3": s3,
        "AWS_ENDPOINT_URL_GLUE": glue,
        "PLAYLAKE_STREAM": f"firehose://{_NAME}",
        "PLAYLAKE_LAKE_URI": LAKE,
        "PLAYLAKE_CATALOG": f"glue://{DATABASE}",
        "POWERTOOLS_METRICS_NAMESPACE": "playlake",
    }


@contextmanager
def _wired(session: Session, rng: Random, clock: Clock, calendar: Calendar) -> Iterator[S3Store]:
    """The handlers' wiring, with a clock that is given and clients that wait less."""
    hasty = Config(connect_timeout=ANSWER_SECONDS, read_timeout=ANSWER_SECONDS)
    patience = Patience(clock=clock, sleep=clock.sleep, random=rng.random)
    firehose = session.create_client("firehose", config=CONFIG.merge(hasty))
    s3 = session.create_client("s3", config=s3_store.CONFIG)
    stream = FirehoseStream(_NAME, firehose, patience)
    collector = Collector(MOST_RECORD_BYTES, now_ms=calendar)
    store = S3Store(BUCKET, "lake", s3, sleep=clock.sleep)
    root = S3Store(BUCKET, "", s3, sleep=clock.sleep)
    known = GlueCatalog(DATABASE, BUCKET, "lake", clock=clock, sleep=clock.sleep)
    with (
        patch("playlake.compacting.hourly._stores", lambda _: (root, store)),
        patch("playlake.compacting.hourly.open_catalog", lambda _: known),
        patch("ingest.handler.wire", lambda _: (collector, stream)),
        patch("transform.handler.open_store", lambda _: store),
        patch("catalog.handler.open_catalog", lambda _: known),
        _fresh_transform(),
    ):
        yield store


@contextmanager
def _fresh_transform() -> Iterator[None]:
    from transform import handler

    handler._wired.cache_clear()
    try:
        yield
    finally:
        handler._wired.cache_clear()
