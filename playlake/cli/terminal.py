"""The terminal that a command prints to, and that may go away."""

import os
import sys

from rich.console import Console


def silence() -> None:
    """From here on standard output goes nowhere: it could not be written, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Terminal(Console):
    """A console whose reader may go away: what it tells of goes on."""

    def on_broken_pipe(self) -> None:
        """See `rich.console.Console.on_broken_pipe`, which would end the process."""
        self.quiet = True
        silence()
