"""Where a table's objects lie in the lake: `<table>/dt=<date>/part-<key>.parquet`."""

import json
import re
from collections.abc import Mapping

from events.table import PARTITION_KEY

REPLACES = "playlake.replaces"
"""Parquet metadata of a compacted file: the JSON list of the keys whose rows it holds. While one of
those is still there, it is not to be read."""

_DATA_FILE = re.compile(
    rf"(?P<table>[a-z][a-z0-9_]*)/{PARTITION_KEY}=(?P<dt>\d{{4}}-\d\d-\d\d)/part-[0-9a-z-]+\.parquet"
)

_COMPACTED = re.compile(r".*/part-c[0-9a-f]{32}\.parquet")
_OF_OTHERS = re.compile(r".*/part-[cpr][0-9a-f]{32}\.parquet")


def object_key(table: str, dt: str, key: str) -> str:
    """The object of one partition's rows; `key` derives from the rows: small letters, digits."""
    return f"{table}/{PARTITION_KEY}={dt}/part-{key}.parquet"


def replaced_keys(metadata: Mapping[bytes, bytes]) -> tuple[str, ...]:
    """The keys that a data file replaces, by its Parquet metadata. Raises ValueError when what is
    there is no list of keys."""
    keys = json.loads(metadata.get(REPLACES.encode(), b"[]"))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError(f"its {REPLACES} is no JSON list of keys")
    return tuple(keys)


def parse_key(object_key: str) -> tuple[str, str] | None:
    """The (table, dt) whose rows the object holds, or None for an object that is no data file.

    Names that begin with `_` or `.` never match: Athena does not read those either.
    """
    found = _DATA_FILE.fullmatch(object_key)
    return (found["table"], found["dt"]) if found else None


def compacted_key(table: str, dt: str, key: str) -> str:
    """The object of a partition's compacted rows. The letter keeps it apart from a batch of the
    very same rows."""
    return object_key(table, dt, f"c{key}")


def is_compacted(object_key: str) -> bool:
    """Whether compaction made the data file."""
    return _COMPACTED.fullmatch(object_key) is not None


def is_of_others(object_key: str) -> bool:
    """Whether a data file may hold rows of others: compaction (c), a rewrite (r) or a replay (p)
    made it. A batch's name is a letter shorter."""
    return _OF_OTHERS.fullmatch(object_key) is not None
