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
        sys.exit(_installed_bare(error.name))
    run()


def _installed_bare(name: str) -> int:
    print(f"playlake: {name} is not installed: install playlake[local].", file=sys.stderr)
    return 2
