"""The named queries as CloudFormation resources, saved in the Athena workgroup."""

from typing import Any

from catalog.saved import saved_queries

# Resolved by osls, which knows the identifier and the stage.
_DATABASE = "${self:custom.database}"


def query_resources() -> dict[str, Any]:
    """`AWS::Athena::NamedQuery` for each named query, by logical id: `DailyPlaysQuery`."""
    return {
        "".join(word.capitalize() for word in saved.name.split("_")) + "Query": {
            "Type": "AWS::Athena::NamedQuery",
            "Condition": "SavesQueries",
            "Properties": {
                "Name": saved.title,
                "Description": saved.description,
                "Database": {"Ref": "Database"},
                "WorkGroup": {"Ref": "WorkGroup"},
                "QueryString": saved.sql,
            },
        }
        for saved in saved_queries(_DATABASE)
    }
