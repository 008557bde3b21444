"""An answer's values, and its rows, as programs read them: JSON and CSV."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Any

from catalog.answer import Row


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


def csv_lines(names: Iterable[str], rows: Iterable[Row]) -> Iterator[str]:
    """RFC 4180 CSV: the header, then a row at a time, as they come."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for values in chain([names], ([text(value) for value in row] for row in rows)):
        writer.writerow(values)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
