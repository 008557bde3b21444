"""Objects of the archive, under `raw/` and `failed/`: how they are named, what is in them."""

import gzip
import io
import zlib
from collections.abc import Iterator

from transform.times import utc_day

GZIP_LEVEL = 6  # zlib's own; the gzip module's is 9, for 1% less in twice the time

_GZIP = b"\x1f\x8b"


class Torn(Exception):
    """An object is cut short or damaged."""


def archive_key(prefix: str, arrived_ms: int, name: str) -> str:
    """Where a batch lies whose first record arrived then, in epoch ms."""
    return f"{prefix}/dt={utc_day(arrived_ms)}/{name}.json.gz"


def packed(lines: bytes) -> bytes:
    """The lines, gzipped. No clock: the same lines are the same bytes."""
    return gzip.compress(lines, GZIP_LEVEL, mtime=0)


def is_packed(data: bytes) -> bool:
    """Whether an object is gzipped: Firehose leaves that to the delivery stream's settings."""
    return data.startswith(_GZIP)


def read_lines(data: bytes) -> Iterator[bytes]:
    """Each line of an object, gzipped or not, with its end; the last one may have none.

    Raises Torn when the object is cut short, after the lines before that.
    """
    lines = io.BytesIO(data)
    try:
        yield from gzip.GzipFile(fileobj=lines) if is_packed(data) else lines
    except (OSError, EOFError, zlib.error) as error:
        raise Torn(str(error)) from error
