"""The transform Lambda beside DuckDB's `COPY` and what a team would write instead, on one core.

    python -m benchmarks.transform [--events 100000] [--rounds 5] [--full] [--json FILE]
                                   [--agents FILE] [--peers FOLDER]

Each is a process of its own that stays, as a warm function does, and is asked for one round in turn
with the others; its docstring in `benchmarks/peers` says what it does and what is not counted.
Nobody's figure counts unless every event is a row of the Parquet that it wrote. awswrangler and dlt
have an environment of their own, which `make bench` installs from `benchmarks/peers.lock`; without
it the others run.

DuckDB neither decodes base64 nor validates nor parses agents, and answers for no record: it is the
limit to measure against, not a peer.
"""

import argparse
import base64
import gzip
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pyarrow.parquet as pq

from benchmarks import measuring
from benchmarks.measuring import Bound, Race, Way
from playlake.simulation.agents import AGENTS

BATCH_BYTES = 3 * 1024 * 1024
EVENTS_A_RECORD = 50
DAY_MS = 86_400_000
BEGAN_MS = 1_790_000_000_000
FULL_EVENTS, FULL_ROUNDS = 500_000, 10
BAD_SHARE = 0.01
MEMORY_BOUND_MB = 400
PEERS = Path(sys.prefix) / "peers"

DUCKDB, OURS, BAD = "DuckDB COPY", "playlake", "playlake, 1 % bad"
AWSWRANGLER, BLUEPRINT, DLT = "awswrangler", "row by row", "dlt"
FASTER_THAN = {DUCKDB: 0.8, AWSWRANGLER: 4.0, BLUEPRINT: 7.0, DLT: 20.0}
"""By how much playlake's transform is to be faster: issue 7."""
BAD_FASTER_THAN = 0.9


Answer = Mapping[str, float]
"""`seconds`, `cpu_seconds` and `peak_mb`: see `benchmarks.peers.answering.answer`."""
Ask = Callable[[Path], Answer]
"""Have a contender do a round into a new folder."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A module of `benchmarks/peers`, what it reads, and whether it has the peers' environment."""

    module: str
    reads: str
    apart: bool = False


CONTENDERS = {
    DUCKDB: Contender("duckdb_copy", "lines"),
    OURS: Contender("playlake_transform", "firehose"),
    BAD: Contender("playlake_transform", "firehose-bad"),
    BLUEPRINT: Contender("aws_blueprint", "firehose"),
    AWSWRANGLER: Contender("awswrangler_dataset", "lines", apart=True),
    DLT: Contender("dlt_pipeline", "lines", apart=True),
}


