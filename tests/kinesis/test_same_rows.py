"""The same events through Firehose's handler and through the consumer: the same rows."""

import base64

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.drivers.local import LocalCatalog
from events.layout import parse_key
from events.video_player import VIDEO_PLAYER
from playlake.consuming.opening import open_consumer
from playlake.consuming.settings import ConsumerSettings
from tests.kinesis.consuming import event
from tests.records import ARRIVED, LAB_CLICK, LAB_PLAY, lines
from transform.batch import deliver
from transform.drivers.file_store import FileStore
from transform.gathering import StreamRecord
from transform.ledger import Place
from transform.process import Processor

PLAYERS = [
    {**VIDEO_PLAYER.examples[0], "event_id": f"p{number}", "event": each}
    for number, each in enumerate(("play_intent", "first_frame", "stall", ""))
]
ODD = [
    LAB_CLICK,
    LAB_PLAY,  # without an id, as the reference lab sends it
    {**LAB_PLAY, "event_id": "x", "mood": {"is": ["good", 1.5, None]}, "logged_at": 1_535_523_716},
    {**LAB_PLAY, "event_id": "x", "ended_at": 1},  # the same id again
    {**LAB_PLAY, "event_id": "f", "logged_at": ARRIVED + 86_400_000},  # tomorrow
    b"{not json",
    b'["an array"]',
]
PACKED = [
    *(
        lines(*(event(each, ARRIVED - each % 3 * 86_400_000) for each in range(start, start + 25)))
        for start in range(0, 1_000, 25)
    ),
    lines(*ODD),
    lines(*PLAYERS),
    lines(LAB_PLAY),  # once more, in another record
]


def test_the_same_events_give_the_same_rows_column_by_column(tmp_path):
    through_firehose(tmp_path / "firehose")
    through_consumer(tmp_path / "consumer")
    tables = {each: rows_of(tmp_path / each / "lake") for each in ("firehose", "consumer")}
    firehose, consumer = tables["firehose"], tables["consumer"]
    assert len(consumer) == 4
    assert firehose.keys() == consumer.keys()
    for name, rows in consumer.items():
        assert rows.schema == firehose[name].schema
        for column in rows.column_names:
            assert rows[column].equals(firehose[name][column]), f"{name}.{column}"
    assert sum(map(len, consumer.values())) > 1_000


def through_firehose(root):
    records = [
        {"recordId": str(number), "data": encoded(data), "approximateArrivalTimestamp": ARRIVED}
        for number, data in enumerate(PACKED)
    ]
    answer = deliver({"records": records}, Processor(), FileStore(root / "lake")).response
    assert {each["result"] for each in answer["records"]} == {"Ok"}


def through_consumer(root):
    """In three reads and two commits, wired as the child of a daemon is."""
    (root / "lake").mkdir(parents=True)
    settings = ConsumerSettings(
        stream="plays",
        lake=(root / "lake").as_uri(),
        catalog=f"sqlite://{root}/catalog.db",
        application="plays",
        max_bytes=len(b"".join(PACKED)) * 3 // 4,
    )
    committed = []
    consumer = open_consumer(settings, "shard-0", committed.append)
    consumer.start(None)
    given = [
        StreamRecord(Place(number), encoded(data), ARRIVED) for number, data in enumerate(PACKED)
    ]
    for start in range(0, len(given), 15):
        consumer.take(given[start : start + 15])
    consumer.flush()
    assert len(committed) == 2
    with LocalCatalog(root / "lake", root / "catalog.db") as catalog:
        assert catalog.partitions("video_play_events")


def encoded(data):
    return base64.b64encode(data).decode()


def rows_of(lake):
    """Every row by table, in the order of their ids; each with its day."""
    found = {}
    for key, *_ in FileStore(lake).entries():
        if parse_key(key) is not None:
            table, dt = parse_key(key)
            rows = pq.ParquetFile(lake / key).read()
            rows = rows.append_column("dt", pa.array([dt] * len(rows)))
            found.setdefault(table, []).append(rows)
    return {
        table: pa.concat_tables(parts).sort_by("event_id").combine_chunks()
        for table, parts in found.items()
    }
