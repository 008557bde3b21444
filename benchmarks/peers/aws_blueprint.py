"""A row-by-row handler, as one grows from AWS's blueprint for a Firehose transformation.

The blueprint ("Process records sent to an Amazon Data Firehose stream") decodes each record, works
on its payload and answers for it. What a team adds: json.loads, the device by ua-parser, a dict a
row, and pyarrow to write them. It validates nothing, and tells no catalog.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from ua_parser import parse

from benchmarks.peers.answering import Stopwatch, answer


def handle(event: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """The Lambda: rows to Parquet by day, and an answer a record."""
    rows: list[dict[str, object]] = []
    answers = []
    for record in event["records"]:
        try:
            rows.extend(_rows(base64.b64decode(record["data"])))
            result = "Ok"
        except (ValueError, KeyError):
            result = "ProcessingFailed"
        answers.append({"recordId": record["recordId"], "result": result, "data": record["data"]})
    pq.write_to_dataset(
        pa.Table.from_pylist(rows),
        out / "plays",
        partition_cols=["dt"],
        basename_template=f"part-{event['invocationId']}-{{i}}.parquet",
        existing_data_behavior="overwrite_or_ignore",
        compression="zstd",
        use_threads=False,
    )
    return {"records": answers}


def _rows(payload: bytes) -> Iterator[dict[str, object]]:
    for line in payload.splitlines():
        row = json.loads(line)
        device = parse(row["user_agent"])
        row["device"] = device.device.family if device.device else None
        row["os_name"] = device.os.family if device.os else None
        row["browser_name"] = device.user_agent.family if device.user_agent else None
        row["duration"] = row["ended_at"] - row["started_at"]
        row["dt"] = datetime.fromtimestamp(row["logged_at"] / 1_000, UTC).strftime("%Y-%m-%d")
        yield row


def handled(source: Path, out: Path) -> Stopwatch:
    """Invoke it with one Firehose event after the other; reading them is not counted."""
    watch = Stopwatch()
    for path in sorted(source.glob("*.json")):
        event = json.loads(path.read_bytes())
        with watch:
            handle(event, out)
    return watch


if __name__ == "__main__":
    answer(handled)
