"""The sizes and the time that `benchmarks.costs` counts with, measured.

    python -m benchmarks.sizes [--events 200000] [--json FILE]

Plays as `benchmarks.transform` makes them go through the transform as Firehose hands them over,
and are compacted; what three reports read is counted by the local engine. Sizes hardly depend on
the machine; the milliseconds are of this one, of processor time, on one core.
"""

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.consumer import REPORTS, files_of
from benchmarks.transform import BATCH_BYTES, firehose_events, play_events
from playlake.local.folder import DataFolder
from playlake.local.pipeline import LocalPipeline
from transform.batch import deliver
from transform.drivers.file_store import FileStore
from transform.process import Processor

SIZES = Path(__file__).with_name("sizes.json")
ARCHIVE_BYTES = 5 * 1024 * 1024
"""Firehose's default buffer for S3: what the lab's design compresses as one object."""


def main() -> None:
    """Measure, and print as JSON or write to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"{SIZES.name} is what counts")
    options = parser.parse_args()
    text = json.dumps(measured(options.events), indent=2) + "\n"
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    print(text, end="")


def measured(events: int) -> dict[str, object]:
    """Bytes an event at each place, bytes an event that reports read, milliseconds a batch."""
    lines = play_events(events)
    with tempfile.TemporaryDirectory() as folder:
        batch_ms = transformed(lines, Path(folder))
        written = files_of(Path(folder))
        compact(Path(folder))
        compacted = files_of(Path(folder))
    return {
        "command": f"python -m benchmarks.sizes --events {events} --json benchmarks/sizes.json",
        "events": events,
        "json_bytes": round(sum(map(len, lines)) / events, 1),
        "gzip_bytes": round(gzipped(lines) / events, 1),
        "parquet_bytes": round(sum(written.sizes) / events, 1),
        "compacted_bytes": round(sum(compacted.sizes) / events, 1),
        "read_bytes": {
            name: round(compacted.scanned[name] / events, 2) for name in sorted(REPORTS)
        },
        "batch_ms": round(batch_ms, 1),
    }


def transformed(lines: Sequence[bytes], root: Path) -> float:
    """Milliseconds of processor time for a full batch, the mean; all lies in the lake then."""
    batches: list[Mapping[str, object]] = [*firehose_events(lines)]
    processor, store = Processor(), FileStore(root / "lake")
    deliver(batches[0], processor, store)  # warms up; the same objects are written again below
    began = time.process_time()
    for batch in batches:
        deliver(batch, processor, store)
    taken = time.process_time() - began
    return taken * 1_000 * BATCH_BYTES / sum(map(len, lines))


def compact(root: Path) -> None:
    """Make the lake's small files large ones, as `playlake dev` does when a day is quiet."""
    with LocalPipeline(DataFolder(root)) as pipeline:
        pipeline.settle()


def gzipped(lines: Sequence[bytes]) -> int:
    """Bytes of the lines as Firehose archives them, an object a buffer."""
    size, waiting, whole = 0, [], 0
    for line in lines:
        waiting.append(line)
        size += len(line) + 1
        if size >= ARCHIVE_BYTES:
            whole += len(gzip.compress(b"\n".join(waiting), 6))
            size, waiting = 0, []
    return whole + (len(gzip.compress(b"\n".join(waiting), 6)) if waiting else 0)


if __name__ == "__main__":
    main()
