"""Load on a collector, from a process of its own: by wrk, or by a small client where wrk is not.

`benchmarks.collector` and `benchmarks.latency` measure with it. As a program it is that client:

    python -m benchmarks.posting URL BODIES --seconds S --connections N [--pause-ms MS]
"""

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playlake.simulation.agents import AGENTS

PLAYLAKE = (sys.executable, "-m", "playlake")
USER_AGENT = AGENTS[0].user_agent
_SCRIPT = Path(__file__).with_name("post.lua")
_STOP_SECONDS = 600
"""A server delivers what it accepted before it ends."""
_SERVES = re.compile(r"serves (http://\S+?)/")


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a run of requests; latencies in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """How many connections ask, each as soon as it was answered and has paused."""

    connections: int
    seconds: int
    pause_ms: float = 0.0


def client() -> str:
    """What sends the requests on this machine."""
    return "wrk" if shutil.which("wrk") else "the asyncio client of benchmarks.posting"


def posted(url: str, bodies: Path, asked: Asked) -> Load:
    """Post the file's lines, over and over, each a request.

    Raises SystemExit when any request was not answered by 200: figures of refusals are none.
    """
    command = _wrk(url, asked) if shutil.which("wrk") else _own(url, bodies, asked)
    environment = {"BODIES": str(bodies), "PAUSE_MS": str(asked.pause_ms), "USER_AGENT": USER_AGENT}
    ran = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise SystemExit(f"{command[0]} ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    load = Load(**json.loads(ran.stdout.splitlines()[-1]))
    if load.failed or not load.requests:
        raise SystemExit(f"{load.failed:,} of {load.requests:,} requests to {url} failed")
    return load


def _wrk(url: str, asked: Asked) -> Sequence[str]:
    connections, seconds = f"-c{asked.connections}", f"-d{asked.seconds}s"
    return ("wrk", "-t1", connections, seconds, "--timeout", "10s", "-s", str(_SCRIPT), url)


def _own(url: str, bodies: Path, asked: Asked) -> Sequence[str]:
    those = (f"--{name}={getattr(asked, name.replace('-', '_'))}" for name in _OPTIONS)
    return (sys.executable, "-m", "benchmarks.posting", url, str(bodies), *those)


_OPTIONS = {"connections": int, "seconds": int, "pause-ms": float}


@contextmanager
def started(*command: str) -> Iterator[str]:
    """The URL of a server that is a process of its own, and prints `serves URL/`.

    Leaving it stops the server, and waits until it has delivered what it accepted.
    """
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
    ) as process:
        assert process.stdout is not None
        try:
            found = _SERVES.search(process.stdout.readline())
            if found is None:
                raise SystemExit(f"{' '.join(command[-4:])} did not say where it serves")
            yield found[1]
        finally:
            process.terminate()
            process.communicate(timeout=_STOP_SECONDS)


class Connection:
    """One that is kept alive, for one request after the other."""

    def __init__(self, url: str) -> None:
        self._at = urlsplit(url)

    async def open(self) -> "Connection":
        """Connect; gives itself."""
        assert self._at.hostname is not None
        self._reader, self._writer = await asyncio.open_connection(self._at.hostname, self._at.port)
        return self

    async def post(self, body: bytes) -> int:
        """The status of the answer, once all of it is there."""
        head = (
            f"POST /events HTTP/1.1\r\nHost: {self._at.netloc}\r\nUser-Agent: {USER_AGENT}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answered = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = re.search(rb"content-length: (\d+)", answered)
        await self._reader.readexactly(int(length[1]) if length else 0)
        return int(answered.split(b" ", 2)[1])

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@dataclass(slots=True)
class _Heard:
    latencies: list[float] = field(default_factory=list)
    failed: int = 0


async def _asked_by_own(url: str, bodies: list[bytes], asked: Asked) -> Load:
    heard, began = _Heard(), time.perf_counter()
    until = began + asked.seconds
    shares = (bodies[number:] + bodies[:number] for number in range(asked.connections))
    await asyncio.gather(*(_ask(url, share, asked, until, heard) for share in shares))
    taken = time.perf_counter() - began
    cuts = statistics.quantiles([each * 1_000 for each in heard.latencies], n=100)
    return Load(len(heard.latencies), taken, cuts[49], cuts[98], heard.failed)


async def _ask(
    url: str, bodies: Sequence[bytes], asked: Asked, until: float, heard: _Heard
) -> None:
    connection, rng, at = await Connection(url).open(), random.Random(1), 0
    while (sent := time.perf_counter()) < until:
        heard.failed += await connection.post(bodies[at]) != 200
        heard.latencies.append(time.perf_counter() - sent)
        at = (at + 1) % len(bodies)
        if asked.pause_ms:
            await asyncio.sleep(2 * asked.pause_ms / 1_000 * rng.random())
    connection.close()


def main() -> None:
    """Be the client; prints the load as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("bodies", type=Path)
    for name, kind in _OPTIONS.items():
        parser.add_argument(f"--{name}", type=kind, default=0)
    given = parser.parse_args()
    bodies = given.bodies.read_bytes().splitlines()
    asked = Asked(given.connections, given.seconds, given.pause_ms)
    load = asyncio.run(_asked_by_own(given.url, bodies, asked))
    print(json.dumps({name: getattr(load, name) for name in Load.__slots__}))


if __name__ == "__main__":
    main()
