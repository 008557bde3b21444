"""A lake with events that were rejected, that failed, or that are missing, to be replayed."""

import gzip
import json
from base64 import b64encode
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from events.layout import parse_key
from events.validation import Misfit
from playlake.mending.workshop import Workshop
from playlake.replaying.replay import replay
from playlake.replaying.source import Source, Span
from tests.records import ARRIVED, LAB_PLAY, lines, record
from transform.failed import Failed, failed_line
from transform.mending.tally import Tally
from transform.parquet import data_objects
from transform.process import Settings, process
from transform.rejects import Reject, rejected_table
from transform.store import Store

PLAYS = "video_play_events"
REJECTED = "rejected_events"
DAY = "2026-09-21"  # of ARRIVED
FAILED = f"failed/processing-failed/dt={DAY}"
EVER, LENIENT = Span(), Settings()
OLD_RULE = Misfit("out_of_range", "ended_at", "That was the rule then.")


def play(event_id: str | None, **fields: object) -> dict[str, object]:
    """A play as the collector hands it on."""
    stamp = {} if event_id is None else {"event_id": event_id}
    return LAB_PLAY | stamp | {"received_at": ARRIVED} | fields


def bad(event_id: str) -> dict[str, object]:
    """A play that breaks its type's rules."""
    return play(event_id, started_at="0")


def put(lake: Store, *events: dict[str, object]) -> str:
    """Deliver events of one table and day; gives the file's key."""
    (made,) = data_objects(process([record("r", *events)], ARRIVED).tables)
    lake.put(made.key, made.data)
    return made.key


def reject(lake: Store, name: str, *events: dict[str, object], misfit: Misfit = OLD_RULE) -> str:
    """A file of events that were rejected by a rule of then; the id of one without is made."""
    rejects = [
        Reject(misfit, json.dumps(each).encode(), ARRIVED, "video_play", _own_id(each))
        for each in events
    ]
    key = f"{REJECTED}/dt={DAY}/part-{name}.parquet"
    lake.put(key, _encoded(rejected_table(rejects)))
    return key


def error_line(*events: object, arn: str = "lambdaArn", arrived: int = ARRIVED) -> bytes:
    """A record as Firehose files it when the function failed, under either name of the ARN."""
    why = Failed("Lambda.FunctionError", "Task timed out", 4, ARRIVED, "arn:aws:lambda:eu:1:f:t")
    line = failed_line(b64encode(lines(*events)).decode(), arrived, why)
    return line.replace(b'"lambdaArn"', f'"{arn}"'.encode())


def put_lines(archive: Store, key: str, *texts: bytes) -> None:
    """An object of the archive."""
    archive.put(key, gzip.compress(b"".join(texts), mtime=0))


def lines_under(archive: Store, prefix: str) -> list[bytes]:
    """Every line of the archive there."""
    return [
        line
        for key in archive.keys(prefix)
        for line in gzip.decompress(archive.get(key)).splitlines()
    ]


def rows_of(lake: Store, table: str) -> list[dict[str, object]]:
    """Every row of a table that lies in the lake."""
    return [
        row
        for key in lake.keys(f"{table}/")
        if parse_key(key)
        for row in pq.ParquetFile(pa.BufferReader(lake.get(key))).read().to_pylist()
    ]


def ids_of(lake: Store, table: str) -> list[str]:
    """The events of a table, one for each row."""
    return sorted(str(row["event_id"]) for row in rows_of(lake, table))


def workshop(lake: Store, archive: Store) -> Workshop:
    """Over stores that no catalog knows of, as Glue knows partitions only."""
    return Workshop("w", lake, archive, lambda _: None, lambda *_: None, lambda: None)


def replayed(
    store: Store, source: Source, span: Span = EVER, settings: Settings = LENIENT
) -> Tally:
    """Replay over a store that is lake and archive."""
    return replay(workshop(store, store), source, span, settings, lambda *_: None)


def fates(tally: Tally) -> Counter[tuple[str | None, str, str | None]]:
    """How many events came to what."""
    return Counter({(each.table, each.fate.value, each.reason): each.events for each in tally})


def _own_id(event: dict[str, object]) -> str | None:
    return str(event["event_id"]) if "event_id" in event else None


def _encoded(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    return bytes(sink.getvalue())
