"""One worker: its daemon as a process, started again whenever it ends by itself."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from playlake.consuming.daemon import Program
from playlake.consuming.properties import Aws, encode, properties
from playlake.consuming.settings import ConsumerSettings

_CHILD = "playlake.drivers.kcl"
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0
_HEALTHY_SECONDS = 60.0
"""A daemon that lived so long died of something new: it is started again at once."""
FAREWELL_SECONDS = 5.0
"""What a daemon has for its end, once nothing is left to commit or one of its children has died: it
asks the others to commit, and then waits out its whole grace for the dead one
(`MultiLangShardRecordProcessor.stopProcessing` calls System.exit on the very thread that the
shutdown hook waits for)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a worker's daemon is started."""

    command: list[str]
    environment: Mapping[str, str]


def plan(
    program: Program, settings: ConsumerSettings, aws: Aws, folder: Path, base: Mapping[str, str]
) -> Plan:
    """Write the daemon's files into `folder`; its environment is `base` and the settings."""
    script = folder / f"{settings.worker}.sh"
    # The daemon splits its command at spaces and knows no quotes.
    script.write_text(f"exec {shlex.join([sys.executable, '-m', _CHILD])}\n")
    file = folder / f"{settings.worker}.properties"
    file.write_text(encode(properties(settings, f"/bin/sh {script}", aws)), encoding="ascii")
    return Plan(program.command(file), {**base, **settings.to_environment()})


@dataclass(slots=True)
class Worker:
    """A daemon that is kept running. `now` is everywhere the same monotonic clock, in seconds."""

    name: str
    plan: Plan
    starts: int = 0
    children: dict[int, str] = field(default_factory=dict)
    """The shard of each child that has one, by process id."""
    _process: subprocess.Popen[bytes] | None = None
    _since: float = 0.0
    _pause: float = _FIRST_PAUSE_SECONDS
    _due: float = 0.0
    _doomed: float | None = None

    def start(self, now: float) -> None:
        """Start the daemon, in a session of its own: a terminal's signals are not for it."""
        self.starts += 1
        self._since, self._doomed = now, None
        self.children.clear()
        self._process = subprocess.Popen(  # noqa: S603 (the command is made here)
            self.plan.command,
            env=dict(self.plan.environment),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            start_new_session=True,
        )

    @property
    def running(self) -> bool:
        """Whether there is a daemon."""
        return self._process is not None

    def tend(self, now: float) -> int | None:
        """See after the daemon; its exit code when it has just ended by itself."""
        if self._process is None:
            if now >= self._due:
                self.start(now)
            return None
        code = self._process.poll()
        if code is None:
            self._watch_children(self._process, now)
            return None
        self._end()
        if now - self._since >= _HEALTHY_SECONDS:
            self._pause = _FIRST_PAUSE_SECONDS
        self._due = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)
        return code

    @property
    def busy(self) -> bool:
        """Whether a child of the daemon has something left to commit."""
        return any(map(_lives, self.children))

    def progressed(self) -> None:
        """Something was committed: should the daemon end now, it is started again at once."""
        self._pause = _FIRST_PAUSE_SECONDS

    @property
    def next_start(self) -> float:
        """When it is started again, if it does not run."""
        return self._due

    def ask_to_end(self) -> None:
        """SIGTERM: its children commit what they have read, it checkpoints and gives leases up."""
        if self._process is not None:
            self._process.terminate()

    def ended(self) -> bool:
        """Whether the daemon is gone, and with it all of its children."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        return self._process is None

    def kill(self) -> None:
        """End the daemon and its children at once."""
        if self._process is not None:
            self._end()

    def _end(self) -> None:
        """No child outlives its daemon: one that still writes would race with its successor."""
        assert self._process is not None
        self._kill_group(self._process)
        self._process.wait()
        self._process = None

    def _kill_group(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def _watch_children(self, process: subprocess.Popen[bytes], now: float) -> None:
        if self._doomed is None and not all(map(_lives, self.children)):
            self._doomed = now
        if self._doomed is not None and now - self._doomed >= FAREWELL_SECONDS:
            self._kill_group(process)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False  # or its number is another's by now, whom this user may not signal
    return True