def play_events(count: int, seed: int = 1, agents: Sequence[str] = ()) -> list[bytes]:
    """Plays as the collector records them, over two days; the simulator's agents by default."""
    rng = random.Random(seed)
    agents = agents or [agent.user_agent for agent in AGENTS]
    return [_event(rng, agents, BEGAN_MS + number * 2 * DAY_MS // count) for number in range(count)]


def _event(rng: random.Random, agents: Sequence[str], now: int) -> bytes:
    started = rng.randrange(600_000)
    event = {
        "type": "video_play",
        "event_id": str(UUID(int=rng.getrandbits(128))),
        "video_id": f"v-{rng.randrange(100):03d}",
        "user_id": rng.randrange(10_000),
        "started_at": started,
        "ended_at": started + rng.randrange(60_000),
        "wall_ms": 60_000,
        "logged_at": now,
        "referer": "https://video.example/watch",
        "user_agent": rng.choice(agents),
        "received_at": now + 100,
    }
    return json.dumps(event, separators=(",", ":")).encode()


def with_bad_events(lines: Sequence[bytes], share: float, seed: int = 1) -> list[bytes]:
    """The events, a share of them broken, each in one of five ways. They are spread over the
    records at random: of a hundred events one keeps two records in five from any short way."""
    rng, spoilt = random.Random(seed), list(lines)
    for number in rng.sample(range(len(lines)), round(len(lines) * share)):
        spoilt[number] = rng.choice(_FAULTS)(lines[number])
    return spoilt


_FAULTS = (
    lambda line: line[:-20],
    lambda line: line.replace(b'"video_id"', b'"video"'),
    lambda line: line.replace(b'"started_at":', b'"started_at":-1'),
    lambda line: line.replace(b'"wall_ms":60000', b'"wall_ms":"60000"'),
    lambda line: line.replace(b'"logged_at":1', b'"logged_at":0.1'),
)
"""Cut off, a field missing, a rule broken, a type that is wrong, a time before there were any."""


_RECEIVED = re.compile(rb'"received_at":(\d+)')


def firehose_events(lines: Sequence[bytes]) -> list[dict[str, object]]:
    """The events as Firehose hands them over: records of many lines, each arriving when the
    collector received its last, batches of 3 MiB."""
    return [
        {"invocationId": str(number), "records": records}
        for number, records in enumerate(_records(batch) for batch in _batches(lines))
    ]


def _batches(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Records of many lines, as many as a batch takes."""
    batch: list[bytes] = []
    for start in range(0, len(lines), EVENTS_A_RECORD):
        data = b"\n".join(lines[start : start + EVENTS_A_RECORD]) + b"\n"
        if batch and sum(map(len, batch)) + len(data) > BATCH_BYTES:
            yield batch
            batch = []
        batch.append(data)
    yield batch


def _records(batch: Sequence[bytes]) -> list[dict[str, object]]:
    return [
        {
            "recordId": str(number),
            "approximateArrivalTimestamp": max(map(int, _RECEIVED.findall(data))),
            "data": base64.b64encode(data).decode(),
        }
        for number, data in enumerate(batch)
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all of them, side by side, and print what came out."""
    given = parse(arguments)
    machine = measuring.machine("duckdb", "pyarrow")
    measuring.use_one_core()
    lines = play_events(given.events, agents=read_agents(given.agents))
    with tempfile.TemporaryDirectory() as folder:
        seconds, answers = compared(Path(folder), lines, given.rounds, given.peers)
    cpu = {name: [each["cpu_seconds"] for each in found[1:]] for name, found in answers.items()}
    peaks = {name: max(each["peak_mb"] for each in found) for name, found in answers.items()}
    race = Race(len(lines), DUCKDB, seconds, columns(seconds, cpu, peaks))
    console, size = measuring.console(), sum(map(len, lines)) / len(lines)
    console.print(race.table(f"{len(lines):,} events of {size:.0f} bytes, one core"))
    console.print(measuring.described(machine))
    for bound in bounds(race, peaks):
        console.print(str(bound))
    for name in (name for name in CONTENDERS if name not in seconds):
        console.print(f"{name} did not run: its environment is not there; `make bench` makes it.")
    figures = {"machine": machine, "events": len(lines), "event_bytes": size}
    figures |= {"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peaks}
    measuring.write_json(given.json, figures)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What is asked for; `--full` overrides the two sizes."""
    parser = measuring.options(__doc__, events=100_000)
    parser.add_argument("--full", action="store_true", help="500,000 events, 10 rounds")
    parser.add_argument(
        "--agents", type=Path, metavar="FILE", help="other user agents: gzipped JSON lines"
    )
    parser.add_argument(
        "--peers", type=Path, default=PEERS, metavar="FOLDER", help="the peers' environment"
    )
    given = parser.parse_args(arguments)
    if given.full:
        given.events, given.rounds = FULL_EVENTS, FULL_ROUNDS
    return given


def read_agents(path: Path | None) -> list[str]:
    """Every `user_agent` of a file as `benchmarks.devices` reads it, or none."""
    if path is None:
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["user_agent"] for line in lines]


def compared(
    folder: Path, lines: Sequence[bytes], rounds: int, peers: Path
) -> tuple[dict[str, list[float]], dict[str, list[Answer]]]:
    """Of each contender that can run: seconds a round, and its answers, the warm-up's first."""
    write_inputs(folder, lines)
    answers: dict[str, list[Answer]] = {}
    with ExitStack() as running:
        ways = {
            name: running.enter_context(started(contender, peers, folder))
            for name, contender in CONTENDERS.items()
            if not contender.apart or python_of(peers).exists()
        }
        checking = {name: checked(name, ask, len(lines), answers) for name, ask in ways.items()}
        return measuring.in_turn(checking, rounds, folder / "out"), answers


def write_inputs(folder: Path, lines: Sequence[bytes]) -> None:
    """The same batches twice, JSON lines and Firehose's events, and once with bad ones."""
    for name in ("lines", "firehose", "firehose-bad"):
        (folder / name).mkdir()
    for number, batch in enumerate(_batches(lines)):
        (folder / "lines" / f"{number:06}.jsonl").write_bytes(b"".join(batch))
    spoilt = with_bad_events(lines, BAD_SHARE)
    for name, those in (("firehose", lines), ("firehose-bad", spoilt)):
        for number, event in enumerate(firehose_events(those)):
            (folder / name / f"{number:06}.json").write_text(json.dumps(event))


def python_of(environment: Path) -> Path:
    """Its interpreter."""
    return environment / "bin" / "python"


@contextmanager
def started(contender: Contender, peers: Path, folder: Path) -> Iterator[Ask]:
    """The contender's process; it ends with the context."""
    python = python_of(peers) if contender.apart else Path(sys.executable)
    with subprocess.Popen(
        (str(python), "-m", f"benchmarks.peers.{contender.module}"),
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        source = str(folder / contender.reads)

        def ask(out: Path) -> Answer:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):
                print(json.dumps([source, str(out)]), file=process.stdin, flush=True)
            if not (answered := process.stdout.readline()):
                raise SystemExit(f"{contender.module} ended in the middle of a round; see above.")
            answer: Answer = json.loads(answered)
            return answer

        yield ask


def checked(name: str, ask: Ask, events: int, answers: dict[str, list[Answer]]) -> Way:
    """The contender's way, once every event has become a row; keeps its answers."""

    def way(out: Path) -> float:
        answer = ask(out)
        if (rows := rows_in(out)) != events:
            raise SystemExit(f"{name} wrote {rows:,} rows of {events:,} events: no figure of it.")
        answers.setdefault(name, []).append(answer)
        return answer["seconds"]

    return way


def rows_in(folder: Path) -> int:
    """Rows of all Parquet files; names that begin with `_` or `.` are hidden, as from Athena."""
    found = (path.relative_to(folder) for path in folder.rglob("*.parquet"))
    seen = (path for path in found if not any(part[0] in "_." for part in path.parts))
    return sum(pq.read_metadata(folder / path).num_rows for path in seen)


def columns(
    seconds: Mapping[str, Sequence[float]],
    cpu: Mapping[str, Sequence[float]],
    peaks: Mapping[str, float],
) -> dict[str, dict[str, str]]:
    """What the table says beside speed: the same by the core's time alone, which a busy machine
    disturbs less; how playlake compares; memory."""
    medians = {name: measuring.Spread.of(taken).median for name, taken in seconds.items()}
    on_core = {name: measuring.Spread.of(taken).median for name, taken in cpu.items()}
    return {
        "by CPU time": {name: f"{on_core[DUCKDB] / each:.2f}" for name, each in on_core.items()},
        "playlake is": {name: f"{each / medians[OURS]:.2f}x" for name, each in medians.items()},
        "peak MB": {name: f"{peak:.0f}" for name, peak in peaks.items()},
    }


def bounds(race: Race, peaks: Mapping[str, float]) -> list[Bound]:
    """What issue 7 asks of the transform."""
    return [
        *(
            Bound(f"{OURS}, of {name}'s speed", race.speed(OURS, name), least=least)
            for name, least in FASTER_THAN.items()
            if name in race.seconds
        ),
        Bound(f"{BAD}, of its speed without", race.speed(BAD, OURS), least=BAD_FASTER_THAN),
        Bound(f"{OURS}, peak MB", peaks[OURS], most=MEMORY_BOUND_MB),
    ]


if __name__ == "__main__":
    main()
