"""A table's columns as the Glue Data Catalog wants them."""

from events.table import Column, ColumnType, Table

GLUE_TYPES = {
    ColumnType.TEXT: "string",
    ColumnType.BIGINT: "bigint",
    ColumnType.DOUBLE: "double",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TIMESTAMP: "timestamp",
}

COMMENT_LIMIT = 255
"""Glue's limit on a column's comment, in characters (Glue API, `Column`)."""


def columns(table: Table) -> list[dict[str, str]]:
    """`StorageDescriptor.Columns` of the table."""
    return [_column(column) for column in table.columns]


def _column(column: Column) -> dict[str, str]:
    return {
        "Name": column.name,
        "Type": GLUE_TYPES[column.type],
        "Comment": column.doc[:COMMENT_LIMIT],
    }
