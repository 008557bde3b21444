"""The terminal that a command prints to, and that may go away."""

import os
import sys
from typing import Any

from rich.console import Console


def silence() -> None:
    """From here on standard output goes nowhere: it could not be written, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Plain(Console):
    """A console that shows what it is given: in the id `urn:tv:42` nothing is a picture."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "emoji": False, **options})


class Terminal(Plain):
    """A console whose reader may go away: what it tells of goes on."""

    def on_broken_pipe(self) -> None:
        """See `rich.console.Console.on_broken_pipe`, which would end the process."""
        self.quiet = True
        silence()
