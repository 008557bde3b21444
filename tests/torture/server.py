"""A `playlake dev` that is started over the same folder, at the same address, again and again."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ingest.drivers.spool import read_backlog
from playlake.local.folder import DataFolder
from tests.conftest import PLAYLAKE
from tests.torture.load import Load, Unkept, rows_by_id
from tests.torture.row import Row, tallied

START_SECONDS = 60.0
"""Longer than any start may take, on a machine that has other work."""
STOP_SECONDS = 30.0
"""A server's grace for open requests, and as much again to deliver what is left."""
_SETTLE_SECONDS = 180.0
_TROUBLE = re.compile("Traceback")


def free_port() -> int:
    """A port that nobody listens on; nobody else is given it soon."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@dataclass
class Server:
    """One at a time. What it prints goes to `log`, which all of its lives share."""

    data: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """What is added to that of this process."""
    command: Sequence[str] = PLAYLAKE

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = Path(tempfile.mkstemp(prefix="playlake-torture-", suffix=".log")[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> DataFolder:
        """What lies where."""
        return DataFolder(self.data)

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        return self._running().pid

    def start(self) -> None:
        """Begin a life; returns at once."""
        address = ("--host", "127.0.0.1", "--port", str(self.port))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.command, "dev", *address, "--data", str(self.data), "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "COLUMNS": "200", **self.environment},
            )

    def kill(self) -> None:
        """SIGKILL, and everything that it still had in memory is gone.

        Raises Unkept when it had ended by itself.
        """
        process = self._running()
        if (code := process.poll()) is not None:
            raise Unkept(f"it ended by itself, {code}:\n{self.said()}")
        process.kill()
        process.wait()
        self._process = None

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Ask it to end; gives the seconds that this took.

        Raises Unkept when it ends otherwise than with 0, not soon, or with records that it kept.
        """
        process, began = self._running(), time.monotonic()
        process.send_signal(number)
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Unkept(f"it does not end for {STOP_SECONDS:.0f} s:\n{self.said()}") from None
        if code:
            raise Unkept(f"it ended {code}:\n{self.said()}")
        self._process = None
        return time.monotonic() - began

    def close(self) -> None:
        """Leave nothing behind that runs, whatever happened."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.log.unlink(missing_ok=True)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def said(self) -> str:
        """The last that it printed."""
        return self.log.read_text(errors="replace")[-3_000:]

    def must_not_have_stumbled(self) -> None:
        """Raises Unkept for a traceback in what it printed."""
        text = self.log.read_text(errors="replace")
        if found := _TROUBLE.search(text):
            raise Unkept(f"it stumbled:\n{text[max(0, found.start() - 500) : found.end() + 2_500]}")

    def settle(self, load: Load) -> Counter[str]:
        """Live without load until all is delivered and each event one row, or long enough that
        this will not come; then end. Gives the rows by event."""
        self.start()
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline and not self._is_settled(load.acknowledged):
            time.sleep(0.5)
        self.stop()
        self.must_not_have_stumbled()
        return rows_by_id(self.folder)

    def settled_row(
        self, fault: str, times: int, load: Load, recovery: Sequence[float], note: str = ""
    ) -> Row:
        """`settle`, as a row."""
        lost, doubled = tallied(load.acknowledged, self.settle(load))
        return Row(fault, times, len(load.acknowledged), lost, doubled, tuple(recovery), note)

    def _is_settled(self, acknowledged: set[str]) -> bool:
        if not self.folder.catalog.exists() or read_backlog(self.folder.spool).records:
            return False
        return tallied(acknowledged, rows_by_id(self.folder)) == (0, 0)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise Unkept("no server runs")
        return self._process


def phase_of_death(server: Server, *, answered: bool) -> str:
    """What a process that was killed just now was about, as what it left tells."""
    if not answered:
        return "start-up"
    if any(each.is_file() for each in server.data.rglob(".writing/*")):
        return "writing a file"
    return "delivery" if _batches(server.folder.spool) else "between batches"


def _batches(spool: Path) -> int:
    """Batches that were cut and are not complete. Looks at a copy: whoever opens the log of
    another recovers it, and the next start is to do that."""
    with tempfile.TemporaryDirectory() as folder:
        for path in spool.parent.glob(f"{spool.name}*"):
            if path.suffix != ".lock":
                Path(folder, path.name).write_bytes(path.read_bytes())
        with closing(sqlite3.connect(Path(folder, spool.name))) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM batches").fetchone()[0])
