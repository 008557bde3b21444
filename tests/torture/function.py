"""Lambdas called as Lambda does it; the transform's in a process of its own that can be killed."""

import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from botocore.retries.standard import ExponentialBackoff

from events.errors import Unavailable
from tests.lambda_context import CONTEXT
from transform.handler import transform

# A child is forked from a server that has imported this: it begins in a few milliseconds.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])

Event = dict[str, Any]
Lambda = Callable[[Event, object], dict[str, Any]]


def call(handler: Lambda, event: Event) -> dict[str, Any]:
    """Its response; the metrics that it prints for CloudWatch go nowhere."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        return handler(event, CONTEXT)


class Function:
    """One execution environment of the transform. It is begun again when it was killed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._end()

    def invoke(self, batch: Event) -> dict[str, Any] | None:
        """The handler's response; None when it raised that the lake is unavailable, or was killed.

        One thread at a time.
        """
        with suppress(EOFError, ConnectionError):
            self._pipe.send(batch)
            response: dict[str, Any] | None = self._pipe.recv()
            return response
        self._end()
        self._begin()
        return None

    def kill(self) -> None:
        """SIGKILL, from any thread: whatever it has not done it never does."""
        self._process.kill()

    def _begin(self) -> None:
        self._pipe, inner = _PROCESSES.Pipe()
        self._process = _PROCESSES.Process(
            target=_serve, args=(self._environment, inner), daemon=True
        )
        # It would import this process's main module, which takes seconds and is no use to it.
        main = sys.modules["__main__"]
        with patch.multiple(main, __spec__=None, __file__=None, create=True):
            self._process.start()
        inner.close()

    def _end(self) -> None:
        self._process.join()
        self._process.close()
        self._pipe.close()


@contextmanager
def quiet() -> Iterator[None]:
    """No logs: hundreds of faults are told of as they should be, and nobody reads them."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _serve(environment: Mapping[str, str], pipe: Connection) -> None:
    os.environ.update(environment)
    # botocore's own pauses between tries, which it takes no clock for.
    unpaused = patch.object(ExponentialBackoff, "delay_amount", lambda *_: 0)
    with unpaused, quiet(), suppress(EOFError):
        while True:
            try:
                pipe.send(call(transform, pipe.recv()))
            except Unavailable:
                pipe.send(None)
