"""Objects of the archive without the lines that name a person: `raw/` and `failed/`."""

import binascii
import gzip
import io
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from transform.archive import GZIP_LEVEL, Torn, is_packed, read_lines
from transform.mending.person import Person


class Unreadable(Exception):
    """An object is torn, or is not what its name says."""


class Stripped(NamedTuple):
    """An object without a person's lines."""

    data: bytes
    """What is left, compressed as the object was; nothing where it was not to be written."""
    kept: int
    """Lines that stay, whole or in part."""
    removed: int
    """Events that go."""
    events: tuple[bytes, ...]
    """Those events, each a line; none where nothing was to be written."""


def stripped(data: bytes, person: Person, *, write: bool = False) -> Stripped:
    """The object's lines, gzipped or not, without those that name the person.

    Of an error record of Firehose's it is its `rawData` that counts, event by event. Read and
    written line by line: in memory are the object before and after, as compressed as they are.
    Raises Unreadable when the object is cut short or damaged.
    """
    left = io.BytesIO()
    kept = removed = 0
    events: list[bytes] = []
    with _writer(left, is_packed(data)) as writer:
        for line in _lines(data):
            stays, gone = _without(line, person)
            kept += bool(stays)
            removed += len(gone)
            if write:
                writer.write(stays)
                events += gone
    return Stripped(left.getvalue() if write else b"", kept, removed, tuple(events))


def _without(line: bytes, person: Person) -> tuple[bytes, Sequence[bytes]]:
    """What stays of the line, and the events of it that go."""
    if person.named_in(line):
        return b"", (line,)
    if b'"rawData"' in line and (record := _error_record(line)):
        return _without_raw_data(line, *record, person)
    return line, ()


def _without_raw_data(
    line: bytes, fields: dict[str, Any], data: bytes, person: Person
) -> tuple[bytes, Sequence[bytes]]:
    left: list[bytes] = []
    gone: list[bytes] = []
    for event in io.BytesIO(data):
        (gone if person.named_in(event) else left).append(event)
    if not gone:
        return line, ()
    if not left:
        return b"", gone
    raw_data = b64encode(b"".join(left)).decode("ascii")
    return json.dumps(fields | {"rawData": raw_data}).encode() + b"\n", gone


def _error_record(line: bytes) -> tuple[dict[str, Any], bytes] | None:
    """Its fields and the record that failed; None for a line that is no error record."""
    try:
        fields = json.loads(line)
        return fields, b64decode(fields["rawData"])
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        return None


def _lines(data: bytes) -> Iterator[bytes]:
    """Each line with its end. A line that is torn off at the end is one too."""
    try:
        yield from read_lines(data)
    except Torn as error:
        raise Unreadable(f"it is no whole gzip file: {error}") from error


def _writer(left: io.BytesIO, compress: bool) -> AbstractContextManager[Any]:
    if not compress:
        return nullcontext(left)
    # No clock: whoever strips the same object writes the same bytes.
    return gzip.GzipFile(fileobj=left, mode="wb", compresslevel=GZIP_LEVEL, mtime=0)
