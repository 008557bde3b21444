"""The transform, as the local pipeline has it: in this process, or the one that
`playlake.local.apart` starts, with `python -m playlake.local.transforming DESCRIPTOR LAKE`.

DESCRIPTOR is that process's end of a socket. It hears (records of a batch, invocation id) and says
("ready",) once, then ("written", key, data), which is answered by None or the error to raise,
("logged", record), and last ("done", what `playlake.local.invocation.invoke` gave or the
Unavailable that it raised). It ends when the other end is gone, whatever way that went.
"""

import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from events.errors import Unavailable
from ingest.drivers.spool import Batch, SpooledRecord
from playlake.local.invocation import Invoke, invoke
from playlake.local.notices import NotifyingStore
from transform.batch import deliver
from transform.drivers.file_store import FileStore
from transform.process import Processor
from transform.store import Store


def invoke_here(lake: Store, arrived: Callable[[str, bytes], None]) -> Invoke:
    """The transform over a lake; `arrived(key, data)` is called for each object in it."""
    store, processor = NotifyingStore(lake, arrived), Processor()

    def transform(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        return deliver(event, processor, store).response

    return partial(invoke, transform)


def main(arguments: Sequence[str]) -> None:
    """Be the process."""
    # Whoever started this decides when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor, lake = arguments
    link = Connection(int(descriptor))
    logging.getLogger().addHandler(_Forwarding(link))
    with suppress(EOFError, ConnectionError):
        serve(link, invoke_here(FileStore(Path(lake)), partial(_tell_written, link)))


def serve(link: Connection, invoking: Invoke) -> None:
    """Transform what comes until the other end is gone: EOFError, or ConnectionError."""
    link.send(("ready",))
    while True:
        records, invocation_id = _received(link)
        batch = Batch(tuple(map(SpooledRecord._make, records)))
        try:
            came_of_it: object = invoking(batch, invocation_id)
        except Unavailable as error:
            came_of_it = error
        link.send(("done", came_of_it))


def _received(link: Connection) -> Any:
    """What the other end sent. Raises EOFError when it is gone: killed within a message, too, for
    which multiprocessing has an OSError without a number."""
    try:
        return link.recv()
    except OSError as error:
        raise EOFError from error


def _tell_written(link: Connection, key: str, data: bytes) -> None:
    """Returns once the other process knows of the object; raises what it met."""
    try:
        link.send(("written", key, data))
        refused = _received(link)
    except (EOFError, ConnectionError):
        # Nobody is left to answer: no fault of the batch's, which `invoke` would take it for.
        raise SystemExit from None
    if refused is not None:
        raise refused


class _Forwarding(QueueHandler):
    """Log records go where the other process's go."""

    def __init__(self, link: Connection) -> None:
        super().__init__(_Outbox(link))  # type: ignore[arg-type]


class _Outbox:
    def __init__(self, link: Connection) -> None:
        self._link = link

    def put_nowait(self, record: logging.LogRecord) -> None:
        with suppress(ConnectionError):
            self._link.send(("logged", record))


if __name__ == "__main__":
    main(sys.argv[1:])
