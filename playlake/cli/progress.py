"""A progress bar for what takes long."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.markup import escape
from rich.progress import Progress
from rich.status import Status

from playlake.cli.terminal import Plain

PATIENCE_SECONDS = 2.0
"""What is done sooner shows no bar."""


class Waiting:
    """Shows that something is under way whose end nobody knows; on standard error, if a terminal.

    A context manager, to be entered as often as there is something to wait for.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._status: Status | None = None
        self._timer: threading.Timer | None = None

    def tell(self, news: object) -> None:
        """Show how far it is."""
        if self._status is not None:
            self._status.update(f"{self._label}: {escape(str(news))}")

    def __enter__(self) -> Self:
        self._status = Plain(stderr=True).status(self._label)
        self._timer = threading.Timer(PATIENCE_SECONDS, self._status.start)
        if sys.stderr.isatty():
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._status is not None:
            self._status.stop()


@contextmanager
def progress(label: str, total: float) -> Iterator[Callable[[float], None]]:
    """Give a function that tells how much of `total` is done; on standard error, if a terminal."""
    bar = Progress(console=Plain(stderr=True), transient=True, disable=not sys.stderr.isatty())
    task = bar.add_task(label, total=total)
    began = time.monotonic()
    shown = False

    def update(completed: float) -> None:
        nonlocal shown
        if not shown and time.monotonic() - began > PATIENCE_SECONDS:
            bar.start()
            shown = True
        bar.update(task, completed=completed)

    try:
        yield update
    finally:
        bar.stop()
