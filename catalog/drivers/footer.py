"""Parquet footers: what the catalog notes of a file, read once, when it is registered."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.data_file import DataFile, Partition, Reason, Skipped
from events.layout import replaced_keys


def read_footer(lake: Path, key: str, partition: Partition) -> DataFile | Skipped:
    """The file at `key` as its footer describes it; a missing or a torn one is skipped, by name."""
    path = lake / key
    try:
        size = path.stat().st_size
        metadata = pq.read_metadata(path)
        replaces = replaced_keys(metadata.metadata or {})
    except FileNotFoundError:
        return Skipped(key, Reason.MISSING, "it is not in the lake")
    except (pa.ArrowException, OSError, ValueError) as error:
        return Skipped(key, Reason.UNREADABLE, str(error).splitlines()[0])
    return DataFile(key, partition, metadata.num_rows, size, _column_bytes(metadata), replaces)


def _column_bytes(metadata: Any) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for index in range(row_group.num_columns):
            chunk = row_group.column(index)
            sizes[chunk.path_in_schema.split(".")[0]] += chunk.total_compressed_size
    return dict(sizes)
