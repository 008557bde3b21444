"""The transform in a process of its own, beside a server that answers meanwhile.

In one process both take turns at the interpreter's lock, and each batch is a tenth of a second in
which nobody is answered. (Measured on two cores, at half of what the server can: the slowest
hundredth of the answers after 180 ms in one process, after 11 when nothing is transformed.)
A batch at which the transform dies does not take the server down either: it is an attempt that
failed, as it is when a Lambda dies.
"""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from events.errors import Unavailable
from ingest.drivers.spool import Batch
from playlake.local.invocation import Failure, Transformed


class ApartTransform:
    """Invokes the transform over the lake in a folder; a `playlake.local.invocation.Invoke`.

    `arrived(key, data)` is called, in the calling thread, for each object that lies in the lake;
    what it raises the transform meets there. The process begins with the first batch, and anew
    after it died. For one thread at a time.
    """

    def __init__(self, lake: Path, arrived: Callable[[str, bytes], None]) -> None:
        self._lake = lake
        self._arrived = arrived
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Connection[Any, Any] | None = None

    def __call__(self, batch: Batch, invocation_id: str) -> Transformed | Failure:
        """See `playlake.local.invocation.invoke`; Unavailable also where no process begins."""
        link = self._link or self._begin()
        try:
            # Plain tuples: for a named one pickle calls back into Python, GIL and all.
            link.send((list(map(tuple, batch.records)), invocation_id))
            outcome = self._outcome(link)
        except (EOFError, OSError):
            return Failure("Lambda.FunctionError", f"the transform's process {self._ended()}")
        if isinstance(outcome, Unavailable):
            raise outcome
        return outcome

    def close(self) -> None:
        """End the process; a batch that it has is transformed first."""
        if self._process is not None:
            self._ended()

    def _begin(self) -> "Connection[Any, Any]":
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise _cannot_begin(error) from error
        with theirs:
            end = theirs.fileno()
            # What is imported here is imported there, whatever lies in the current folder.
            command = (sys.executable, "-P", "-m", "playlake.local.transforming", str(end))
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            # A session of its own: what a terminal sends, Ctrl-C say, is for the server.
            try:
                self._process = subprocess.Popen(  # noqa: S603 (ours, with a number and a path)
                    [*command, str(self._lake.absolute())],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    pass_fds=[end],
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise _cannot_begin(error) from error
        self._link = Connection(ours.detach())
        try:
            self._link.recv()
        except (EOFError, OSError):
            raise Unavailable(f"the transform's process {self._ended()} as it began") from None
        return self._link

    def _outcome(self, link: "Connection[Any, Any]") -> Transformed | Failure | Unavailable:
        """What came of the batch, once it has; what the process says before is seen to."""
        while True:
            match link.recv():
                case ("written", key, data):
                    link.send(self._noted(key, data))
                case ("logged", record):
                    logging.getLogger(record.name).handle(record)
                case ("done", Transformed() | Failure() | Unavailable() as outcome):
                    return outcome

    def _noted(self, key: str, data: bytes) -> Exception | None:
        try:
            self._arrived(key, data)
        except Unavailable as error:
            return error
        except Exception as error:
            logging.getLogger("playlake.delivery").exception("an object was not taken note of")
            return RuntimeError(f"{type(error).__name__}: {error}")  # whatever it is, it travels
        return None

    def _ended(self) -> str:
        """Have it end, if it has not; how it did."""
        assert self._process is not None
        assert self._link is not None
        self._link.close()
        code = self._process.wait()
        self._process = self._link = None
        return f"was ended by signal {-code}" if code < 0 else f"ended with {code}"


def _cannot_begin(error: OSError) -> Unavailable:
    return Unavailable(f"the transform's process cannot begin: {error}")
