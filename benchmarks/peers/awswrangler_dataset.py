"""awswrangler: an object of JSON lines to a dataset by day, its partitions registered with Glue.

It reads and writes S3 only, so moto stands for S3 and Glue, in this process. What their calls take
is not counted, in awswrangler's favour: playlake's file store and catalog are. There is no base64
to decode and no device to find.
"""

# mypy: disable-error-code="import-not-found,import-untyped"
# It is checked from playlake's environment, which has not got it.

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import awswrangler as wr
import boto3
import pandas as pd
from botocore.client import BaseClient
from moto import mock_aws

from benchmarks.peers.answering import Stopwatch, answer

_LAKE, _DATABASE = "s3://lake/plays/", "playlake"
_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


def written(source: Path, out: Path) -> Stopwatch:
    """A call a batch of 3 MB, as its Lambda would be invoked."""
    in_aws, watch = Stopwatch(), Stopwatch()
    with mock_aws():
        s3 = boto3.client("s3")
        for name in ("raw", "lake"):
            s3.create_bucket(
                Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
            )
        wr.catalog.create_database(_DATABASE)
        batches = sorted(source.glob("*.jsonl"))
        for path in batches:
            s3.put_object(Bucket="raw", Key=path.name, Body=path.read_bytes())
        with patch.object(BaseClient, "_make_api_call", _within(in_aws)), watch:
            for path in batches:
                _write(f"s3://raw/{path.name}")
        for path in wr.s3.list_objects(_LAKE):
            (out / path.removeprefix(_LAKE)).parent.mkdir(exist_ok=True)
            wr.s3.download(path, str(out / path.removeprefix(_LAKE)))
    return watch.less(in_aws)


def _write(path: str) -> None:
    # Left to itself pandas takes `started_at`, milliseconds into the video, for a date.
    plays = wr.s3.read_json(path, lines=True, convert_dates=False, use_threads=False)
    plays["dt"] = pd.to_datetime(plays["logged_at"], unit="ms").dt.strftime("%Y-%m-%d")
    wr.s3.to_parquet(
        plays,
        path=_LAKE,
        dataset=True,
        mode="append",
        partition_cols=["dt"],
        compression="zstd",
        database=_DATABASE,
        table="plays",
        use_threads=False,
    )


def _within(watch: Stopwatch) -> Callable[..., Any]:
    """botocore's call, timed. Its own `_make_api_call` is what every operation goes through."""
    call = BaseClient._make_api_call

    def timed(client: BaseClient, *given: Any) -> Any:
        with watch:
            return call(client, *given)

    return timed


if __name__ == "__main__":
    os.environ.update(_ACCOUNT)
    answer(written)
