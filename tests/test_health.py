"""`/healthz` and `/metrics` of the local server: what they say, and that it is true."""

import json
import re
import shutil
import threading
from dataclasses import dataclass, field

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from events.errors import StreamUnavailable
from events.registry import REGISTRY
from ingest.drivers.spool import Backlog, Spool
from ingest.refusals import STATUS_OF
from ingest.request import Request, Response
from playlake.local.folder import DataFolder
from playlake.local.pipeline import LocalPipeline, Observers
from playlake.local.upkeep import Upkeep
from playlake.web.exposition import CONTENT_TYPE, Counter, Family, Histogram, Sample, exposed, gauge
from playlake.web.health import (
    FREE_BYTES,
    FRESH_SECONDS,
    OLDEST_SECONDS,
    FolderProbe,
    Health,
    health_route,
)
from playlake.web.measures import LAG_SECONDS, Measures, metrics_route
from playlake.web.serving import serving_app
from tests.conftest import eventually
from tests.records import LAB_CLICK, LAB_PLAY

NOW = 1_790_000_000_000


@dataclass
class Machine:
    """See `playlake.web.health.Probed`: a machine whose faults the test chooses."""

    waiting: Backlog = field(default_factory=Backlog)
    alive: bool = True
    kept_up: bool = True
    free: int = 10 * FREE_BYTES
    refuses: Exception | None = None
    writes: int = 0

    def write(self) -> None:
        self.writes += 1
        if self.refuses:
            raise self.refuses

    def backlog(self) -> Backlog:
        if isinstance(self.refuses, StreamUnavailable):
            raise self.refuses
        return self.waiting

    def delivering(self) -> bool:
        return self.alive

    def keeping_up(self) -> bool:
        return self.kept_up

    def free_bytes(self) -> int:
        return self.free


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def health(machine: Machine, clock: Clock | None = None) -> Health:
    return Health(machine, lambda: NOW, clock or Clock())


# --- health ---


def test_a_machine_that_is_well_is_ready_and_says_what_was_measured():
    status, body = health(Machine(Backlog(3, 100, NOW - 1_500))).report().answer()
    assert status == 200
    assert body == {
        "data": {
            "status": "ok",
            "checks": {
                "spool": {"ok": True},
                "delivery": {"ok": True},
                "upkeep": {"ok": True},
                "waiting": {"ok": True, "records": 3, "oldest_seconds": 1.5},
                "disk": {"ok": True, "free_bytes": 10 * FREE_BYTES},
            },
        }
    }


SECRET_PATH = "/home/ann/lake/spool.db"


@pytest.mark.parametrize(
    ("machine", "name", "says"),
    [
        (Machine(refuses=OSError(28, "No space left on device", SECRET_PATH)), "spool", "No space"),
        (Machine(refuses=TimeoutError("no transaction in 5 s")), "spool", "no transaction"),
        (Machine(refuses=StreamUnavailable(f"cannot write {SECRET_PATH}")), "spool", "the log"),
        (Machine(alive=False), "delivery", "Start it again"),
        (Machine(kept_up=False), "upkeep", "Start it again"),
        (Machine(Backlog(1, 9, NOW - int(OLDEST_SECONDS * 1_000) - 1)), "waiting", "300 s"),
        (Machine(free=FREE_BYTES - 1), "disk", "make room"),
    ],
)
def test_each_fault_alone_makes_it_not_ready_and_is_named(machine, name, says):
    status, body = health(machine).report().answer()
    assert status == 503
    assert body["error"]["code"] == "not_ready"
    assert f"{name}: " in body["error"]["message"]
    assert says in body["error"]["message"]
    assert body["data"]["checks"][name]["ok"] is False
    assert "/home" not in str(body)


def test_at_the_limits_it_is_still_ready():
    machine = Machine(Backlog(1, 9, NOW - int(OLDEST_SECONDS * 1_000)), free=FREE_BYTES)
    assert health(machine).report().answer()[0] == 200
    # A clock that was set back is no fault of the delivery's.
    assert health(Machine(Backlog(1, 9, NOW + 10_000))).report().answer()[0] == 200


def test_asked_often_it_looks_once_a_second_and_then_again():
    machine, clock = Machine(), Clock()
    asked = health(machine, clock)
    for _ in range(50):
        asked.report()
    assert machine.writes == 1
    machine.refuses = OSError(28, "No space left on device")
    clock.seconds = FRESH_SECONDS
    assert asked.report().faults
    machine.refuses = None
    clock.seconds = 2 * FRESH_SECONDS
    assert not asked.report().faults  # it comes back by itself: no event has to try
    assert machine.writes == 3


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_a_slow_look_holds_up_only_who_asks_for_it(path):
    looking, looked = threading.Event(), threading.Event()

    class Slow(Machine):
        def write(self) -> None:
            looking.set()
            assert looked.wait(10)

        def families(self) -> list[Family]:
            self.write()
            return []

    async def other(_request):
        return PlainTextResponse("served")

    slow = Slow()
    routes = [
        health_route(health(slow)),
        metrics_route(slow.families, None),
        Route("/other", other),
    ]
    with serving_app(Starlette(routes=routes)) as url:
        asking = threading.Thread(target=lambda: httpx.get(f"{url}{path}", timeout=10))
        asking.start()
        assert looking.wait(5)
        assert httpx.get(f"{url}/other", timeout=5).text == "served"
        looked.set()
        asking.join()


