"""The local collector beside a bare uvicorn that answers 200, and the collector's Lambda, warm.

    python -m benchmarks.collector [--seconds 10] [--rounds 3] [--json FILE]

`playlake dev` acknowledges an event when it is durable in its spool, and delivers all the while, on
the same cores: transform and Parquet in a process beside it. The bare uvicorn reads nothing and
answers two bytes: it is the limit to measure against, not a peer. They take turns, one event a
request, from a second process. Both share the machine's cores with whoever sends: on two cores the
load takes about one, so what counts is the ratio. At half its maximum `playlake dev` is asked by
256 connections that rest after each answer. The spool lies where temporary files do (TMPDIR): on a
disk, if it is to be as durable as it would be.
"""

import argparse
import json
import math
import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from statistics import median, quantiles
from types import SimpleNamespace
from typing import Any

import uvicorn
from rich.table import Table

from benchmarks import measuring
from benchmarks.measuring import Bound, Spread
from benchmarks.posting import PLAYLAKE, USER_AGENT, Asked, Load, client, posted, started
from benchmarks.transform import play_events
from ingest.drivers.spool import read_acceptance
from ingest.settings import OPENERS

BARE, DEV = "bare uvicorn", "playlake dev"
CONNECTIONS = 64
CONNECTIONS_AT_HALF = 256
"""Many that rest, as browsers do, rather than few that hurry."""
BODIES = 10_000
EVENTS_TOGETHER = 50
WARM_CALLS = 5_000
_ADDED = ("event_id", "received_at", "user_agent")
"""What the collector has to add: the longer way through it."""
_CONTEXT = SimpleNamespace(
    function_name="collect",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:local:000000000000:function:collect",
    aws_request_id="0",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and, if asked, write the figures."""
    given = parse(arguments)
    if given.bare:
        serve_bare()
        return
    found = measuring.machine("uvicorn", "uvloop", "httptools")
    with tempfile.TemporaryDirectory() as folder:
        one, together = written_bodies(Path(folder))
        loads = in_turn(Path(folder), one, given)
        half = at_half(Path(folder), one, loads[DEV], given)
        packed = in_packs(Path(folder), together, given)
    warm = warm_ms(given.calls)
    report(found, loads, half, packed, warm)
    figures = {
        "machine": found,
        "client": client(),
        "one_event": {name: list(map(asdict, those)) for name, those in loads.items()},
        "at_half": list(map(asdict, half)),
        "together": list(map(asdict, packed)),
        "events_together": EVENTS_TOGETHER,
        "lambda_warm_ms": warm,
    }
    measuring.write_json(given.json, figures)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=10, help="of each run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="after one (%(default)s)")
    parser.add_argument("--calls", type=int, default=WARM_CALLS, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def serve_bare() -> None:
    """Be the bare uvicorn: the same loop and the same parser as playlake's server has."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"bare serves http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
        config = uvicorn.Config(answer_200, log_level="warning", access_log=False, lifespan="off")
        # Not `asyncio.run` of its `serve`: that takes asyncio's own loop, the slower one, which
        # leaves Nagle's algorithm on for sockets of `create_server`'s.
        uvicorn.Server(config).run(sockets=[listening])


async def answer_200(_scope: Any, _receive: Any, send: Any) -> None:
    """An ASGI application that answers at once."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def written_bodies(folder: Path) -> tuple[Path, Path]:
    """Plays as a page sends them: a file of one a line, and one of fifty a line."""
    events = [json.loads(line) for line in play_events(BODIES)]
    plays = [{key: x for key, x in each.items() if key not in _ADDED} for each in events]
    one, together = folder / "one.jsonl", folder / "together.jsonl"
    one.write_text("\n".join(map(compact, plays)) + "\n")
    packs = (plays[at : at + EVENTS_TOGETHER] for at in range(0, BODIES, EVENTS_TOGETHER))
    together.write_text("\n".join(map(compact, packs)) + "\n")
    return one, together


def compact(value: object) -> str:
    """JSON without spaces, as `JSON.stringify` writes it."""
    return json.dumps(value, separators=(",", ":"))


def in_turn(folder: Path, one: Path, given: argparse.Namespace) -> dict[str, list[Load]]:
    """Each server's load in each round, as many requests as it can, after a round that warms up."""
    asked = Asked(CONNECTIONS, given.seconds)
    loads: dict[str, list[Load]] = {BARE: [], DEV: []}
    for number in range(given.rounds + 1):
        with started(sys.executable, "-m", "benchmarks.collector", "--bare") as url:
            loads[BARE].append(posted(url, one, asked))
        loads[DEV].append(dev_posted(folder / f"round-{number}", one, asked, 1))
    return {name: each[1:] for name, each in loads.items()}


def dev_posted(data: Path, bodies: Path, asked: Asked, events: int) -> Load:
    """The load on a new `playlake dev`, with so many events a request.

    Raises SystemExit when it acknowledged events that its spool never had.
    """
    with started(*PLAYLAKE, "dev", "--quiet", "--port", "0", "--data", str(data)) as url:
        load = posted(url, bodies, asked)
    kept = read_acceptance(data / "spool.db")
    durable = sum(day.events for day in (*kept.left, *kept.waiting))
    if durable < load.requests * events:
        raise SystemExit(f"{load.requests * events:,} acknowledged, {durable:,} in the spool")
    return load


def at_half(
    folder: Path, bodies: Path, most: Sequence[Load], given: argparse.Namespace
) -> list[Load]:
    """`playlake dev` at half of what it can, in each round."""
    rate = median(load.rate for load in most) / 2
    pause = max(1, math.floor(CONNECTIONS_AT_HALF / rate * 1_000))
    asked = Asked(CONNECTIONS_AT_HALF, given.seconds, pause)
    return [dev_posted(folder / f"half-{n}", bodies, asked, 1) for n in range(given.rounds)]


def in_packs(folder: Path, bodies: Path, given: argparse.Namespace) -> list[Load]:
    """`playlake dev` with fifty events a request, as many as it can, in each round."""
    asked = Asked(CONNECTIONS, given.seconds)
    datas = (folder / f"packs-{number}" for number in range(given.rounds))
    return [dev_posted(data, bodies, asked, EVENTS_TOGETHER) for data in datas]


class Nowhere:
    """A stream that acknowledges at once: what is left is the collector's own time."""

    max_record_bytes = 1_024_000

    def put(self, _records: Sequence[bytes]) -> None:
        """See `ingest.stream.Stream.put`."""

    def submit(self, _records: Sequence[bytes]) -> Future[None]:
        """`put`, as a future that is done."""
        done: Future[None] = Future()
        done.set_result(None)
        return done


def warm_ms(calls: int) -> dict[str, float]:
    """Milliseconds of the collector's Lambda for one event, p50 and p99, after a tenth more calls.

    Its log and its metrics are written, to nowhere: on AWS they go through a pipe.
    """
    OPENERS["nowhere"] = lambda _url: Nowhere()
    os.environ |= {"PLAYLAKE_STREAM": "nowhere://", "POWERTOOLS_SERVICE_NAME": "collect"}
    requests = [http_api_event(line) for line in play_events(100)]
    taken = []
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        from ingest.handler import collect  # noqa: PLC0415  (its logger keeps the output it finds)

        for number in range(calls + calls // 10):
            began = time.perf_counter_ns()
            answer = collect(requests[number % 100], _CONTEXT)
            taken.append((time.perf_counter_ns() - began) / 1e6)
            assert answer["statusCode"] == 200, answer
    cuts = quantiles(taken[calls // 10 :], n=100)
    return {"p50": cuts[49], "p99": cuts[98]}


def http_api_event(line: bytes) -> dict[str, Any]:
    """One event in a request, as an HTTP API hands it over (payload format 2.0)."""
    event = {key: each for key, each in json.loads(line).items() if key not in _ADDED}
    return {
        "version": "2.0",
        "rawPath": "/events",
        "headers": {"content-type": "application/json", "user-agent": USER_AGENT},
        "requestContext": {"http": {"method": "POST", "path": "/events"}},
        "body": compact(event),
        "isBase64Encoded": False,
    }


def report(
    found: Mapping[str, object],
    loads: Mapping[str, Sequence[Load]],
    half: Sequence[Load],
    packed: Sequence[Load],
    warm: Mapping[str, float],
) -> None:
    """Print the table, and what is held to the bounds of the project."""
    console = measuring.console()
    console.print(rates_table(loads))
    console.print(measuring.described(found))
    console.print(f"Load by {client()}, on the same {os.cpu_count()} cores as the servers.")
    rates = {name: median(load.rate for load in those) for name, those in loads.items()}
    sent = median(load.rate for load in half) / rates[DEV]
    together = median(load.rate for load in packed) * EVENTS_TOGETHER
    console.print(f"At half of the maximum: {sent:.2f} of it was sent.")
    for bound in (
        Bound("requests/s, of the bare uvicorn's", rates[DEV] / rates[BARE], least=0.4),
        Bound("p99 in ms, at half the maximum", median(load.p99_ms for load in half), most=25),
        Bound(f"events/s, {EVENTS_TOGETHER} a request", together, least=100_000),
        Bound("p50 in ms, the Lambda without its AWS call, warm", warm["p50"], most=0.2),
    ):
        console.print(str(bound))


def rates_table(loads: Mapping[str, Sequence[Load]]) -> Table:
    """Requests a second of each server, one event each, and how that compares."""
    table = Table(title=f"One event a request, {CONNECTIONS} connections, as fast as it goes")
    table.add_column("")
    for name in ("requests/s, median", "least", "most", "p50 ms", "p99 ms", f"of {BARE}"):
        table.add_column(name, justify="right")
    limit = median(load.rate for load in loads[BARE])
    for name, those in loads.items():
        spread = Spread.of([load.rate for load in those])
        rates = (f"{each:,.0f}" for each in (spread.median, spread.least, spread.most))
        p50, p99 = (median(getattr(load, name) for load in those) for name in ("p50_ms", "p99_ms"))
        table.add_row(name, *rates, f"{p50:.1f}", f"{p99:.1f}", f"{spread.median / limit:.2f}")
    return table


if __name__ == "__main__":
    main()
