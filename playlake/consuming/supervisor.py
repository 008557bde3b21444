"""Keeps the daemons of a stream running, and ends them as they should be ended."""

import math
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from events.errors import PlaylakeError, Unavailable
from playlake.consuming.news import AnyNews, Began, Commit, Inbox, Left
from playlake.consuming.properties import STOP_SECONDS
from playlake.consuming.worker import FAREWELL_SECONDS, Worker
from transform.ledger import NOTHING, Totals

_GLANCE_SECONDS = 0.2
"""Between two looks at the daemons."""


_HOPELESS_STARTS = 8
"""Of one daemon, in a run where none ever had a shard: some three minutes of trying, or more."""


class NeverBegan(Unavailable):
    """Daemons end before they have a shard: something is lacking that no start mends."""


class Observer(Protocol):
    """Who hears what happens, as it happens."""

    def heard(self, news: AnyNews) -> None:
        """A child said something."""

    def died(self, worker: str, code: int, pause: float) -> None:
        """A daemon ended by itself, with this exit code (negative: of a signal), and is started
        again in so many seconds."""

    def warned(self, message: str) -> None:
        """Something could not be done, which costs time and nothing else."""

    def stopping(self) -> None:
        """The end was asked for."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run came to."""

    totals: Totals
    seconds: float
    """From the signal to the last daemon's end."""
    killed: int
    """Daemons that did not end in time, maybe before all was committed."""
    starts: int
    signal: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a supervisor hears, tells and goes by."""

    inbox: Inbox
    observer: Observer
    bury: Callable[[str], object] = lambda _worker: None
    """Sees after what a daemon left behind that is dead for certain; may raise PlaylakeError."""
    clock: Callable[[], float] = time.monotonic


class Supervisor:
    """Runs workers until a signal ends it. For the main thread: it takes SIGINT and SIGTERM."""

    def __init__(self, workers: Sequence[Worker], around: Surroundings) -> None:
        self._workers = workers
        self._by_name = {each.name: each for each in workers}
        self._inbox = around.inbox
        self._observer = around.observer
        self._bury = around.bury
        self._clock = around.clock
        self._totals = NOTHING
        self._ever_began = False
        self._asked: list[int] = []

    def run(self) -> Ended:
        """Keep the daemons running until SIGINT or SIGTERM; then let them commit what they read.

        A second signal ends them at once, which loses nothing either. Raises NeverBegan: what goes
        on without end is only tried for ever once it has gone well.
        """
        before = {each: signal.signal(each, self._ask) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            while not self._asked:
                self._tend()
                self._listen()
            return self._stop()
        finally:
            for each in self._workers:
                each.kill()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self._asked.append(number)

    def _tend(self) -> None:
        for each in self._workers:
            now = self._clock()
            code = each.tend(now)
            if code is not None:
                self._observer.died(each.name, code, each.next_start - now)
                self._see_off(each)
                self._check_hope(each, code)

    def _check_hope(self, worker: Worker, code: int) -> None:
        if worker.starts >= _HOPELESS_STARTS and not self._ever_began:
            raise NeverBegan(
                f"KCL's daemon ended {worker.starts} times, at last with {code}, and no shard was"
                " ever begun. Its log above says why; look at the consumers' rights"
                " (docs/kinesis.md), at the way to AWS, and at the memory for Java."
            )

    def _see_off(self, worker: Worker) -> None:
        try:
            self._bury(worker.name)
        except PlaylakeError as error:
            self._observer.warned(str(error))

    def _listen(self) -> None:
        """What has been said, all of it; waits a moment when nothing was."""
        seconds = _GLANCE_SECONDS
        while (news := self._inbox.wait(seconds)) is not None:
            self._hear(news)
            seconds = 0.0

    def _hear(self, news: AnyNews) -> None:
        worker = self._by_name.get(news.worker)
        if isinstance(news, Began) and worker is not None:
            self._ever_began = True
            worker.children[news.pid] = news.shard
        elif isinstance(news, Left) and worker is not None:
            worker.children.pop(news.pid, None)
        elif isinstance(news, Commit):
            if worker is not None:
                worker.progressed()
            self._totals += Totals(1, news.records, news.rows, news.objects)
        self._observer.heard(news)

    def _stop(self) -> Ended:
        began = self._clock()
        self._observer.stopping()
        for each in self._workers:
            each.ask_to_end()
        quiet: dict[str, float] = {}
        while self._running() and self._clock() - began < STOP_SECONDS and len(self._asked) == 1:
            self._listen()
            self._end_the_quiet(quiet)
        left = self._running()
        for each in left:
            each.kill()
            self._see_off(each)
        self._listen()
        starts = sum(each.starts for each in self._workers)
        return Ended(self._totals, self._clock() - began, len(left), starts, signal=self._asked[0])

    def _end_the_quiet(self, quiet: dict[str, float]) -> None:
        """A daemon whose children have all committed needs a moment to give its leases up. One that
        takes longer is assigned leases again by itself, which KCL does not stop to do while it
        ends, and would wait for their children until its grace is over."""
        for each in self._running():
            if not each.busy:
                quiet.setdefault(each.name, self._clock())
            if self._clock() - quiet.get(each.name, math.inf) >= FAREWELL_SECONDS:
                each.kill()
                self._see_off(each)

    def _running(self) -> list[Worker]:
        return [each for each in self._workers if not each.ended()]
