"""A client of the deployed collector that keeps its own ledger of what was answered 200."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.records import ARRIVED, LAB_CLICK, LAB_PLAY

DAY_MS = 86_400_000
_POST = json.loads((Path(__file__).parents[1] / "events" / "http_api_post.json").read_text())
_RETRY_AFTER_SECONDS = 5.0
_PATIENCE = 40
"""How often it sends the same events; then it gives up, and they are in no ledger."""

Event = dict[str, Any]
Collect = Callable[[Event], dict[str, Any]]
"""The collector's Lambda: an HTTP API's event in, its response out."""


class Calendar:
    """The collector's clock and Firehose's, in epoch milliseconds, whatever day it is here.

    Each look is a millisecond later; midnight comes when it is called for.
    """

    def __init__(self) -> None:
        self._looks = itertools.count()
        self.noon_ms = ARRIVED

    def __call__(self) -> int:
        return self.noon_ms + next(self._looks)

    def next_day(self) -> None:
        """The same hour a day later."""
        self.noon_ms += DAY_MS


def _play(number: int, logged_at: int) -> Event:
    return LAB_PLAY | {"video_id": f"video{number % 7}", "logged_at": logged_at}


def _player(number: int, logged_at: int) -> Event:
    event = {"type": "video_player", "event": "stall", "video_id": f"video{number % 7}"}
    return event | {"viewer_id": f"viewer{number % 5}", "logged_at": logged_at}


def _click(number: int, logged_at: int) -> Event:
    # Without a time of its own it is of the day on which it is received.
    return LAB_CLICK if number % 2 else LAB_CLICK | {"logged_at": logged_at}


def _broken(number: int, logged_at: int) -> Event:
    return _play(number, logged_at) | ({"started_at": 99_000} if number % 2 else {"video_id": 7})


class Tracker:
    """Sends events of all four tables, some again, some days late; deterministic by `rng`.

    `acknowledged` are the ids of events in requests that were answered 200. A request answered 503
    is sent again as it is, after `wait` was called with Retry-After's seconds.
    """

    def __init__(
        self,
        rng: Random,
        collect: Collect,
        calendar: Calendar,
        wait: Callable[[float], object],
    ) -> None:
        self.acknowledged: set[str] = set()
        self.unstored = 0
        """Answers of 503."""
        self._rng = rng
        self._collect = collect
        self._calendar = calendar
        self._wait = wait
        self._numbers = itertools.count()
        self._sent: list[Event] = []

    def send(self, requests: int) -> None:
        """So many requests, of up to ten events each."""
        for _ in range(requests):
            self.post([self._event() for _ in range(self._rng.randint(1, 10))])

    def sleep_over(self) -> None:
        """Go on a day later, with new events: a rejected one, or a custom one without a time, that
        is sent again after midnight is a row of either day (docs/ARCHITECTURE.md, Compaction)."""
        self._calendar.next_day()
        self._sent.clear()

    def post(self, events: list[Event]) -> bool:
        """One request, until it is answered 200; whether it was."""
        request = _POST | {"body": json.dumps(events), "isBase64Encoded": False}
        for _ in range(_PATIENCE):
            status = self._collect(request)["statusCode"]
            if status == 200:
                self.acknowledged.update(event["event_id"] for event in events)
                return True
            assert status == 503, status
            self.unstored += 1
            self._wait(_RETRY_AFTER_SECONDS)
        return False

    def _event(self) -> Event:
        if self._sent and self._rng.random() < 0.1:
            return self._rng.choice(self._sent[-300:])
        number = next(self._numbers)
        late = self._rng.choice((0, 0, 0, 1, 2)) * DAY_MS
        logged_at = self._calendar.noon_ms - late - self._rng.randrange(3_600_000)
        make = self._rng.choices((_play, _player, _click, _broken), (6, 2, 1, 1))[0]
        event = make(number, logged_at) | {"event_id": f"e{number}"}
        self._sent.append(event)
        return event
