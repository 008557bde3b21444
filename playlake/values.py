"""An answer's values, and its rows, as programs read them: JSON and CSV."""

import csv
import io
import json
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from catalog.answer import Answer

_CHUNK = 1_000
"""Rows that are written at a time."""


def plain(value: Any) -> Any:
    """A value of the engine's as JSON has it; what JSON has no word for becomes text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    if isinstance(value, dict):
        return {str(plain(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def text(value: Any) -> Any:
    """A value in a cell of CSV: what has parts is JSON."""
    made = plain(value)
    return json.dumps(made, ensure_ascii=False) if isinstance(made, dict | list) else made


def csv_chunks(answer: Answer) -> Iterator[str]:
    """RFC 4180 CSV with a header, a thousand rows at a time, as they come."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.name for column in answer.columns])
    for number, row in enumerate(answer, start=1):
        writer.writerow([text(value) for value in row])
        if number % _CHUNK == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    """What is in the buffer, which is empty then."""
    taken = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return taken
