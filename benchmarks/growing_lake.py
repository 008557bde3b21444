"""A lake in which every day has the traffic of one that was simulated, under ids of its own.

That day goes through the local pipeline, compaction included. For each of the lake's its rows are
written anew: times so many days later, new event and play ids, and the viewers of one of three
audiences, for the simulator's come every third day or so. Tables that no report of the dashboard
reads are left out.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalog.drivers.duckdb_engine import DuckDBEngine
from catalog.drivers.local import LocalCatalog
from events.arrow import schema
from events.layout import REPLACES, compacted_key, parse_key
from events.registry import REGISTRY, table_of
from events.table import Table
from events.video_play import VIDEO_PLAY
from events.video_player import VIDEO_PLAYER
from playlake.local.feed import feed_folder
from playlake.local.folder import DataFolder
from playlake.simulation import Scenario, Simulation
from transform.drivers.file_store import FileStore
from transform.parquet import digest, encode
from transform.reading import read_rows
from transform.times import DAY_MS

FIRST_DAY = date(2025, 7, 2)
"""A Wednesday: weekends have a third more."""
PLAYS, SIGNALS = table_of(VIDEO_PLAY), table_of(VIDEO_PLAYER)

_EVENTS_A_VIEWER = 6.1
"""Of all viewers, on that day, those who do not come included; measured, and rounded down."""
_COME_AGAIN_DAYS = 3
_OTHER_USERS = 100_000_000
"""More than any simulation has."""
_ON_THE_WAY_MS = 100
_ID_BYTES = 16
_FEW_ROWS = 8
_COMPLETE = "complete.json"


@dataclass(frozen=True, slots=True)
class Lake:
    """A folder, and a catalog that knows the first so many of its days."""

    folder: Path
    catalog: Path
    days: int

    def opened(self) -> LocalCatalog:
        """The catalog; close it."""
        return LocalCatalog(self.folder, self.catalog)

    @contextmanager
    def engine(self) -> Iterator[DuckDBEngine]:
        """Who answers about those days."""
        with self.opened() as catalog, DuckDBEngine(catalog) as engine:
            yield engine


@dataclass(frozen=True, slots=True)
class Day:
    """A day's rows by table, in the table's order; `play_id` is a number below `plays`."""

    rows: Mapping[str, pa.Table]
    plays: int


def dt_of(number: int) -> str:
    """The day of that number, from 0."""
    return (FIRST_DAY + timedelta(days=number)).isoformat()


def cataloged(folder: Path, catalog: Path, days: int) -> Lake:
    """The lake in a folder, with a new catalog of its first days."""
    lake, end = Lake(folder, catalog, days), dt_of(days)
    keys = FileStore(folder).keys()
    with lake.opened() as registering:
        registering.register(key for key in keys if (parse_key(key) or ("", end))[1] < end)
        if len(registering.partitions(PLAYS.name)) != days:
            raise SystemExit(f"{folder} does not hold {days} days; delete it to have it made.")
    return lake


def tiny_lake(folder: Path, large: Path, days: int) -> Path:
    """Make a lake of days that all have the first few plays of a large one."""
    source = next((large / PLAYS.name).rglob("*.parquet"))
    few = next(pq.ParquetFile(source).iter_batches(_FEW_ROWS, columns=schema(PLAYS).names))
    rows = pa.Table.from_batches([few]).cast(schema(PLAYS))
    data, name = encode(rows), digest(rows["event_id"])
    for number in range(days):
        path = folder / compacted_key(PLAYS.name, dt_of(number), name)
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    return folder


def grown(folder: Path, events: int, days: int) -> dict[str, int]:
    """Make a lake of about so many events in `folder`/lake, a file a day and table, unless a whole
    one is there; gives its rows by table."""
    complete = folder / _COMPLETE
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        day = simulated_day(events // days)
        for number in range(days):
            _put(FileStore(folder / "lake"), day, number)
        counts = {name: len(rows) * days for name, rows in day.rows.items()}
        complete.write_text(json.dumps(counts) + "\n", encoding="utf-8")
    found: dict[str, int] = json.loads(complete.read_text(encoding="utf-8"))
    return found


def _put(store: FileStore, day: Day, number: int) -> None:
    """Write the files that such a day has once it is compacted."""
    for name, rows in written_anew(day, number):
        key = compacted_key(name, dt_of(number), digest(rows["event_id"]))
        store.put(key, encode(rows, {REPLACES: "[]"}))


def simulated_day(events: int) -> Day:
    """About so many events, simulated, transformed and compacted."""
    viewers = max(1, round(events / _EVENTS_A_VIEWER))
    simulation = Simulation(Scenario(until=FIRST_DAY, days=1, viewers=viewers))
    with tempfile.TemporaryDirectory() as folder:
        data = DataFolder(Path(folder))
        feed_folder(simulation.requests(), data)
        rows = {table.name: _arrived(_rows(data, table)) for table in (PLAYS, SIGNALS)}
    chunks = (chunk for each in rows.values() for chunk in each["play_id"].chunks)
    plays = pc.unique(pa.chunked_array(chunks, pa.string())).drop_null()
    for name, each in rows.items():
        rows[name] = _with(each, {"play_id": pc.index_in(each["play_id"], value_set=plays)})
    return Day(rows, len(plays))


def _rows(data: DataFolder, table: Table) -> pa.Table:
    """The first day's, in order."""
    with LocalCatalog(data.lake, data.catalog) as catalog:
        files = catalog.files(table.name, [dt_of(0)])
    store = FileStore(data.lake)
    parts = [schema(table).empty_table(), *(read_rows(store, each.key, table) for each in files)]
    return pa.concat_tables(parts).sort_by([(name, "ascending") for name in table.sort_by])


