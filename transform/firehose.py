"""Firehose's transformation event and response ↔ records and outcomes.

Source of both shapes: Amazon Data Firehose Developer Guide, "Transform source data".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from transform.records import Outcome, RawRecord


def records_of(event: Mapping[str, Any]) -> list[RawRecord]:
    """The records of a transformation event, in its order."""
    return [
        RawRecord(each["recordId"], each["data"], each.get("approximateArrivalTimestamp"))
        for each in event["records"]
    ]


def response_to(records: Sequence[RawRecord], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """One result per record, its data unchanged: what Firehose archives is what came in."""
    return {
        "records": [
            {"recordId": outcome.record_id, "result": outcome.result.value, "data": record.data}
            for record, outcome in zip(records, outcomes, strict=True)
        ]
    }
