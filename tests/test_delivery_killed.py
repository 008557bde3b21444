"""The spool and its delivery through SIGKILL: nothing lost, nothing doubled, no batch changed."""

import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import pytest

from ingest.drivers.spool import Spool
from playlake.local.delivery import DEFAULTS, Delivery
from playlake.local.invocation import invoke
from tests.delivering import failed_records, keep, lines_under, raw_data
from transform.drivers.file_store import FileStore

FAR_AHEAD_MS = 10**14


# Puts numbered records and prints each number once it is acknowledged, while a delivery runs whose
# transform first notes, out of the process's reach, what it was given.
PROGRAM = textwrap.dedent("""
    import os, random, sys, threading, time
    from functools import partial
    from itertools import count
    from pathlib import Path
    from ingest.drivers.spool import Buffering, Spool
    from playlake.local.delivery import Delivery, DeliverySettings
    from playlake.local.invocation import invoke
    from transform.drivers.file_store import FileStore

    folder, start, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    attempts = os.open(folder / "attempts", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def transform(event, context):
        given = ",".join(each["recordId"] + ":" + each["data"] for each in event["records"])
        os.write(attempts, given.encode() + b"\\n")
        if mode == "die attempting":
            os.kill(os.getpid(), 9)
        time.sleep(random.random() * 0.02)
        return {"records": [{**each, "result": "Ok"} for each in event["records"]]}

    class Archive(FileStore):
        def put(self, key, data):
            super().put(key, data)
            if mode == "die archived":
                os.kill(os.getpid(), 9)

    spool = Spool(folder / "spool")
    settings = DeliverySettings(buffering=Buffering(max_age_ms=5))
    archive = Archive(folder / "data")
    delivery = Delivery(spool, partial(invoke, transform), archive, settings=settings)
    threading.Thread(target=delivery.run, args=(threading.Event(),), daemon=True).start()
    for number in count(start):
        spool.submit([b"%d\\n" % number]).add_done_callback(
            lambda done, number=number: os.write(1, b"%d\\n" % number)
        )
        time.sleep(0.0005)
""")


def run_until_killed(folder: Path, start: int, seconds: float) -> list[int]:
    """The numbers that the child acknowledged before it was killed, `seconds` after the first."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, str(start), "live"], stdout=subprocess.PIPE
    )
    first = child.stdout.readline()
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate(timeout=10)
    return [int(line) for line in (first + rest).splitlines()]


def attempts_by_batch(folder: Path) -> dict[str, set[str]]:
    """Every distinct form in which a batch was attempted, by its first record's id."""
    attempts = defaultdict(set)
    for line in (folder / "attempts").read_text().splitlines():
        attempts[line.partition(":")[0]].add(line)
    return attempts


def test_kills_at_any_moment_lose_and_double_nothing_and_change_no_batch(tmp_path: Path):
    moments = random.Random(20_260_921)
    acknowledged = [
        number
        for run in range(10)
        for number in run_until_killed(tmp_path, run * 1_000_000, moments.uniform(0, 0.15))
    ]
    archive = FileStore(tmp_path / "data")
    with Spool(tmp_path / "spool") as spool:
        Delivery(spool, partial(invoke, keep), archive).drain()
    delivered = [int(line) for line in lines_under(archive, "raw/")]
    delivered += [int(data) for data in raw_data(failed_records(archive))]
    assert len(acknowledged) > 50
    assert set(acknowledged) <= set(delivered)
    assert len(delivered) == len(set(delivered))
    assert all(len(forms) == 1 for forms in attempts_by_batch(tmp_path).values())


def begin_batch(folder: Path, record: bytes) -> None:
    with Spool(folder / "spool") as spool:
        spool.put([record])
        assert spool.cut(FAR_AHEAD_MS) is not None


def die(folder: Path, mode: str) -> None:
    program = [sys.executable, "-c", PROGRAM, folder, "0", mode]
    ended = subprocess.run(program, check=False, capture_output=True, timeout=20)
    assert ended.returncode == -signal.SIGKILL


def drain(folder: Path) -> None:
    with Spool(folder / "spool") as spool:
        Delivery(spool, partial(invoke, keep), FileStore(folder / "data")).drain()


@pytest.mark.parametrize("mode", ["die attempting", "die archived"])
def test_a_batch_whose_attempt_was_cut_short_is_tried_again_as_the_same_batch(
    tmp_path: Path, mode: str
):
    begin_batch(tmp_path, b"first\n")
    die(tmp_path, mode)
    die(tmp_path, mode)
    drain(tmp_path)
    lines = (tmp_path / "attempts").read_text().splitlines()
    assert len(lines) == 2
    assert len(set(lines)) == 1
    assert lines_under(FileStore(tmp_path / "data"), "raw/").count(b"first\n") == 1


def test_a_machine_that_dies_again_and_again_is_not_the_batchs_fault(tmp_path: Path):
    begin_batch(tmp_path, b"good\n")
    for _ in range(DEFAULTS.max_attempts + 1):
        die(tmp_path, "die attempting")
    drain(tmp_path)
    assert list(FileStore(tmp_path / "data").keys("failed/")) == []
    assert lines_under(FileStore(tmp_path / "data"), "raw/").count(b"good\n") == 1


def test_a_batch_that_kills_the_process_every_time_is_set_aside_in_the_end(tmp_path: Path):
    begin_batch(tmp_path, b"poison\n")
    for _ in range(DEFAULTS.max_begun):
        die(tmp_path, "die attempting")
    drain(tmp_path)
    (failed,) = failed_records(FileStore(tmp_path / "data"))
    assert raw_data([failed]) == [b"poison\n"]
    assert failed["attemptsMade"] == DEFAULTS.max_begun
    assert "process ended" in failed["errorMessage"]
