"""A DuckDB that reads the lake and nothing else."""

import re
import secrets
import tempfile
from glob import escape
from pathlib import Path

import duckdb


def open_sandbox(lake: Path | None) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB whose SQL reaches no file outside `lake`, if one is given; no network.

    The planner lets only tables of the lake through; this is the second lock, which does not rely
    on the first. Source: duckdb.org/docs, "Securing DuckDB".
    """
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "temp_directory": str(_spill_folder()),
        }
    )
    # In this order: the directories can be named only while access is on. Athena's session is UTC.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # As a path, and as what `catalog.drivers.reading` writes for it: a pattern is checked unread.
    allowed = [str(lake), escape(str(lake))] if lake else []
    connection.execute("SET GLOBAL allowed_directories = ?", [allowed])
    connection.execute("SET GLOBAL enable_external_access = false")
    connection.execute("SET GLOBAL lock_configuration = true")
    return connection


def _spill_folder() -> Path:
    """Where DuckDB puts what memory does not hold: it makes the folder then, and removes it."""
    return Path(tempfile.gettempdir()) / f"playlake-{secrets.token_hex(8)}"


_NO_FUNCTION = re.compile(r"Catalog Error: \w+ Function with name (?P<name>\S+) does not exist")


def one_line(error: duckdb.Error) -> str:
    """What DuckDB found wrong, without the excerpt of rewritten SQL that follows."""
    if missing := _NO_FUNCTION.match(str(error)):
        return f"DuckDB, the engine of one machine, has no function {missing['name']}; Athena may."
    return str(error).splitlines()[0]
