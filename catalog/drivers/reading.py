"""DuckDB's SQL for a scan: exactly these files, in the table's own types."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from glob import escape
from pathlib import Path

from catalog.data_file import DataFile
from events.sql import DUCKDB_TYPES
from events.table import PARTITION_KEY, Column, ColumnType, Table

# What DuckDB reads milliseconds in Parquet as. A cast to TIMESTAMP_MS would cost the pruning of
# row groups by their statistics.
_TYPES = DUCKDB_TYPES | {ColumnType.TIMESTAMP: "TIMESTAMP"}


def relation(table: Table, lake: Path, files: Iterable[DataFile]) -> str:
    """A SELECT of the table's columns and `dt` from those files, empty when there are none.

    A file that was written before a column was declared gives NULL for it: the catalog knows each
    file's columns, so that files of one shape are read together and no footer is opened to compare.
    """
    shapes: defaultdict[frozenset[str], list[Path]] = defaultdict(list)
    for file in files:
        shapes[frozenset(file.column_bytes)].append(lake / file.key)
    parts = [_read(table, shape, paths) for shape, paths in shapes.items()]
    return " UNION ALL ".join(parts or [_nothing(table)])


def _read(table: Table, shape: frozenset[str], paths: Sequence[Path]) -> str:
    columns = [_present(each) if each.name in shape else _absent(each) for each in table.columns]
    # A lake's folder may be called "site[1]"; to DuckDB each path is a pattern.
    listed = ", ".join(_text(escape(str(path))) for path in paths)
    return (
        f"SELECT {', '.join(columns)}, {PARTITION_KEY} FROM read_parquet([{listed}], "  # noqa: S608
        f"hive_partitioning = true, hive_types = {{'{PARTITION_KEY}': VARCHAR}})"
    )


def _nothing(table: Table) -> str:
    columns = [_absent(column) for column in table.columns]
    return f"SELECT {', '.join(columns)}, CAST(NULL AS VARCHAR) AS {PARTITION_KEY} WHERE false"


def _present(column: Column) -> str:
    return f'CAST("{column.name}" AS {_TYPES[column.type]}) AS "{column.name}"'


def _absent(column: Column) -> str:
    return f'CAST(NULL AS {_TYPES[column.type]}) AS "{column.name}"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
