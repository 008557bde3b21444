"""The command line: `playlake COMMAND`, and `playlake COMMAND --help` for an example of each."""

import sys

_EXTRAS = frozenset({"pyarrow", "rich", "sqlglot", "typer"})
"""What no command does without, of the extra `local`."""


def main() -> None:
    """See `playlake.cli.main.main`. Exits with 2 where playlake was installed without extras."""
    try:
        from playlake.cli.main import main as run
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        sentence = f"playlake: {error.name} is not installed: install playlake[local].\n"
        sys.stderr.write(sentence)
        sys.exit(2)
    run()
