"""A shard's consumer as the KCL's child, but without the KCL, and what memory it takes.

`benchmarks.consumer` measures with it, and runs it as a process of its own: the messages of the
daemon come by standard input, each made when there is room for it.
"""

import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from amazon_kclpy import kcl

from benchmarks.peers.answering import peak_mb
from benchmarks.transform import BEGAN_MS, EVENTS_A_RECORD
from playlake.consuming.news import Reporter
from playlake.drivers.kcl import RecordProcessor, Surroundings
from transform.committing import Writer
from transform.consumer import Habits, ShardConsumer
from transform.drivers.file_store import FileStore
from transform.gathering import StreamRecord
from transform.ledger import Ledger, Place
from transform.process import Processor

RECORDS_A_CALL = 500
"""At 19 kB each as many as GetRecords gives at once: 10 MB (API reference, "GetRecords")."""
_TAKEN = b'{"action": "checkpoint", "sequenceNumber": null, "subSequenceNumber": null}\n'
TINY_GB = 0.4
"""Three batches: from the second on, none takes more."""


def packed(lines: Sequence[bytes]) -> Iterator[StreamRecord]:
    """The events as a shard has them."""
    for start in range(0, len(lines), EVENTS_A_RECORD):
        data = b"\n".join(lines[start : start + EVENTS_A_RECORD]) + b"\n"
        yield StreamRecord(Place(start + 1), base64.b64encode(data).decode(), BEGAN_MS)


def shard_consumer(root: Path, *, keep_raw: bool) -> ShardConsumer:
    """One whose partitions nobody needs to be told of, as S3 tells Firehose's."""
    store = FileStore(root)
    writer = Writer(FileStore(root / "lake"), store, len, "bench-0")
    ledger = Ledger(store, "bench", "0")
    return ShardConsumer(ledger, Processor(), writer, Habits(keep_raw=keep_raw))


class Daemon:
    """The other end of the protocol: says what it is given, each message made when it is read, and
    yes to every checkpoint."""

    def __init__(self, said: Iterable[bytes]) -> None:
        self._said = iter(said)
        self._asked = False

    def readline(self) -> bytes:
        """The next message, or nothing."""
        if self._asked:
            self._asked = False
            return _TAKEN
        return next(self._said, b"")

    def write(self, text: str) -> None:
        """What the child has to say."""
        self._asked = self._asked or '"action": "checkpoint"' in text

    def flush(self) -> None:
        """Nothing is kept back."""


def through_kcl(said: Iterable[bytes], root: Path, *, keep_raw: bool = False) -> None:
    """As the daemon's messages, one a line. Where playlake's processor fails, the process ends."""
    consumer = shard_consumer(root, keep_raw=keep_raw)
    processor = RecordProcessor(
        lambda *_: consumer, Surroundings(Reporter("", "bench", os.getpid()))
    )
    daemon: Any = Daemon(said)
    kcl.KCLProcess(processor, daemon, daemon, sys.stderr).run()


def messages(records: Sequence[StreamRecord]) -> list[bytes]:
    """What the daemon writes to its child in a shard's life."""
    calls = (
        records[start : start + RECORDS_A_CALL] for start in range(0, len(records), RECORDS_A_CALL)
    )
    return [initialize(), *map(process_records, calls), shard_ended()]


def initialize() -> bytes:
    """The first message."""
    position = {"sequenceNumber": "TRIM_HORIZON", "subSequenceNumber": 0}
    return _line({"action": "initialize", "shardId": "0", **position})


def process_records(records: Iterable[StreamRecord]) -> bytes:
    """Records, as the daemon's JSON has them."""
    written = [
        {
            "action": "record",
            "data": each.data,
            "partitionKey": "v-001",
            "sequenceNumber": str(each.place.sequence),
            "subSequenceNumber": each.place.sub,
            "approximateArrivalTimestamp": each.arrived_ms,
        }
        for each in records
    ]
    return _line({"action": "processRecords", "records": written, "millisBehindLatest": 0})


def shard_ended() -> bytes:
    """The last message."""
    return _line({"action": "shardEnded"})


def _line(message: Mapping[str, object]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def memory_behind(gigabytes: float, lines: Sequence[bytes]) -> dict[str, float]:
    """What a child of its own needs to catch up with events such as these, raw lines archived: its
    peak in MB, and how much of that it had when it began."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = (sys.executable, "-m", "benchmarks._kcl_child", folder)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None
            with suppress(BrokenPipeError):  # a child that failed has said why
                child.stdin.writelines(backlog(int(gigabytes * 10**9), lines))
            said, _ = child.communicate()
    if child.returncode:
        raise SystemExit(f"the child that caught up ended with {child.returncode}")
    seconds = time.perf_counter() - began
    return {"gigabytes": gigabytes, "seconds": seconds, **json.loads(said)}


def main() -> None:
    """Be the child, over the folder that is named; the daemon's messages come by standard input."""
    before = peak_mb()
    through_kcl(sys.stdin.buffer, Path(sys.argv[1]), keep_raw=True)
    print(json.dumps({"peak_mb": peak_mb(), "before_mb": before}))


def tiny_events() -> list[bytes]:
    """The smallest that come: each is several times as large as columns."""
    return [
        b'{"type":"t%d","event_id":"%036d","received_at":%d}' % (number, number, BEGAN_MS)
        for number in range(100)
    ]


def backlog(size: int, like: Sequence[bytes]) -> Iterator[bytes]:
    """The daemon's messages of so many bytes of data, each made when it is read."""
    rng = random.Random(2)
    halves = [line.split(b'"event_id":"', 1) for line in like]
    parts = [(before + b'"event_id":"', after[36:]) for before, after in halves]
    yield initialize()
    sequence = 0
    while size > 0:
        call = []
        for _ in range(RECORDS_A_CALL):
            sequence += 1
            chosen = rng.choices(parts, k=EVENTS_A_RECORD)
            lines = (b"%s%032x%s\n" % (a, rng.getrandbits(128), z) for a, z in chosen)
            data = b"".join(lines)
            size -= len(data)
            call.append(StreamRecord(Place(sequence), base64.b64encode(data).decode(), BEGAN_MS))
        yield process_records(call)
    yield shard_ended()


if __name__ == "__main__":
    main()
