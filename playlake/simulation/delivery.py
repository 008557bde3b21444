"""Events on their way: batched, delayed, sent twice, or refused, in the order they leave."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

import msgspec

from .faults import Event, refused_body
from .scenario import DAY_MS, Scenario, SimulatedRequest
from .tracker import Written
from .truth import Totals

_MOST_EVENTS = 10
_OLDEST_MS = 90_000
_MOST_HELD = 100_000
_BEACONS = 0.3
_LONG_DELAY = 0.5
_SLOWEST_MS = 3_000


class Sender(NamedTuple):
    """The headers of a viewer's requests."""

    user_agent: str | None
    referer: str | None


class Delivery:
    """Takes what viewers wrote and gives the requests in the order they are sent.

    It holds requests until they are due: those of the visits under way, and a bounded number of
    late and repeated ones, which days may lie before.
    """

    def __init__(self, scenario: Scenario, rng: Random, totals: Totals) -> None:
        self._scenario = scenario
        self._rng = rng
        self._totals = totals
        self._held: list[tuple[int, int, SimulatedRequest]] = []

    def due(self, now: int) -> Iterator[SimulatedRequest]:
        """Gives up what is sent until epoch ms `now`, ascending."""
        while self._held and self._held[0][0] <= now:
            yield heappop(self._held)[2]

    def take(self, events: Sequence[Written], sender: Sender, most: int = _MOST_EVENTS) -> None:
        """Sends the events of a visit, ascending by time, at most `most` in a request."""
        if not events:
            return
        delay = self._offline_ms(events[-1])
        for batch in self._batches(events, most):
            sent_at = batch[-1].at + 50 + self._rng.randrange(_SLOWEST_MS) + delay
            self._send(batch, sender, self._in_time(sent_at))

    def _offline_ms(self, last: Written) -> int:
        """How long a visit's events wait for the network: mostly not at all, sometimes for days."""
        if self._rng.random() >= self._scenario.late:
            return 0
        delay = self._rng.randint(1, 5) * DAY_MS + self._rng.randrange(DAY_MS // 2)
        return delay if self._may_hold(last.at + delay) else 0

    def _batches(self, events: Sequence[Written], most: int) -> Iterator[Sequence[Written]]:
        """Cuts a visit as a tracker does: when enough is queued, or when the oldest waited."""
        begin = 0
        size = self._rng.randint(1, most)
        for end, event in enumerate(events):
            if end - begin == size or event.at - events[begin].at > _OLDEST_MS:
                yield events[begin:end]
                begin = end
                size = self._rng.randint(1, most)
        yield events[begin:]

    def _send(self, batch: Sequence[Written], sender: Sender, sent_at: int) -> None:
        for written in batch:
            if "event_id" in written.event:
                written.event["sent_at"] = sent_at
        self._accept([written.event for written in batch], sender, sent_at)
        repeatable = [written for written in batch if written.own_id]
        self._totals.late_events += sum(sent_at - w.at >= DAY_MS for w in repeatable)
        if self._rng.random() < self._scenario.malformed:
            self._send_refused(batch[0].event, sender, sent_at)
        if repeatable and self._rng.random() < self._scenario.duplicates:
            self._send_again([written.event for written in repeatable], sender, sent_at)

    def _send_again(self, events: list[Event], sender: Sender, sent_at: int) -> None:
        """A retry whose first answer got lost: at once, or hours and days later."""
        delay = 1_000 + self._rng.randrange(50_000)
        if self._rng.random() < _LONG_DELAY:
            delay += self._rng.randrange(3_600_000, 3 * DAY_MS)
        if self._may_hold(sent_at + delay):
            self._totals.duplicates += len(events)
            self._accept(events, sender, sent_at + delay)

    def _send_refused(self, event: Event, sender: Sender, sent_at: int) -> None:
        body, lost = refused_body(self._rng, event)
        self._totals.requests_refused += 1
        self._totals.events_sent += lost
        self._hold(body, sender, sent_at)

    def _accept(self, events: list[Event], sender: Sender, sent_at: int) -> None:
        self._totals.events_sent += len(events)
        self._totals.events_accepted += len(events)
        alone = len(events) == 1 and self._rng.random() < 0.5
        self._hold(msgspec.json.encode(events[0] if alone else events), sender, sent_at)

    def _hold(self, body: bytes, sender: Sender, sent_at: int) -> None:
        self._totals.requests += 1
        beacon = self._rng.random() < _BEACONS
        content_type = "text/plain;charset=UTF-8" if beacon else "application/json"
        request = SimulatedRequest(body, content_type, *sender, sent_at)
        # The count of requests breaks ties, so that equal times keep their order.
        heappush(self._held, (sent_at, self._totals.requests, request))

    def _may_hold(self, until: int) -> bool:
        """Whether a request may wait so long: within the scenario, and within memory."""
        return until < self._scenario.end_ms - _SLOWEST_MS and len(self._held) < _MOST_HELD

    def _in_time(self, sent_at: int) -> int:
        return min(sent_at, self._scenario.end_ms - 1)