def test_a_folder_is_probed_by_writing_and_nothing_stays_of_it(tmp_path):
    with Spool(tmp_path / "spool.db") as spool:
        probe = FolderProbe(tmp_path, spool, lambda: True, lambda: True)
        spool.put([b"{}\n"])
        before = sorted(tmp_path.iterdir())
        for _ in range(3):
            probe.write()
        assert sorted(tmp_path.iterdir()) == before
        assert probe.backlog().records == 1
        assert probe.free_bytes() > 0


def test_a_spool_that_takes_nothing_any_more_is_seen_though_the_disk_is_well(tmp_path):
    spool = Spool(tmp_path / "spool.db")
    spool.close()
    probe = FolderProbe(tmp_path, spool, lambda: True, lambda: True)
    report = Health(probe, lambda: NOW).report()
    assert report.answer()[1]["data"]["checks"]["spool"]["ok"] is False


def test_a_folder_that_is_gone_is_not_ready(tmp_path):
    (data := tmp_path / "data").mkdir()
    with Spool(tmp_path / "spool.db") as spool:
        probe = FolderProbe(data, spool, lambda: True, lambda: True)
        data.rmdir()
        status, body = Health(probe, lambda: NOW).report().answer()
    assert status == 503
    assert body["data"]["checks"]["spool"]["ok"] is False
    assert body["data"]["checks"]["disk"]["ok"] is False


def test_delivery_and_upkeep_are_alive_from_their_start_to_their_end(tmp_path):
    with LocalPipeline(DataFolder(tmp_path)) as pipeline:
        background = pipeline.start()
        assert (background.delivering, background.keeping_up) == (False, False)
        with background:
            assert background.delivering
            assert background.keeping_up
        assert (background.delivering, background.keeping_up) == (False, False)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_upkeep_that_has_ended_is_told_while_the_delivery_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(Upkeep, "compact_due", lambda _upkeep: 1 / 0)

    def upkeep_has_ended():
        assert not background.keeping_up

    with LocalPipeline(DataFolder(tmp_path)) as pipeline, pipeline.start() as background:
        eventually(upkeep_has_ended)
        assert background.delivering


# --- the text ---


def test_the_text_is_prometheus_own():
    counter = Counter("requests_total", "Refused.", "code", ("a", "b"))
    counter.add(2, "b")
    lag = Histogram("lag_seconds", "Lag.", (1, 2.5))
    for seconds in (0.5, 1, 2, 100):
        lag.observe(seconds)
    assert exposed([counter.family(), lag.family(), gauge("up", "Is\nup\\.", 1.5)]) == (
        "# HELP requests_total Refused.\n"
        "# TYPE requests_total counter\n"
        'requests_total{code="a"} 0\n'
        'requests_total{code="b"} 2\n'
        "# HELP lag_seconds Lag.\n"
        "# TYPE lag_seconds histogram\n"
        'lag_seconds_bucket{le="1"} 2\n'
        'lag_seconds_bucket{le="2.5"} 3\n'
        'lag_seconds_bucket{le="+Inf"} 4\n'
        "lag_seconds_sum 103.5\n"
        "lag_seconds_count 4\n"
        "# HELP up Is\\nup\\\\.\n"
        "# TYPE up gauge\n"
        "up 1.5\n"
    )


def test_a_labels_value_is_escaped():
    family = Family("x", "gauge", "X.", (Sample(1, {"a": 'q"\\\n'}),))
    assert 'x{a="q\\"\\\\\\n"} 1\n' in exposed([family])


