"""Clients of a `playlake dev` that keep their own ledger of what was answered 200."""

import itertools
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from playlake.local.folder import DataFolder
from tests.records import LAB_CLICK, LAB_PLAY
from tests.torture.beside import beside

DAY_SECONDS = 86_400
_TABLES = {
    "play": "video_play_events",
    "player": "video_player_events",
    "click": "custom_events",
    "broken": "rejected_events",
}
_SHARES = (12, 3, 3, 2)
_AGAIN = 0.05
"""The share of events that were sent before, whether or not they were answered."""
_DAYS = 12
_EVENTS_A_DAY = 400
"""So many events in a row are of a day, then those of another: it has peace, and is compacted."""
_REMEMBERED = 5_000

Event = dict[str, Any]


class Unkept(AssertionError):
    """playlake did what its contracts rule out."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard the clients press."""

    threads: int = 4
    most_events: int = 20
    """A request has one to so many."""
    pause_seconds: float = 0.05
    """Between a thread's requests."""
    padding: int = 0
    """Bytes of a field that no declaration knows, in every event."""


@dataclass
class Load:
    """Threads that post numbered events, some broken, some late, some sent again.

    An `event_id` says what is to become of it: `click-17-2026-11-22` is the seventeenth event, a
    row of `custom_events` in the partition of its own day. See `table_of` and `day_of`.
    """

    seed: int
    pace: Pace = Pace()
    acknowledged: set[str] = field(default_factory=set)
    sent: int = 0
    refused: int = 0
    """Answers of 503."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._sent: deque[Event] = deque(maxlen=_REMEMBERED)
        self._unheard: list[Event] = []
        self._strange: list[str] = []
        self._since, self._first_answer, self._answered_at = 0.0, threading.Event(), 0.0

    @contextmanager
    def running(self, url: str) -> Iterator[None]:
        """Post there from every thread meanwhile, whether or not anybody answers.

        Raises Unkept at the end for an answer that no contract knows.
        """
        with beside(partial(self._run, f"{url}/events"), self.pace.threads):
            yield
        if self._strange:
            raise Unkept("; ".join(self._strange[:5]))

    def expect_answer(self, since: float) -> None:
        """Look out for the first answer of 200 to a request made after that monotonic time."""
        with self._lock:
            self._since = since
            self._first_answer.clear()

    def is_answered(self, seconds: float = 0.0) -> bool:
        """Whether that answer came, in so many seconds from now at most."""
        return self._first_answer.wait(seconds)

    def recovered(self, seconds: float) -> float:
        """Seconds from that time until that answer, which is waited for.

        Raises Unkept when it takes longer than so many from now.
        """
        if not self.is_answered(seconds):
            raise Unkept(f"no answer of 200 for {seconds:.0f} s")
        return self._answered_at - self._since

    def forget(self) -> None:
        """Send nothing of the past again: the server's day is another now, and a rejected event
        that is sent again after midnight is a row of either day (docs/ARCHITECTURE.md)."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._sent.clear()
        self._unheard.clear()

    def _run(self, url: str, stop: threading.Event) -> None:
        with httpx.Client(timeout=10) as client:
            while not stop.wait(self.pace.pause_seconds):
                events = self._events()
                try:
                    began = time.monotonic()
                    answer = client.post(url, json=events)
                except httpx.TransportError:
                    self._unanswered(events)
                    stop.wait(0.02)
                else:
                    self._answered(answer, events, began)

    def _events(self) -> list[Event]:
        with self._lock:
            self._mind_midnight()
            again, self._unheard = self._unheard[:20], self._unheard[20:]
            fresh = [self._event() for _ in range(self._random.randint(1, self.pace.most_events))]
            self.sent += len(fresh) + len(again)
            return again + fresh

    def _answered(self, answer: httpx.Response, events: list[Event], began: float) -> None:
        with self._lock:
            if answer.status_code == 200:
                self.acknowledged.update(event["event_id"] for event in events)
                self._note_answer(began)
            elif answer.status_code == 503 and answer.headers.get("retry-after", "").isdigit():
                self.refused += 1
                self._unheard += events
            else:
                self._strange.append(f"answered {answer.status_code}: {answer.text[:200]}")

    def _note_answer(self, began: float) -> None:
        if began >= self._since and not self._first_answer.is_set():
            self._answered_at = time.monotonic()
            self._first_answer.set()

    def _unanswered(self, events: list[Event]) -> None:
        """As a tracker does: what was not heard of comes first in a later request."""
        with self._lock:
            self._unheard += events

    def _mind_midnight(self) -> None:
        """About midnight each event is sent once: see `forget`."""
        now = time.time()
        if _day(now - 60) != _day(now + 60):
            self._forget()

    def _event(self) -> Event:
        if self._sent and self._random.random() < _AGAIN:
            return self._random.choice(self._sent)
        event = self._made(next(self._numbers))
        self._sent.append(event)
        return event

    def _made(self, number: int) -> Event:
        kind = self._random.choices(tuple(_TABLES), _SHARES)[0]
        days_late = number // _EVENTS_A_DAY % _DAYS
        logged_at = time.time() - days_late * DAY_SECONDS - self._random.uniform(0, 3_600)
        event = _of_kind(kind, number) | {
            "event_id": f"{kind}-{number}-{_day(logged_at)}",
            "logged_at": int(logged_at * 1_000),
        }
        return event | ({"padding": "x" * self.pace.padding} if self.pace.padding else {})


def table_of(event_id: str) -> str:
    """The table in which an event belongs."""
    return _TABLES[event_id.split("-", 1)[0]]


def day_of(event_id: str) -> str:
    """The day of an event's own time, as `dt` has it."""
    return event_id.split("-", 2)[2]


def _of_kind(kind: str, number: int) -> Event:
    video = {"video_id": f"video{number % 7}"}
    if kind == "player":
        return video | {"type": "video_player", "event": "stall", "viewer_id": f"v{number % 5}"}
    if kind == "click":
        return dict(LAB_CLICK)
    return LAB_PLAY | video | ({"started_at": 99_000} if kind == "broken" else {})


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def rows_by_id(folder: DataFolder, *tables: str) -> Counter[str]:
    """How many rows there are of each event in those tables; by default in all four together."""
    counts: Counter[str] = Counter()
    with LocalCatalog(folder.lake, folder.catalog) as catalog, DuckDBEngine(catalog) as engine:
        for table in tables or tuple(_TABLES.values()):
            with engine.query(f"SELECT event_id FROM {table}", full_scan=True) as answer:
                counts.update(event_id for (event_id,) in answer)
    return counts
