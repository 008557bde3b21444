"""What the lake lacks on purpose, noted beside the archive, so that an audit does not miss it.

    dropped/<table>/before=<date>.json       retention dropped that table's days before the date
    dropped/archive/before=<date>.json       and the archive's days of arrival
    withdrawn/dt=<date>/<name>.json          an erasure took so many of a day's events out of `raw/`
                                             and `failed/`: {"events": n}

A note is put before what it tells of is done: whoever dies in between leaves too much excused, for
as long as it takes to run the same command again, and never an alarm.
"""

import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date

import pybase64

from playlake.auditing.arrivals import events_in, told
from transform.archive import Torn
from transform.process import process
from transform.records import RawRecord
from transform.store import Store

ARCHIVE = "archive"
_NEVER = date.min
_CUTOFF = re.compile(r"dropped/(?P<what>[a-z_]+)/before=(?P<date>\d{4}-\d\d-\d\d)\.json")


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Before which days what was dropped."""

    archive: date = _NEVER
    """Days of arrival before it are neither archived nor to be audited."""
    tables: Mapping[str, str] = field(default_factory=dict)
    """By table, the first `dt` that is kept."""


def note_cutoff(archive: Store, what: str, first_kept: date) -> None:
    """Note that days of `what`, a table or ARCHIVE, are kept from that one on."""
    prefix = f"dropped/{what}/"
    noted = f"{prefix}before={first_kept}.json"
    archive.put(noted, b"{}\n")
    for key in list(archive.keys(prefix)):
        if key < noted:
            archive.delete(key)


def cutoffs(archive: Store) -> Cutoffs:
    """What was dropped so far; of several notes the latest counts."""
    latest = {
        found["what"]: found["date"]
        for key in archive.keys("dropped/")
        if (found := _CUTOFF.fullmatch(key))
    }
    kept = latest.pop(ARCHIVE, None)
    return Cutoffs(date.fromisoformat(kept) if kept else _NEVER, latest)


def note_withdrawal(archive: Store, dt: str, name: str, events: int) -> None:
    """Note that `events` of those that arrived on `dt` are gone from the archive.

    `name` tells one withdrawal from another, letters and digits, and is the same whoever makes it
    again: the key of the object and the events that go, digested.
    """
    archive.put(f"withdrawn/dt={dt}/{name}.json", json.dumps({"events": events}).encode() + b"\n")


def withdrawn(archive: Store, dt: str) -> int:
    """How many events that arrived on `dt` were taken out of the archive."""
    keys = list(archive.keys(f"withdrawn/dt={dt}/"))
    return sum(int(json.loads(archive.get(key))["events"]) for key in keys)


def dropped(
    archive: Store, objects: Sequence[str], ids: Set[str], tables: Mapping[str, str]
) -> set[str]:
    """Those of `ids`, of lines in `objects`, whose row would lie in a day that was dropped.

    An event that came late is of an old day, and goes with it while its line is still new.
    """
    gone: set[str] = set()
    for key in objects:
        for line in _sought(archive, key, ids - gone):
            event_id, received_ms = told(line)
            if event_id and _is_dropped(line, received_ms or 0, tables):
                gone.add(event_id)
    return gone


def _sought(archive: Store, key: str, ids: Set[str]) -> list[bytes]:
    try:
        return [line for line in events_in(archive.get(key)) if told(line)[0] in ids]
    except (KeyError, Torn):
        return []


def _is_dropped(line: bytes, received_ms: int, tables: Mapping[str, str]) -> bool:
    record = RawRecord("audited", pybase64.b64encode(line), received_ms)
    (table,) = process([record], received_ms).tables.items()
    name, rows = table
    return name in tables and str(rows["dt"][0].as_py()) < tables[name]
