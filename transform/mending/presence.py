"""Which events lie in the lake already, by their ids."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from transform.reading import Gone, StoredFile, read_parquet
from transform.store import Store

_logger = logging.getLogger("playlake.transform")

MOST_BYTES = 128 * 2**20
"""How much of ids is remembered: of about three million events."""


def absent(rows: pa.Table, files: Iterable[str], ids: Callable[[str], pa.Array]) -> pa.Table:
    """The rows whose event is in none of `files`; `ids` gives a file's event ids by its key.

    A file at a time: a day of the lake need not fit in memory. Raises what `ids` raises.
    """
    for key in files:
        if not len(rows):
            break
        rows = rows.filter(pc.invert(pc.is_in(rows["event_id"], ids(key))))
    return rows


class EventIds:
    """The event ids of data files, by key; those that were asked for last are remembered.

    A data file never changes, so that what is remembered of it stays true.
    """

    def __init__(self, lake: Store, most_bytes: int = MOST_BYTES) -> None:
        self._lake = lake
        self._most_bytes = most_bytes
        self._bytes = 0
        self._known: OrderedDict[str, pa.Array] = OrderedDict()

    def __call__(self, key: str) -> pa.Array:
        """The file's ids; none of one that is torn, for nobody can read an event there.

        Raises `events.errors.StoreUnavailable`, and KeyError when the file is gone.
        """
        if key not in self._known:
            self._known[key] = _read(self._lake, key)
            self._bytes += self._known[key].nbytes
        self._known.move_to_end(key)
        found = self._known[key]
        while self._bytes > self._most_bytes:
            _, dropped = self._known.popitem(last=False)
            self._bytes -= dropped.nbytes
        return found


def _read(lake: Store, key: str) -> pa.Array:
    file = StoredFile(lake, key)
    try:
        column = read_parquet(file, ["event_id"])[0]["event_id"].cast(pa.string())
    except Gone:
        raise
    except (ValueError, KeyError, NotImplementedError) as error:
        # Torn; or Parquet that is not ours: the column is not there, or of another kind.
        _logger.warning("%s cannot be read: %s", key, error)
        return pa.array([], pa.string())
    return column.combine_chunks()
