"""The supervisor of the consumer's daemons: what dies is started again, what ends is let end."""

import itertools
import os
import shlex
import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from events.errors import Unavailable
from playlake.consuming.news import AnyNews, Began, Inbox
from playlake.consuming.supervisor import Ended, NeverBegan, Supervisor, Surroundings
from playlake.consuming.worker import Plan, Worker
from tests.kinesis.consuming import alive
from tests.test_consuming import COMMIT, send


@dataclass
class Heard:
    """An observer that remembers."""

    news: list[AnyNews] = field(default_factory=list)
    deaths: list[tuple[str, int, float]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopped: bool = False

    def heard(self, news: AnyNews) -> None:
        self.news.append(news)

    def died(self, worker: str, code: int, pause: float) -> None:
        self.deaths.append((worker, code, round(pause)))

    def warned(self, message: str) -> None:
        self.warnings.append(message)

    def stopping(self) -> None:
        self.stopped = True


def worker(script: str, name: str = "w1", **environment: str) -> Worker:
    return Worker(name, Plan(["/bin/sh", "-c", script], {**os.environ, **environment}))


SAYS = """
import json, os, signal, socket, sys, time
from playlake.consuming.news import Reporter
reporter = Reporter(sys.argv[1], "w1", os.getpid())
reporter.shard = "shard-0"
reporter.began(None, again=False)
{}
"""


def child(news: Path, does: str) -> str:
    """A shell command: a child that has a shard, and then does something."""
    return shlex.join([sys.executable, "-c", SAYS.format(does), str(news)])


@contextmanager
def signalled(after, number: int = signal.SIGTERM):
    """Send this process a signal once `after()` is true, as an operator would."""

    def send() -> None:
        deadline = time.monotonic() + 30
        while not after() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def supervised(inbox: Inbox, heard: Heard, *workers: Worker, after, bury=lambda _worker: None):
    with signalled(after):
        ended: Ended = Supervisor(workers, Surroundings(inbox, heard, bury)).run()
    return ended


@pytest.fixture
def inbox(tmp_path):
    with Inbox(tmp_path / "news") as opened:
        yield opened


class TestSupervisor:
    def test_a_daemon_that_ends_by_itself_is_started_again_each_time_later(self, inbox):
        heard, buried = Heard(), []
        ended = supervised(
            inbox,
            heard,
            worker("exit 3"),
            after=lambda: len(heard.deaths) == 2,
            bury=buried.append,
        )
        assert heard.deaths == [("w1", 3, 1), ("w1", 3, 2)]
        assert buried[:2] == ["w1", "w1"]
        assert ended.starts in (2, 3)

    def test_what_cannot_be_buried_is_said_and_the_daemon_is_started_again(self, inbox):
        def fail(_worker: str) -> None:
            raise Unavailable("AWS does not answer")

        heard = Heard()
        supervised(inbox, heard, worker("exit 1"), after=lambda: heard.deaths[1:], bury=fail)
        assert heard.warnings[0] == "AWS does not answer"

    def test_daemons_that_never_have_a_shard_are_not_started_for_ever(self, inbox):
        heard, hours = Heard(), itertools.count(0.0, 3_600.0)
        around = Surroundings(inbox, heard, clock=hours.__next__)
        with pytest.raises(NeverBegan, match=r"ended 8 times, at last with 3.*consumers' rights"):
            Supervisor([worker("exit 3")], around).run()
        assert len(heard.deaths) == 8

    def test_a_daemon_that_had_a_shard_is_started_as_often_as_it_takes(self, inbox):
        heard, hours = Heard(), itertools.count(0.0, 3_600.0)
        tell(inbox, Began(worker="w1", pid=os.getpid(), shard="0", through=None, again=False))
        around = Surroundings(inbox, heard, clock=hours.__next__)
        with signalled(lambda: len(heard.deaths) > 8):
            ended = Supervisor([worker("exit 3")], around).run()
        assert ended.starts > 8

    def test_a_daemon_that_lived_for_a_minute_is_started_again_at_once(self):
        tended = worker("sleep 0.05; exit 1")
        pauses = []
        for now in (0.0, 100.0, 200.0):
            tended.start(now)
            while (code := tended.tend(now + 61)) is None:
                time.sleep(0.01)
            assert code == 1
            pauses.append(tended.next_start - now - 61)
        assert pauses == [1.0, 1.0, 1.0]

    def test_a_daemon_that_made_progress_is_started_again_at_once(self):
        tended = worker("exit 1")
        pauses = []
        for now in (0.0, 10.0, 20.0):
            tended.start(now)
            if now == 20.0:
                tended.progressed()
            while tended.tend(now) is None:
                time.sleep(0.01)
            pauses.append(tended.next_start - now)
        assert pauses == [1.0, 2.0, 1.0]

    def test_a_signal_ends_every_daemon_and_commits_are_added_up(self, inbox, tmp_path):
        heard = Heard()
        daemon = f"trap 'echo x >>{tmp_path}/asked; exit 0' TERM; while :; do sleep 0.05; done"

        def began() -> bool:
            if len(heard.news) < 2:
                for each in (COMMIT, COMMIT):
                    tell(inbox, each)
            return len(heard.news) >= 2

        ended = supervised(inbox, heard, worker(daemon), worker(daemon, "w2"), after=began)
        assert (tmp_path / "asked").read_text() == "x\nx\n"
        assert heard.stopped
        assert ended.totals.rows == 1_000 * ended.totals.batches
        assert ended.totals.batches >= 2
        assert (ended.killed, ended.signal) == (0, signal.SIGTERM)
        assert ended.seconds < 5

    def test_a_daemon_whose_child_died_is_given_a_moment_and_then_ended(self, inbox):
        """KCL's would wait out its grace for the child that is dead."""
        heard, began = Heard(), time.monotonic()
        daemon = f"trap '' TERM; {child(inbox.path, 'os._exit(9)')}; sleep 60"
        supervised(inbox, heard, worker(daemon), after=lambda: heard.deaths)
        assert heard.deaths == [("w1", -signal.SIGKILL, 1)]
        assert 5 <= time.monotonic() - began < 20

    def test_a_child_whose_number_is_another_users_process_by_now_is_dead(self, monkeypatch):
        def refuse(_pid: int, _number: int) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "kill", refuse)
        assert not Worker("w1", Plan(["true"], {}), children={4711: "shard-0"}).busy

    def test_a_daemon_that_does_not_end_though_its_children_have_is_ended(self, inbox):
        heard = Heard()
        leaves = "reporter.left('asked to end')"
        daemon = f"trap '' TERM; {child(inbox.path, leaves)}; while :; do sleep 0.1; done"
        buried = []
        ended = supervised(
            inbox,
            heard,
            worker(daemon),
            after=lambda: len(heard.news) == 2,
            bury=buried.append,
        )
        assert 5 <= ended.seconds < 10
        assert ended.killed == 0  # nothing was left to commit
        assert buried == ["w1"]

    def test_a_second_signal_ends_at_once_what_does_not_end(self, inbox):
        heard = Heard()
        stays = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
        daemon = f"trap '' TERM; {child(inbox.path, stays)}"
        with signalled(lambda: heard.stopped, signal.SIGINT):
            ended = supervised(inbox, heard, worker(daemon), after=lambda: heard.news)
        assert ended.killed == 1
        assert ended.seconds < 5
        (began,) = heard.news
        assert not alive(began.pid)


def tell(inbox: Inbox, news: AnyNews) -> None:
    send(inbox, msgspec.json.encode(news))
