"""What the local server counts from its start, and `/metrics`, where Prometheus reads it.

Nothing of a viewer's is in it: labels come from closed sets, of codes, tables and reasons.
"""

import time
from collections.abc import Callable, Iterable

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from events.layout import parse_key
from events.registry import REGISTRY
from events.rejected import REJECTED_EVENTS
from ingest.drivers.spool import Backlog
from ingest.refusals import STATUS_OF
from ingest.request import Response
from playlake.local.delivery import Delivered
from playlake.web.dashboard.refusing import Guard
from playlake.web.exposition import CONTENT_TYPE, Counter, Family, Histogram, Sample, exposed, gauge

LAG_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 86_400)
"""The bounds of the delivery lag: a batch is due after one second, and late after minutes."""

_RECEIVED = "received_at"
_REASON = "reason"


def _wall_clock() -> float:
    return time.time()


class Measures:
    """Counters that any thread may feed. `now` tells epoch seconds."""

    def __init__(self, now: Callable[[], float] = _wall_clock) -> None:
        self._now = now
        self._started = now()
        self._accepted = Counter(
            "playlake_events_accepted_total", "Events that were answered with 200."
        )
        self._refused = Counter(
            "playlake_requests_refused_total",
            "Requests to /events that were refused, none of their events stored.",
            "code",
            STATUS_OF,
        )
        self._batches = Counter(
            "playlake_batches_total",
            "Batches out of the spool: delivered, or failed with a record of theirs under failed/.",
            "fate",
            ("delivered", "failed"),
        )
        self._failed = Counter(
            "playlake_records_failed_total", "Records that were put under failed/."
        )
        self._rows = Counter(
            "playlake_rows_written_total",
            "Rows written to the lake; a batch that is tried again writes its rows again.",
            "table",
            (table.name for table in REGISTRY.tables),
        )
        self._rejected = Counter(
            "playlake_events_rejected_total", "Rows of rejected_events, by reason.", _REASON
        )
        self._lag = Histogram(
            "playlake_delivery_lag_seconds",
            "Of each file: from its oldest event's arrival until it could be asked for.",
            LAG_SECONDS,
        )

    def answered(self, response: Response) -> None:
        """A request to /events was answered so."""
        self._accepted.add(response.accepted)
        if response.status >= 400:
            self._refused.add(1, msgspec.json.decode(response.body)["error"]["code"])

    def delivered(self, delivered: Delivered) -> None:
        """A batch came to its end."""
        self._batches.add(1, "failed" if delivered.failed else "delivered")
        self._failed.add(delivered.failed)

    def written(self, key: str, data: bytes) -> None:
        """An object lies in the lake and is registered."""
        partition = parse_key(key)
        if partition is None:
            return
        table, _ = partition
        columns = [_RECEIVED, _REASON] if table == REJECTED_EVENTS.name else [_RECEIVED]
        # Not pq.read_table: it loads all of pyarrow.dataset first.
        rows = pq.ParquetFile(pa.BufferReader(data)).read(columns, use_threads=False)
        self._rows.add(rows.num_rows, table)
        if _REASON in rows.column_names:
            for each in pc.value_counts(rows[_REASON]).to_pylist():
                self._rejected.add(each["counts"], each["values"])
        self._observe_lag(rows[_RECEIVED])

    def families(self) -> list[Family]:
        """Everything counted so far."""
        counted = (
            *(self._accepted, self._refused, self._batches, self._failed),
            *(self._rows, self._rejected, self._lag),
        )
        started = gauge(
            "process_start_time_seconds", "When the process began, in epoch seconds.", self._started
        )
        return [*(each.family() for each in counted), started]

    def _observe_lag(self, received: pa.ChunkedArray) -> None:
        oldest = pc.min(received.cast(pa.int64())).as_py()
        if oldest is not None:
            self._lag.observe(max(0.0, self._now() - oldest / 1_000))


def compacted(compactions: int) -> Family:
    """How many partitions were compacted since the start."""
    text = "Partitions whose files were made one."
    return Family("playlake_compactions_total", "counter", text, (Sample(compactions),))


def waiting(backlog: Backlog, now_ms: int) -> list[Family]:
    """What waits in the spool just now."""
    return [
        gauge("playlake_records_waiting", "Records in the spool.", backlog.records),
        gauge("playlake_waiting_bytes", "Their bytes.", backlog.bytes),
        gauge(
            "playlake_oldest_waiting_seconds",
            "How long the oldest of them has waited; 0 when none does.",
            backlog.age_ms(now_ms) / 1_000,
        ),
    ]


def metrics_route(families: Callable[[], Iterable[Family]], hosts: frozenset[str] | None) -> Route:
    """`GET /metrics`, for whoever calls the server by one of these names; None is any."""

    async def metrics(_request: Request) -> HttpResponse:
        # In a thread: what waits is read from the disk, and others are to be answered meanwhile.
        text = await run_in_threadpool(lambda: exposed(families()))
        return HttpResponse(text, headers={"content-type": CONTENT_TYPE})

    return Route("/metrics", Guard(hosts)(metrics), methods=["GET"])
