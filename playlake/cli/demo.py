"""The command `demo`."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="A folder to begin anew.")
    ] = Path("demo-data"),
    viewers: Annotated[int, typer.Option(min=1, help="How many people watch.")] = 500,
) -> None:
    """Simulate a month, play a real video in Chromium, and print the reports over both."""
    from playlake.cli.demonstration import demonstrate

    demonstrate(data, viewers)