def _arrived(rows: pa.Table) -> pa.Table:
    """The rows, received when they were sent: really all of them were within a minute or two."""
    sent = pc.coalesce(rows["sent_at"], rows["logged_at"])
    return _with(rows, {"received_at": pc.add(sent, _milliseconds(_ON_THE_WAY_MS))})


def written_anew(day: Day, number: int) -> Iterator[tuple[str, pa.Table]]:
    """The rows of the lake's day of that number, by table."""
    plays = new_ids(day.plays)
    for name, rows in day.rows.items():
        ids = {"event_id": new_ids(len(rows)), "play_id": plays.take(rows["play_id"])}
        changed = ids | _later(rows, number) | _of_others(rows, number % _COME_AGAIN_DAYS)
        yield name, _with(rows, changed).cast(schema(REGISTRY.table(name)))


def _later(rows: pa.Table, days: int) -> dict[str, Any]:
    """Every time, so many days later."""
    shift = _milliseconds(days * DAY_MS)
    times = [field.name for field in rows.schema if pa.types.is_timestamp(field.type)]
    return {name: pc.add(rows[name], shift) for name in times}


def _of_others(rows: pa.Table, audience: int) -> dict[str, Any]:
    """As many viewers, of another audience."""
    return {
        "user_id": pc.add(rows["user_id"], audience * _OTHER_USERS),
        "viewer_id": pc.binary_join_element_wise(rows["viewer_id"], str(audience), "-"),
    }


def new_ids(count: int) -> pa.Array:
    """So many texts of 32 hexadecimal digits, each drawn by chance."""
    digits = 2 * _ID_BYTES
    ends = pa.arange(0, count * digits + 1, digits).cast(pa.int32())
    texts = pa.py_buffer(os.urandom(count * _ID_BYTES).hex().encode())
    return pa.StringArray.from_buffers(count, ends.buffers()[1], texts)


def _with(rows: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    """The rows with these columns in the place of their own."""
    return pa.table({name: columns.get(name, rows[name]) for name in rows.column_names})


def _milliseconds(count: int) -> Any:
    return pa.scalar(count, pa.duration("ms"))