def test_counts_of_many_threads_add_up():
    counter = Counter("n_total", "N.")
    threads = [
        threading.Thread(target=lambda: [counter.add(1) for _ in range(1_000)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.family().samples == (Sample(8_000),)


# --- what is counted ---


def samples(text: str) -> dict[str, float]:
    """Every line of the text, by its name and labels."""
    found = re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
    assert len(found) == len([line for line in text.splitlines() if not line.startswith("#")])
    return {name: float(value) for name, value in found}


def test_every_code_and_table_is_there_before_the_first_of_its_kind():
    told = samples(exposed(Measures().families()))
    for code in STATUS_OF:
        assert told[f'playlake_requests_refused_total{{code="{code}"}}'] == 0
    for table in REGISTRY.tables:
        assert told[f'playlake_rows_written_total{{table="{table.name}"}}'] == 0
    assert told["playlake_events_accepted_total"] == 0


def test_the_lag_is_from_the_oldest_events_arrival_to_now(tmp_path):
    written: list[tuple[str, bytes]] = []
    observers = Observers(written=lambda key, data: written.append((key, data)))
    with LocalPipeline(DataFolder(tmp_path), observers=observers) as pipeline:
        pipeline.collect(Request("POST", "/events", {}, json.dumps(LAB_PLAY).encode()))
        pipeline.delivery.drain()
    ((key, data),) = written
    received = pq.read_table(pa.BufferReader(data))["received_at"].cast(pa.int64())[0]
    measures = Measures(now=lambda: received.as_py() / 1_000 + 7)
    measures.written(key, data)
    told = samples(exposed(measures.families()))
    assert told["playlake_delivery_lag_seconds_sum"] == pytest.approx(7)
    assert told['playlake_delivery_lag_seconds_bucket{le="5"}'] == 0
    assert told['playlake_delivery_lag_seconds_bucket{le="10"}'] == 1
    assert list(LAG_SECONDS) == sorted(LAG_SECONDS)


def test_what_is_no_table_of_ours_is_not_counted():
    measures = Measures()
    before = exposed(measures.families())
    measures.written("lake/elsewhere.txt", b"")
    measures.answered(Response(204, {}, b""))
    assert exposed(measures.families()) == before


# --- the server ---


def test_dev_is_healthy_and_counts_what_it_did(dev):
    body = httpx.get(f"{dev.url}/healthz").json()
    assert body["data"]["status"] == "ok"
    checks = ["spool", "delivery", "upkeep", "waiting", "disk"]
    assert list(body["data"]["checks"]) == checks
    dev.post([LAB_PLAY, {**LAB_PLAY, "started_at": "0"}, LAB_CLICK])
    httpx.post(f"{dev.url}/events", content=b"{")
    httpx.get(f"{dev.url}/events")

    def everything_is_told():
        answer = httpx.get(f"{dev.url}/metrics")
        assert answer.headers["content-type"] == CONTENT_TYPE
        told = samples(answer.text)
        assert told["playlake_events_accepted_total"] == 3
        assert told['playlake_requests_refused_total{code="invalid_json"}'] == 1
        assert told['playlake_requests_refused_total{code="method_not_allowed"}'] == 1
        assert told['playlake_batches_total{fate="delivered"}'] == 1
        assert told["playlake_records_failed_total"] == 0
        for table in ("video_play_events", "custom_events", "rejected_events"):
            assert told[f'playlake_rows_written_total{{table="{table}"}}'] == 1
        assert told['playlake_events_rejected_total{reason="wrong_type"}'] == 1
        assert told["playlake_records_waiting"] == 0
        assert told["playlake_oldest_waiting_seconds"] == 0
        assert told["playlake_delivery_lag_seconds_count"] == 3
        assert 0 < told["playlake_delivery_lag_seconds_sum"] < 30
        assert told["process_start_time_seconds"] > 1_700_000_000

    eventually(everything_is_told, seconds=8)
    dev.post(LAB_CLICK)

    def the_second_file_was_made_one_with_the_first():
        told = samples(httpx.get(f"{dev.url}/metrics").text)
        assert told["playlake_compactions_total"] == 1

    eventually(the_second_file_was_made_one_with_the_first, seconds=15)


def test_nothing_of_a_viewers_is_in_the_metrics(dev):
    marks = {
        "video_id": "mark-v",
        "viewer_id": "mark-w",
        "user_agent": "mark-a",
        "play_id": "mark-p",
    }
    dev.post(
        [{**LAB_PLAY, **marks}, {"action": "mark-x", "n": "mark-y"}, {**marks, "type": "mark-t"}]
    )
    httpx.post(f"{dev.url}/events", content=b"mark-b", headers={"referer": "http://mark-r/"})

    def it_was_counted():
        text = httpx.get(f"{dev.url}/metrics").text
        assert samples(text)["playlake_delivery_lag_seconds_count"] >= 2
        assert "mark-" not in text

    eventually(it_was_counted, seconds=8)


def test_a_page_that_was_rebound_to_this_machine_reads_no_metrics(dev):
    answer = httpx.get(f"{dev.url}/metrics", headers={"host": "rebound.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "unknown_host")


def test_dev_says_that_it_is_not_ready_when_its_folder_is_taken_away(dev):
    assert httpx.get(f"{dev.url}/healthz").status_code == 200
    shutil.rmtree(dev.data)

    def it_says_so():
        answer = httpx.get(f"{dev.url}/healthz")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "not_ready"
        assert str(dev.data) not in answer.text

    eventually(it_says_so)
    dev.kill()
