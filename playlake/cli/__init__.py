"""The command line: `playlake COMMAND`, and `playlake COMMAND --help` for an example of each."""

from playlake.cli.main import app, main

__all__ = ["app", "main"]
