"""What the delivery's tests share: transforms that answer so or so, and a look at the archive."""

import base64
import copy
import gzip
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from events.errors import StoreUnavailable
from ingest.drivers.spool import Spool
from playlake.local.delivery import Delivery, DeliverySettings
from playlake.local.invocation import Transform, invoke
from transform.drivers.file_store import FileStore
from transform.store import Store

NOON = 1_790_000_000_000  # 2026-09-21T14:13:20Z
DAY = "dt=2026-09-21"

Event = dict[str, Any]


def keep(event: Event, _context: object) -> dict[str, Any]:
    """A transform that answers Ok to all, the data unchanged, as playlake's own does."""
    return {"records": [result(record) for record in event["records"]]}


def result(record: Event, answer: str = "Ok") -> Event:
    return {"recordId": record["recordId"], "result": answer, "data": record["data"]}


def answering(change: Callable[[list[Event]], object]) -> Transform:
    """`keep`, its results changed in place."""

    def transform(event: Event, context: object) -> dict[str, Any]:
        response = keep(event, context)
        change(response["records"])
        return response

    return transform


def raising(error: Exception) -> Transform:
    def transform(event: Event, context: object) -> dict[str, Any]:
        raise error

    return transform


class Recorder:
    """A transform that remembers its events, and lets each of `first` answer before `keep` does."""

    def __init__(self, *first: Transform) -> None:
        self.events: list[Event] = []
        self._first = list(first)

    def __call__(self, event: Event, context: object) -> dict[str, Any]:
        self.events.append(copy.deepcopy(event))
        transform = self._first.pop(0) if self._first else keep
        return transform(event, context)


class ArchiveDouble(FileStore):
    """A store that does not take the next `failures` objects; then takes the next `answers_lost`,
    but fails to say so."""

    failures = 0
    answers_lost = 0

    def put(self, key: str, data: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable(f"cannot write {key}: No space left on device")
        super().put(key, data)
        if self.answers_lost:
            self.answers_lost -= 1
            raise StoreUnavailable(f"no answer to {key}")


def delivery(
    spool: Spool, transform: Transform, archive: Store, slept: list[float] | None = None
) -> Delivery:
    sleep = [].append if slept is None else slept.append
    settings = DeliverySettings(sleep=sleep, now_ms=lambda: NOON + 9)
    return Delivery(spool, partial(invoke, transform), archive, settings=settings)


def lines_under(archive: Store, prefix: str) -> list[bytes]:
    return [
        line
        for key in archive.keys(prefix)
        for line in gzip.decompress(archive.get(key)).splitlines(keepends=True)
    ]


def failed_records(archive: Store) -> list[Event]:
    return [json.loads(line) for line in lines_under(archive, "failed/processing-failed/")]


def raw_data(failed: list[Event]) -> list[bytes]:
    return [base64.b64decode(each["rawData"]) for each in failed]
