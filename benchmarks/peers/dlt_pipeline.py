"""dlt: its own reader of JSON lines, into its filesystem destination as Parquet.

One run over all batches, which suits it better than a run a batch: each run is a package of its
own. Its destination has no partitions by a column, so that it writes none; there is no base64 to
decode and no device to find.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
# It is checked from playlake's environment, which has not got it.

import os
from pathlib import Path

import dlt
from dlt.sources.filesystem import filesystem, read_jsonl

from benchmarks.peers.answering import Stopwatch, answer

_ONE_WORKER = {
    "EXTRACT__WORKERS": "1",
    "NORMALIZE__WORKERS": "1",
    "LOAD__WORKERS": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
}


def loaded(source: Path, out: Path) -> Stopwatch:
    """Extract, normalize and load, in a pipeline that is new."""
    pipeline = dlt.pipeline(
        pipeline_name="plays",
        pipelines_dir=str(out / ".working"),
        destination=dlt.destinations.filesystem(bucket_url=(out / "lake").as_uri()),
        dataset_name="playlake",
    )
    lines = filesystem(bucket_url=source.as_uri(), file_glob="*.jsonl") | read_jsonl()
    with Stopwatch() as watch:
        pipeline.run(lines.with_name("plays"), loader_file_format="parquet")
    return watch


if __name__ == "__main__":
    os.environ.update(_ONE_WORKER)
    answer(loaded)
