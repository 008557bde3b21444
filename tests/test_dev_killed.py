"""`playlake dev`, killed by SIGKILL at random moments under load: what it acknowledged is kept."""

import itertools
import random
import threading
import time
from pathlib import Path

import httpx

from playlake.folder import DataFolder
from tests.conftest import Dev, eventually, running_dev, start_dev
from tests.records import LAB_PLAY
from tests.torture.load import rows_by_id

KILLS = 20


class Load:
    """Posts numbered events, some broken, some sent twice, and keeps those answered 200."""

    def __init__(self, seed: int) -> None:
        self.acknowledged: set[str] = set()
        self.sent = 0
        self._numbers = itertools.count()
        self._random = random.Random(seed)

    def run(self, dev: Dev, stop: threading.Event) -> None:
        with httpx.Client(timeout=5) as client:
            while not stop.is_set():
                events = [self._event() for _ in range(self._random.randint(1, 20))]
                try:
                    answer = client.post(f"{dev.url}/events", json=events)
                except httpx.TransportError:
                    return
                self.sent += len(events)
                if answer.status_code == 200:
                    self.acknowledged.update(event["event_id"] for event in events)

    def _event(self) -> dict[str, object]:
        number = next(self._numbers)
        # A tracker that heard no answer sends the same event again: as often as not, much later.
        if number > 50 and self._random.random() < 0.05:
            number = self._random.randrange(number)
        event = LAB_PLAY | {"event_id": f"e{number}", "logged_at": 1535523716167 + number * 60_000}
        return event | ({"started_at": 99_000} if number % 10 == 0 else {})


def test_every_event_that_was_answered_200_is_in_the_lake_or_rejected_once(tmp_path, tell):
    load = Load(seed=1)
    moments = random.Random(2)
    for _ in range(KILLS):
        dev = start_dev(tmp_path, "--quiet")
        stop = threading.Event()
        loading = threading.Thread(target=load.run, args=(dev, stop))
        loading.start()
        time.sleep(moments.uniform(0.05, 2.0))
        dev.kill()
        stop.set()
        loading.join()
        dev.process.stdout.close()
    with running_dev(tmp_path, "--quiet") as dev:
        # An event that was sent twice is one row once its day is quiet.
        eventually(lambda: _assert_none_doubled(tmp_path), seconds=30)
        assert "Delivered." in dev.stop()

    rows = rows_by_id(DataFolder(tmp_path))
    assert len(load.acknowledged) > 1_000
    assert load.acknowledged - set(rows) == set()
    assert {event_id: count for event_id, count in rows.items() if count > 1} == {}
    rejected = rows_by_id(DataFolder(tmp_path), "rejected_events")
    assert set(rejected) & load.acknowledged == {
        event_id for event_id in load.acknowledged if int(event_id[1:]) % 10 == 0
    }
    tell(f"\n{KILLS} kills: {len(load.acknowledged):,} events acknowledged, 0 lost, 0 doubled")


def _assert_none_doubled(data: Path) -> None:
    assert max(rows_by_id(DataFolder(data)).values()) == 1
