"""A short life of playlake: requests are collected, delivered and compacted, several times.

    FOLDER SEED [--from N] [--end close|kill|settle] [--failing]

It says "T 200 N" or "T 503 N" for request N, answered at T by the monotonic clock, as a client
would hear it; one that was refused is sent again. It has no threads of its own, so that its system
calls come in the same order each time. It ends as the command line does: an error that playlake
raises on purpose is a sentence and status 1; any other is a traceback, which no user may see.
"""

import argparse
import contextlib
import json
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from events.errors import PlaylakeError, Unavailable
from ingest.request import Request
from playlake.local.delivery import Delivery, DeliverySettings
from playlake.local.folder import DataFolder
from playlake.local.invocation import invoke
from playlake.local.pipeline import LocalPipeline
from tests.records import LAB_CLICK, LAB_PLAY
from transform.drivers.file_store import FileStore

ROUNDS = 3
ROUND_REQUESTS = 4
REQUESTS = ROUNDS * ROUND_REQUESTS
_DAY_MS = 86_400_000
_NOW_MS = 1_790_000_000_000
_LATE_DAYS = (0, 0, 40)
_STALL = {"type": "video_player", "event": "stall", "video_id": "foobarbaz", "viewer_id": "anyone"}
_TRIES = 12
"""How often what meets broken infrastructure is tried."""

Event = dict[str, Any]


def requests(seed: int) -> list[list[Event]]:
    """The events of each request: plays of several days, some late, some sent twice, stalls,
    clicks, and some that break their type's rules."""
    chance = random.Random(seed)
    made: list[Event] = []
    batches = []
    for number in range(REQUESTS + 1):
        events = [_event(f"{seed}-{number}-{place}", place, chance) for place in range(6)]
        again = [chance.choice(made)] if made else []
        batches.append([*events, *again])
        # A click and a broken event are of the day they arrive: again after midnight, a second row.
        made += [event for event in events if event["event_id"].endswith(("-0", "-1", "-2"))]
    return batches


def _event(event_id: str, place: int, chance: random.Random) -> Event:
    if place == 4:
        return LAB_CLICK | {"event_id": event_id}
    logged_at = _NOW_MS - chance.choice(_LATE_DAYS) * _DAY_MS - chance.randrange(60_000)
    if place == 3:
        stalled = {"type": "video_player", "event": "stall", "stall_ms": chance.randrange(9_000)}
        return stalled | {
            "event_id": event_id,
            "video_id": "v",
            "viewer_id": "w",
            "logged_at": logged_at,
        }
    play = LAB_PLAY | {"event_id": event_id, "logged_at": logged_at}
    return play | ({"started_at": 99_000} if place == 5 else {})


def main(arguments: Sequence[str]) -> int:
    """Live it; gives the exit status."""
    parser = argparse.ArgumentParser(description="A short life of playlake.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first request sent")
    parser.add_argument("--end", choices=("close", "kill", "settle"), default="close")
    parser.add_argument("--failing", action="store_true", help="the second batch fails")
    asked = parser.parse_args(arguments)
    try:
        pipeline = LocalPipeline(DataFolder(asked.folder))
    except (PlaylakeError, OSError) as error:
        return _told(error)
    try:
        with pipeline:
            _live(pipeline, asked)
            _end(pipeline, asked.end)
    except PlaylakeError as error:
        return _told(error)
    return 0


def _live(pipeline: LocalPipeline, asked: argparse.Namespace) -> None:
    for number, events in list(enumerate(requests(asked.seed)))[asked.first :]:
        if number and number % ROUND_REQUESTS == 0:
            if asked.failing and number == 2 * ROUND_REQUESTS:
                _fail(pipeline)
            _until_available(pipeline.settle)
        _send(pipeline, number, events)


def _fail(pipeline: LocalPipeline) -> None:
    """Deliver what waits by a transform that is broken, as one of a bad deployment is."""
    settings = DeliverySettings(sleep=lambda _: None)
    archive = FileStore(pipeline.folder.root)
    logging.disable()  # of the traceback, which is ours
    Delivery(pipeline.spool, partial(invoke, _broken), archive, settings=settings).drain()
    logging.disable(logging.NOTSET)


def _broken(_event: object, _context: object) -> Event:
    raise ZeroDivisionError("broken on purpose")


def _send(pipeline: LocalPipeline, number: int, events: list[Event]) -> None:
    body = json.dumps(events).encode()
    for _ in range(_TRIES):
        status = pipeline.collect(Request("POST", "/events", {}, body)).status
        os.write(1, f"{time.monotonic()} {status} {number}\n".encode())
        if status == 200:
            return


def _until_available(work: Callable[[], None]) -> None:
    for _ in range(_TRIES):
        with contextlib.suppress(Unavailable):
            return work()
    return None


def _end(pipeline: LocalPipeline, end: str) -> None:
    """`settle` leaves nothing in the spool; the others leave the last request there."""
    if end == "settle":
        pipeline.settle()
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


def _told(error: Exception) -> int:
    print(error, file=sys.stderr)
    return 1
