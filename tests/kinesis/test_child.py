"""The child of a daemon, spoken to by the MultiLangDaemon's protocol: as a process of its own."""

import base64
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from playlake.consuming.news import Inbox
from playlake.consuming.settings import ConsumerSettings
from tests.kinesis.consuming import event, ids, rows_by_id
from tests.lacking import lacking
from tests.records import ARRIVED, lines
from transform.drivers.file_store import FileStore
from transform.ledger import Ledger

TAKEN = {"action": "checkpoint", "sequenceNumber": None, "subSequenceNumber": None, "error": None}
MADE = [event(number, ARRIVED) for number in range(40)]


@pytest.fixture(autouse=True)
def kclpy() -> None:
    if find_spec("amazon_kclpy") is None:
        lacking("amazon_kclpy is not installed; `make test` installs it where there is a Java.")


@dataclass
class Child:
    """A child, and the daemon's end of its pipes."""

    process: subprocess.Popen[str]
    inbox: Inbox

    def ask(self, action: str, **what: object) -> None:
        self.process.stdin.write(json.dumps({"action": action, **what}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, object] | None:
        """The next message; None when it has ended."""
        for line in self.process.stdout:
            if line.strip():
                return json.loads(line)
        return None

    def initialize(self, checkpoint: str = "TRIM_HORIZON") -> dict[str, object] | None:
        self.ask("initialize", shardId="shard-0", sequenceNumber=checkpoint, subSequenceNumber=0)
        return self.answer()

    def give(self, first: int, count: int) -> dict[str, object] | None:
        """Records of four events each."""
        records = [
            {
                "action": "record",
                "data": base64.b64encode(lines(*MADE[each * 4 : each * 4 + 4])).decode(),
                "partitionKey": "p",
                "sequenceNumber": str(1_000 + each),
                "subSequenceNumber": 0,
                "approximateArrivalTimestamp": ARRIVED,
            }
            for each in range(first, first + count)
        ]
        self.ask("processRecords", records=records, millisBehindLatest=70)
        return self.answer()

    def end(self) -> int:
        """What the daemon does at last; gives the exit code."""
        self.process.stdin.close()
        return self.process.wait(20)

    def news(self) -> list[object]:
        heard = []
        while (each := self.inbox.wait(0.05)) is not None:
            heard.append(each)
        return heard


def status(of: str) -> dict[str, str]:
    return {"action": "status", "responseFor": of}


@contextmanager
def child(root: Path, **more: object) -> Iterator[Child]:
    (root / "lake").mkdir(parents=True, exist_ok=True)
    with Inbox(root / "news") as inbox:
        settings = ConsumerSettings(
            stream="plays",
            lake=(root / "lake").as_uri(),
            catalog=f"sqlite://{root}/catalog.db",
            application="plays",
            worker="w1",
            news=str(inbox.path),
            **more,
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "playlake.drivers.kcl"],
            env=settings.to_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield Child(process, inbox)
            finally:
                process.kill()


def through(root: Path) -> str:
    return str(Ledger(FileStore(root), "plays", "shard-0").load().through)


def expected(records: int) -> Counter[str]:
    return ids(MADE[: records * 4])


def test_what_was_read_is_committed_and_checkpointed_when_the_daemon_asks_it_to_end(tmp_path):
    with child(tmp_path) as running:
        assert running.initialize() == status("initialize")
        assert running.give(0, 3) == status("processRecords")
        assert rows_by_id(tmp_path) == Counter()
        running.ask("shutdownRequested")
        checkpoint = running.answer()
        assert (checkpoint["action"], checkpoint["sequenceNumber"]) == ("checkpoint", "1002")
        assert rows_by_id(tmp_path) == expected(3)
        running.ask("checkpoint", sequenceNumber="1002", subSequenceNumber=0)
        assert running.answer() == status("shutdownRequested")
        assert running.end() == 0
        began, committed, left = running.news()
        assert (began.shard, began.worker, began.through) == ("shard-0", "w1", None)
        assert (committed.records, committed.rows, committed.behind_ms) == (3, 12, 70)
        assert left.why == "asked to end"


def test_a_full_batch_is_checkpointed_once_it_is_in_the_lake(tmp_path):
    with child(tmp_path, max_bytes=1_000) as running:
        running.initialize()
        checkpoint = running.give(0, 4)
        assert checkpoint["action"] == "checkpoint"
        assert through(tmp_path) == checkpoint["sequenceNumber"]
        running.ask(**TAKEN)
        assert running.answer() == status("processRecords")
        assert running.end() == 0


def test_a_daemon_that_is_gone_leaves_uncommitted_what_was_gathered(tmp_path):
    with child(tmp_path) as running:
        running.initialize()
        running.give(0, 3)
        assert running.end() == 0
        assert rows_by_id(tmp_path) == Counter()


def test_signals_of_the_terminal_are_not_for_it(tmp_path):
    with child(tmp_path) as running:
        running.initialize()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            running.process.send_signal(number)
        assert running.give(0, 1) == status("processRecords")
        assert running.end() == 0


def test_a_lost_lease_drops_what_was_gathered(tmp_path):
    with child(tmp_path) as running:
        running.initialize()
        running.give(0, 3)
        running.ask("leaseLost")
        assert running.answer() == status("leaseLost")
        assert running.end() == 0
        assert rows_by_id(tmp_path) == Counter()


def test_a_shard_that_ends_is_committed_and_its_end_checkpointed_whatever_that_takes(tmp_path):
    with child(tmp_path) as running:
        running.initialize()
        running.give(0, 3)
        running.ask("shardEnded")
        for error in ("ThrottlingException", "KinesisClientLibDependencyException", None):
            asked = running.answer()
            # No number: the end of the shard.
            assert (asked["action"], asked["sequenceNumber"]) == ("checkpoint", None)
            running.ask(**{**TAKEN, "error": error})
        assert running.answer() == status("shardEnded")
        assert running.end() == 0
        assert rows_by_id(tmp_path) == expected(3)


def test_an_end_that_is_never_checkpointed_ends_the_child_before_the_daemon_hears_of_success(
    tmp_path,
):
    with child(tmp_path) as running:
        running.initialize()
        running.ask("shardEnded")
        while (answer := running.answer()) is not None:
            assert answer["action"] == "checkpoint"
            running.ask(**{**TAKEN, "error": "ThrottlingException"})
        assert running.process.wait(10) == 1
        assert "ThrottlingException" in running.news()[-1].message


def test_a_checkpoint_that_is_refused_because_the_lease_is_lost_is_not_tried_again(tmp_path):
    with child(tmp_path) as running:
        running.initialize()
        running.give(0, 3)
        running.ask("shutdownRequested")
        assert running.answer()["action"] == "checkpoint"
        running.ask(**{**TAKEN, "error": "ShutdownException"})
        assert running.answer() == status("shutdownRequested")
        assert running.end() == 0


def test_an_error_ends_the_child_before_the_daemon_hears_of_success(tmp_path):
    """The KCL for Python would report success, and the daemon go on with the next records."""
    with child(tmp_path, max_bytes=1) as running:
        running.initialize()
        (tmp_path / "lake").rename(tmp_path / "moved")
        (tmp_path / "lake").write_text("no folder")
        assert running.give(0, 3) is None
        assert running.process.wait(10) == 1
        assert "lake" in running.news()[-1].message


def test_a_checkpoint_beyond_the_lake_is_said_and_ends_the_child(tmp_path):
    with child(tmp_path) as running:
        assert running.initialize("5000") is None
        assert running.process.wait(10) == 1
        (said,) = running.news()
        assert (said.level, said.shard) == ("ERROR", "shard-0")
        assert "--application" in said.message


def test_of_two_that_have_the_shard_the_later_to_commit_ends(tmp_path):
    with child(tmp_path) as late:
        late.initialize()
        late.give(0, 2)
        # Another took the shard meanwhile, and wrote.
        ledger = tmp_path / "consumed" / "plays" / "shard-0.json"
        ledger.parent.mkdir(parents=True)
        ledger.write_text('{"format": 1, "nonce": "another", "through": "1001"}')
        late.ask("shutdownRequested")
        assert late.answer() is None
        assert late.process.wait(10) == 1
        assert "another consumer of the shard" in late.news()[-1].message
        assert rows_by_id(tmp_path) == Counter()
