"""A table as SQL: the types in DuckDB, the DDL in DuckDB and in Athena."""

from events.glue import GLUE_TYPES
from events.table import PARTITION_KEY, Column, ColumnType, Table

DUCKDB_TYPES = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.BIGINT: "BIGINT",
    ColumnType.DOUBLE: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.TIMESTAMP: "TIMESTAMP_MS",
}


def duckdb_type(column: Column) -> str:
    """The column's type in DuckDB."""
    return DUCKDB_TYPES[column.type]


def duckdb_ddl(table: Table) -> str:
    """CREATE TABLE in DuckDB, the partition key as its last column."""
    columns = [f"    {column.name} {duckdb_type(column)}" for column in table.columns]
    columns.append(f"    {PARTITION_KEY} VARCHAR")
    return f"CREATE TABLE {table.name} (\n" + ",\n".join(columns) + "\n)"


def athena_ddl(table: Table, database: str, location: str) -> str:
    """CREATE EXTERNAL TABLE in Athena over the table's folder, `location` being its S3 URI."""
    columns = ",\n".join(
        f"    `{column.name}` {GLUE_TYPES[column.type]}" for column in table.columns
    )
    return (
        f"CREATE EXTERNAL TABLE `{database}`.`{table.name}` (\n{columns}\n)\n"
        f"PARTITIONED BY (`{PARTITION_KEY}` string)\n"
        f"STORED AS PARQUET\nLOCATION '{location}'"
    )
