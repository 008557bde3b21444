"""The Glue tables as CloudFormation resources, from the event declarations."""

from typing import Any

from events.glue import columns
from events.registry import REGISTRY
from events.table import PARTITION_KEY, Table

_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_INPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
_OUTPUT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"


def table_resources() -> dict[str, Any]:
    """`AWS::Glue::Table` for each table, by logical id: `VideoPlayEventsTable`."""
    return {_logical_id(table): _resource(table) for table in REGISTRY.tables}


def _logical_id(table: Table) -> str:
    return "".join(word.capitalize() for word in table.name.split("_")) + "Table"


def _resource(table: Table) -> dict[str, Any]:
    return {
        "Type": "AWS::Glue::Table",
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseName": {"Ref": "Database"},
            "TableInput": {
                "Name": table.name,
                "Description": table.doc,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
                "PartitionKeys": [
                    {"Name": PARTITION_KEY, "Type": "string", "Comment": "The UTC day."}
                ],
                "StorageDescriptor": {
                    "Columns": columns(table),
                    "Location": {"Fn::Sub": f"s3://${{Bucket}}/lake/{table.name}/"},
                    "InputFormat": _INPUT,
                    "OutputFormat": _OUTPUT,
                    "SerdeInfo": {
                        "SerializationLibrary": _SERDE,
                        "Parameters": {"serialization.format": "1"},
                    },
                },
            },
        },
    }
