"""`/healthz` of a server that collects: whether it can take events, and whether they get through.

That it answers at all is liveness; 200 or 503 is readiness.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from events.errors import Unavailable
from ingest.drivers.spool import Backlog, Spool, read_backlog

OLDEST_SECONDS = 300.0
"""A batch is due after one second. What waits longer than this waits for somebody to mend
something, and the log says what."""
FREE_BYTES = 256 * 1024 * 1024
"""Below this a busy hour fills the disk: the spool, the lake and the archive grow on it."""
FRESH_SECONDS = 1.0
"""Whoever asks more often gets the same answer: anybody may ask, and each answer writes."""
PATIENCE_SECONDS = 5.0

_PROBE = ".healthz"
_PROBE_BYTES = 4_096
_FRESH = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `fault` is a sentence for whoever mends it, empty when well."""

    name: str
    fault: str
    told: dict[str, float]
    """What was measured, by name."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was looked at, at one time."""

    checks: tuple[Check, ...]

    @property
    def faults(self) -> str:
        """The faults in one text; empty when there is none."""
        return " ".join(f"{each.name}: {each.fault}" for each in self.checks if each.fault)

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and body, in the house's envelope."""
        checks = {each.name: {"ok": not each.fault, **each.told} for each in self.checks}
        if not self.faults:
            return 200, {"data": {"status": "ok", "checks": checks}}
        error = {"code": "not_ready", "message": self.faults}
        return 503, {"error": error, "data": {"status": "not_ready", "checks": checks}}


class Probed(Protocol):
    """What health asks of the machine. Each may be slow; none is called twice at once."""

    def write(self) -> None:
        """Take a transaction and some bytes; raises Unavailable or OSError when that fails."""

    def backlog(self) -> Backlog:
        """What waits; raises Unavailable."""

    def delivering(self) -> bool:
        """Whether anybody takes it from there."""

    def keeping_up(self) -> bool:
        """Whether anybody makes small files large ones, and each event one row."""

    def free_bytes(self) -> int:
        """What is left on the disk; raises OSError."""


@dataclass(frozen=True, slots=True)
class FolderProbe:
    """See `Probed`: a data folder that this process collects into."""

    folder: Path
    spool: Spool
    is_delivering: Callable[[], bool]
    is_keeping_up: Callable[[], bool]

    def write(self) -> None:
        """See `Probed.write`. The spool's own way of putting, with nothing to put; but a commit of
        nothing needs no disk, so some bytes are written beside it as well. And a file that was
        deleted takes commits for as long as it is open."""
        self.spool.path.stat()
        self._write_beside()
        try:
            self.spool.submit([]).result(PATIENCE_SECONDS)
        except TooSlow as error:
            raise TimeoutError(f"no transaction in {PATIENCE_SECONDS:.0f} s") from error

    def backlog(self) -> Backlog:
        """See `Probed.backlog`."""
        return read_backlog(self.spool.path)  # the spool's own connection is the delivery's

    def delivering(self) -> bool:
        """See `Probed.delivering`."""
        return self.is_delivering()

    def keeping_up(self) -> bool:
        """See `Probed.keeping_up`."""
        return self.is_keeping_up()

    def free_bytes(self) -> int:
        """See `Probed.free_bytes`."""
        return shutil.disk_usage(self.folder).free

    def _write_beside(self) -> None:
        path = self.folder / _PROBE
        try:
            with path.open("wb") as file:
                file.write(bytes(_PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        finally:
            path.unlink(missing_ok=True)


class Health:
    """Looks at most once in FRESH_SECONDS, one thread at a time; any thread may ask."""

    def __init__(
        self,
        probed: Probed,
        now_ms: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now_ms` tells epoch milliseconds, as the spool's does; `clock` seconds, steadily."""
        self._probed, self._now_ms, self._clock = probed, now_ms, clock
        self._lock = threading.Lock()
        self._seen: tuple[float, Report] | None = None

    def report(self) -> Report:
        """How it is, or was a moment ago."""
        with self._lock:
            if self._seen is None or self._clock() - self._seen[0] >= FRESH_SECONDS:
                self._seen = (self._clock(), self._look())
            return self._seen[1]

    def _look(self) -> Report:
        checks = (self._spool, self._delivery, self._upkeep, self._waiting, self._disk)
        return Report(tuple(check() for check in checks))

    def _spool(self) -> Check:
        fault = _fault(self._probed.write, "events cannot be stored")
        return Check("spool", fault, {})

    def _delivery(self) -> Check:
        alive = self._probed.delivering()
        fault = "" if alive else "the delivery has ended; the log says why. Start it again."
        return Check("delivery", fault, {})

    def _upkeep(self) -> Check:
        alive = self._probed.keeping_up()
        fault = "" if alive else "it has ended: duplicates stay; the log says why. Start it again."
        return Check("upkeep", fault, {})

    def _waiting(self) -> Check:
        try:
            backlog = self._probed.backlog()
        except Unavailable:
            return Check("waiting", "the spool cannot be read; the log says why.", {})
        seconds = backlog.age_ms(self._now_ms()) / 1_000
        late = seconds > OLDEST_SECONDS
        fault = f"the oldest record waits for {seconds:.0f} s; the log says why." if late else ""
        return Check("waiting", fault, {"records": backlog.records, "oldest_seconds": seconds})

    def _disk(self) -> Check:
        try:
            free = self._probed.free_bytes()
        except OSError as error:
            return Check("disk", f"cannot be looked at: {error.strerror}.", {})
        low = free < FREE_BYTES
        fault = f"{free} bytes are free; make room for {FREE_BYTES} at least." if low else ""
        return Check("disk", fault, {"free_bytes": free})


def health_route(health: Health) -> Route:
    """`GET /healthz`. Anybody may ask: it says numbers and the system's errors, no path."""

    def healthz(_request: Request) -> JSONResponse:  # no coroutine: it waits, so in a thread
        status, body = health.report().answer()
        return JSONResponse(body, status, _FRESH)

    return Route("/healthz", healthz, methods=["GET"])


def _fault(act: Callable[[], None], what: str) -> str:
    try:
        act()
    except OSError as error:
        return f"{what}: {error.strerror or error}."
    except Unavailable:
        # Its own sentence names the file; who asks may be anybody, and the log has it.
        return f"{what}; the log says why."
    return ""
