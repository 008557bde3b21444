"""What a data folder keeps of events beside the files that anybody reads."""

import sqlite3
from contextlib import closing

from events.errors import StoreUnavailable
from playlake.local.folder import DataFolder


def clear_leftovers(folder: DataFolder) -> None:
    """Wipe the delivered records out of the spool's free pages, and delete half-written files.

    For whoever owns the spool. Another writer at work in the lake, `playlake consume`, may lose the
    file that it is writing: its store tells it so, and it writes it again. Raises StoreUnavailable.
    """
    _vacuum(folder)
    try:
        for root in (folder.root, folder.lake):
            for path in (root / ".writing").glob("[!l]*"):  # all but the stores' lock
                path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"cannot delete {error.filename}: {error.strerror}") from error


def _vacuum(folder: DataFolder) -> None:
    # SQLite marks a deleted row's pages as free and leaves in them what was there. VACUUM writes
    # the database anew, and the checkpoint empties the log that still has its old pages.
    try:
        with closing(sqlite3.connect(folder.spool, isolation_level=None)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"cannot rewrite {folder.spool}: {error}") from error
