"""A table's Arrow schema, and so its Parquet schema."""

import pyarrow as pa

from events.table import ColumnType, Table

ARROW_TYPES = {
    ColumnType.TEXT: pa.string(),
    ColumnType.BIGINT: pa.int64(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.TIMESTAMP: pa.timestamp("ms"),
}


def schema(table: Table) -> pa.Schema:
    """The schema of the table's files, without the partition key."""
    return pa.schema(
        pa.field(column.name, ARROW_TYPES[column.type], nullable=column.name != "event_id")
        for column in table.columns
    )
