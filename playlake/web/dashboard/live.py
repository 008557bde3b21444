"""What arrives: the newest events, accepted and rejected, and a stream of those to come."""

import asyncio
import json
import re
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from events.declaration import MAX_EXACT
from events.layout import parse_key
from events.rejected import REJECTED_EVENTS
from playlake.values import plain

REMEMBERED = 200
"""Events that a page which opens now is told of."""

MOST_OF_ONE_FILE = 50
"""Of a file with more events the last so many are told, and how many the others were."""

HEARTBEAT_SECONDS = 15
"""How long nothing is said before a comment is: a connection that is gone shows then."""


_NUMBER = re.compile("[0-9]{1,18}")


def _new_feed_id() -> str:
    return uuid4().hex[:8]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event that lies in the lake, or how many of a file were left out."""

    number: int
    told: dict[str, Any]


class LiveFeed:
    """The newest arrivals. `written` is an observer of the pipeline; any thread may call it."""

    def __init__(self, feed_id: Callable[[], str] = _new_feed_id) -> None:
        self._id = feed_id()
        self._arrivals: deque[Arrival] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._lock = threading.Lock()
        self._watchers: set[Callable[[], None]] = set()
        self._closed = False

    def written(self, key: str, data: bytes) -> None:
        """An object lies in the lake and is registered: remember its rows, wake who watches."""
        partition = parse_key(key)
        if partition is None:
            return
        told = list(_told(*partition, data))
        with self._lock:
            for each in told:
                self._count += 1
                self._arrivals.append(Arrival(self._count, each))
        self._wake()

    def close(self) -> None:
        """End every stream, when its last events are told."""
        self._closed = True
        self._wake()

    def after(self, number: int) -> list[Arrival]:
        """What arrived after that, as far as it is remembered, oldest first."""
        with self._lock:
            return [each for each in self._arrivals if each.number > number]

    async def stream(self, last_event_id: str = "") -> AsyncIterator[str]:
        """Server-sent events: what is remembered, then what arrives, until who watches leaves.

        `last_event_id` is what a browser that comes back sends; an id of another feed's counts not.
        """
        last = self._number(last_event_id)
        with self._watched() as arrived:
            yield "retry: 1000\n\n"
            while True:
                arrived.clear()
                closed = self._closed
                for each in self.after(last):
                    last = each.number
                    yield self._message(each)
                if closed:
                    return
                try:
                    await asyncio.wait_for(arrived.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield ": still here\n\n"

    def _wake(self) -> None:
        with self._lock:
            watchers = tuple(self._watchers)
        for wake in watchers:
            wake()

    @contextmanager
    def _watched(self) -> Iterator[asyncio.Event]:
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(arrived.set)

        with self._lock:
            self._watchers.add(wake)
        try:
            yield arrived
        finally:
            with self._lock:
                self._watchers.discard(wake)

    def _number(self, event_id: str) -> int:
        feed, _, number = event_id.partition("-")
        return int(number) if feed == self._id and _NUMBER.fullmatch(number) else 0

    def _message(self, arrival: Arrival) -> str:
        data = json.dumps(arrival.told, ensure_ascii=False)
        return f"id: {self._id}-{arrival.number}\ndata: {data}\n\n"


def _told(table: str, dt: str, data: bytes) -> Iterator[dict[str, Any]]:
    rows: pa.Table = pq.ParquetFile(pa.BufferReader(data)).read()
    omitted = max(0, rows.num_rows - MOST_OF_ONE_FILE)
    about = {"table": table, "dt": dt, "accepted": table != REJECTED_EVENTS.name}
    if omitted:
        yield {**about, "omitted": omitted}
    for row in rows.slice(omitted).to_pylist():
        event = {k: plain(v) for k, v in row.items() if v is not None}
        told = {**about, "event": {name: _exact(value) for name, value in event.items()}}
        if about["accepted"]:  # of a rejected event its payload is shown
            told["row"] = json.dumps(event, ensure_ascii=False, indent=2)
        yield told


def _exact(value: Any) -> Any:
    """As text, where a page's numbers have too few bits: an id keeps its digits."""
    return str(value) if type(value) is int and abs(value) > MAX_EXACT else value
