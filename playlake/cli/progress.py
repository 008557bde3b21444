"""A progress bar for what takes long."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

PATIENCE_SECONDS = 2.0
"""What is done sooner shows no bar."""


@contextmanager
def waiting(label: str) -> Iterator[None]:
    """Show that something is under way whose end nobody knows; on standard error, if a terminal."""
    status = Console(stderr=True).status(label)
    timer = threading.Timer(PATIENCE_SECONDS, status.start)
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        status.stop()


@contextmanager
def progress(label: str, total: float) -> Iterator[Callable[[float], None]]:
    """Give a function that tells how much of `total` is done; on standard error, if a terminal."""
    bar = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
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
