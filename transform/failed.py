"""What could not be processed, as Firehose files it under `failed/`."""

import json
from dataclasses import dataclass

FAILED = "failed/processing-failed"
"""Firehose's prefix for what its transformation could not do, under the error prefix."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a record was given up."""

    code: str
    """One of Firehose's error codes."""
    message: str
    attempts: int
    ended_ms: int
    """When the last attempt ended, in epoch ms."""
    source: str
    """The ARN of the function that failed."""


def failed_line(data: str, arrived_ms: int, failed: Failed) -> bytes:
    """A line of what Firehose writes under processing-failed/, the record's own data in it.

    `data` is the record's, in base64; `arrived_ms` when the stream took it, in epoch ms.
    Source: Amazon Data Firehose Developer Guide, "Handle failure in data transformation".
    """
    fields = {
        "attemptsMade": failed.attempts,
        "arrivalTimestamp": arrived_ms,
        "errorCode": failed.code,
        "errorMessage": failed.message,
        "attemptEndingTimestamp": failed.ended_ms,
        "rawData": data,
        "lambdaArn": failed.source,
    }
    return json.dumps(fields).encode() + b"\n"
