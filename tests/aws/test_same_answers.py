"""The same events through the deployed stack and through local mode: the same rows and answers."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from catalog.named import named_queries
from events.registry import REGISTRY
from ingest.collector import EVENTS_PATH, Collector
from ingest.request import Request
from playlake.local.feed import feed_folder, feed_url
from playlake.local.folder import DataFolder
from playlake.simulation import Scenario, SimulatedRequest, Simulation
from tests.aws.account import EmulatedAccount, step
from tests.aws.dashboard import ask, records, serving
from tests.conftest import Dev, Tell

UNTIL = date(2026, 10, 31)
DAYS = 14
SCENARIO = Scenario(viewers=90, days=DAYS, seed=3, until=UNTIL, malformed=0.01)
EVENTS = 10_000
# So many a tracker sends that was offline: the emulator runs three functions for each request.
EVENTS_A_REQUEST = 480
IDENTIFIER = "same"


@pytest.fixture(scope="module")
def requests(tell: Tell) -> list[SimulatedRequest]:
    """The scenario's requests, those of one viewer gathered; what is to be refused is as it was."""
    simulation = Simulation(SCENARIO)
    gathered = list(gather(simulation.requests()))
    totals = simulation.truth().totals()
    assert totals.events_sent >= EVENTS
    assert totals.duplicates > 100
    assert totals.late_events > 10
    assert totals.requests_refused > 10
    assert len(totals.rejected_events) > 4
    tell(f"{totals.events_sent:,} events in {len(gathered):,} requests: {totals}")
    return gathered


def gather(requests: Iterable[SimulatedRequest]) -> Iterator[SimulatedRequest]:
    """Each event with an id: of one without, a request that is sent again makes another event, and
    whether one has to be is the emulator's whim."""
    waiting: dict[tuple[str | None, str | None], list[object]] = {}
    last = {}
    for number, request in enumerate(requests):
        events = events_of(request.body)
        if events is None:
            yield request
            continue
        sender = (request.user_agent, request.referer)
        waiting.setdefault(sender, []).extend(
            {"event_id": f"{number}-{index}"} | event for index, event in enumerate(events)
        )
        last[sender] = request
        if len(waiting[sender]) >= EVENTS_A_REQUEST:
            yield replace(request, body=json.dumps(waiting.pop(sender)).encode())
    for sender, events in waiting.items():
        yield replace(last[sender], body=json.dumps(events).encode())


def events_of(body: bytes) -> list[dict[str, Any]] | None:
    """A body's events; None for one that the collector has to refuse."""
    request = Request("POST", EVENTS_PATH, {"content-type": "application/json"}, body)
    if not Collector(max_record_bytes=1_000_000).collect(request).response.accepted:
        return None
    decoded = json.loads(body)
    return decoded if isinstance(decoded, list) else [decoded]


@pytest.fixture(scope="module")
def local(requests: list[SimulatedRequest], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the events in it."""
    data = tmp_path_factory.mktemp("local") / "data"
    feed_folder(requests, DataFolder(data))
    return data


@pytest.fixture(scope="module")
def deployed(requests: list[SimulatedRequest], emulated: EmulatedAccount) -> EmulatedAccount:
    """A stack that took the same events in."""
    with step(emulated, "deploy"):
        emulated.serverless("deploy", "--identifier", IDENTIFIER)
        emulated.speak_plainly(IDENTIFIER)
    with step(emulated, f"post {len(requests):,} requests"):
        feed_url(requests, emulated.url(IDENTIFIER))
    with step(emulated, "compact, as its schedule does"):
        client = emulated.client("lambda", read_timeout=600)
        function, until = f"playlake-{IDENTIFIER}-dev-compact", b'{"until": 4102444800}'
        answer = client.invoke(FunctionName=function, Payload=until)
        swept = json.loads(answer["Payload"].read())
        emulated.tell(str(swept))
        assert (swept["too_large"], swept["unreadable"]) == ([], [])
    with step(emulated, "playlake catalog sync"):
        emulated.tell(emulated.playlake("catalog", "sync", "--identifier", IDENTIFIER))
    return emulated


def lake_of(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table's files, each with the day that its path says."""
    files = sorted(folder.glob(f"{table}/dt=*/*.parquet"))
    return [
        row | {"dt": file.parent.name.removeprefix("dt=")}
        for file in files
        for row in pq.ParquetFile(file).read().to_pylist()
    ]


@pytest.fixture(scope="module")
def lakes(
    local: Path, deployed: EmulatedAccount, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Both lakes as folders: the local one, and what lies in the bucket."""
    copy = tmp_path_factory.mktemp("deployed")
    s3 = deployed.client("s3")
    for key in deployed.keys(IDENTIFIER, "lake/"):
        path = copy / key
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(deployed.bucket(IDENTIFIER), key, str(path))
    return [local / "lake", copy / "lake"]


@pytest.mark.parametrize("table", [table.name for table in REGISTRY.tables])
def test_every_table_has_the_same_rows(lakes: list[Path], table: str) -> None:
    mine, theirs = (lake_of(lake, table) for lake in lakes)
    assert len(mine) == len(theirs) > 0
    assert Counter(told(mine)) == Counter(told(theirs))


def told(rows: Iterable[dict[str, Any]]) -> Iterable[str]:
    """The rows without what the collector stamps: when an event came."""
    for row in rows:
        sent = {name: value for name, value in row.items() if name != "received_at"}
        if "payload" in row:
            sent["payload"] = unstamped(row["payload"])
            del sent["dt"]  # the day it came on
        if sent.get("logged_at", "") is None:
            del sent["dt"]  # an event without a time of its own is of the day it came on
        yield json.dumps(sent, sort_keys=True, default=str)


def unstamped(payload: str) -> str:
    event = json.loads(payload)
    del event["received_at"]
    return json.dumps(event, sort_keys=True)


def test_every_named_query_has_the_same_answer(local: Path, deployed: EmulatedAccount) -> None:
    days = {"since": (UNTIL - timedelta(days=DAYS + 6)).isoformat(), "until": UNTIL.isoformat()}
    with (
        serving(deployed, "dashboard", "--identifier", IDENTIFIER) as there,
        serving(deployed, "dashboard", "--data", str(local)) as here,
    ):
        for named in named_queries():
            about = {
                each.name: busiest(local, each.name)
                for each in named.parameters
                if each.name in ("user_id", "video_id")
            }
            theirs, mine = (answer(where, named.name, days | about) for where in (there, here))
            deployed.tell(f"[emulated] {named.name}: {len(theirs)} rows")
            assert rounded(theirs) == rounded(mine)
            assert mine


def answer(dashboard: Dev, name: str, about: dict[str, str]) -> list[dict[str, Any]]:
    """A report, without when events were received: those of one lake came after the other's."""
    answered = ask(dashboard, f"reports/{name}", **about)
    assert answered.status_code == 200, answered.text
    return [
        {column: each for column, each in row.items() if column != "newest"}
        for row in records(answered.json())
    ]


def busiest(local: Path, column: str) -> str:
    """The viewer or the video with the most intervals."""
    files = str(local / "lake" / "video_play_events" / "dt=*" / "*.parquet")
    sql = (
        f"SELECT {column} FROM '{files}' WHERE {column} IS NOT NULL"
        " GROUP BY 1 ORDER BY COUNT(*) DESC, 1 LIMIT 1"
    )
    with duckdb.connect() as connection:
        (found,) = connection.execute(sql).fetchone()
    return str(found)


def rounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {k: float(f"{v:.9g}") if isinstance(v, float) else v for k, v in row.items()}
        for row in rows
    ]
