"""One invocation of a transformation Lambda, as Firehose makes it and checks it.

Source: Amazon Data Firehose Developer Guide, "Transform source data" (the event, the sizes),
"Required parameters for data transformation" and the error codes under "Monitor with CloudWatch".
"""

import base64
import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from events.errors import Unavailable
from ingest.drivers.spool import Batch, SpooledRecord

_logger = logging.getLogger("playlake.delivery")

REGION = "local"
DELIVERY_STREAM_ARN = f"arn:aws:firehose:{REGION}:000000000000:deliverystream/playlake"
LAMBDA_ARN = f"arn:aws:lambda:{REGION}:000000000000:function:playlake-transform"

MAX_RESPONSE_BYTES = 6 * 1024 * 1024
"""Lambda's limit on the payload of a synchronous invocation."""

Transform = Callable[[dict[str, Any], object], dict[str, Any]]
"""A Lambda handler: the transformation event and a context in, the response out."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why records were not transformed: Firehose's error code, and a sentence."""

    code: str
    message: str


PROCESSING_FAILED = Failure(
    "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record"
)


@dataclass(frozen=True, slots=True)
class Transformed:
    """What became of a batch's records: the data of the Ok ones, those that failed, and the rest.

    `failure` says why for all that `failed`; every list is in the batch's order.
    """

    ok: Sequence[bytes]
    failed: Sequence[SpooledRecord]
    dropped: int
    failure: Failure = PROCESSING_FAILED


Invoke = Callable[[Batch, str], Transformed | Failure]
"""An invocation with a batch and its own id: see `invoke`."""


def event_of(batch: Batch, invocation_id: str) -> dict[str, Any]:
    """The transformation event of a direct-put delivery stream."""
    return {
        "invocationId": invocation_id,
        "deliveryStreamArn": DELIVERY_STREAM_ARN,
        "region": REGION,
        "records": [
            {
                "recordId": record.record_id,
                "approximateArrivalTimestamp": record.arrived_ms,
                "data": base64.b64encode(record.data).decode("ascii"),
            }
            for record in batch.records
        ],
    }


def invoke(transform: Transform, batch: Batch, invocation_id: str) -> Transformed | Failure:
    """What the handler made of the batch; a Failure when it raised or broke Firehose's rules.

    `events.errors.Unavailable` goes through: the batch is not at fault, nor is the handler.
    """
    try:
        response = transform(event_of(batch, invocation_id), None)
    except Unavailable:
        raise
    except Exception as error:  # a handler may raise anything
        _logger.warning("the transform raised", exc_info=True)  # as Lambda logs it
        return Failure("Lambda.FunctionError", f"{type(error).__name__}: {error}")
    return check(response, batch)


def check(response: object, batch: Batch) -> Transformed | Failure:
    """The response's results by record, if there is exactly one for each and each is whole."""
    results = _results(response)
    if isinstance(results, Failure):
        return results
    if mismatch := _mismatch([each["recordId"] for each in results], batch):
        return mismatch
    by_id = {each["recordId"]: each for each in results}
    return _transformed([(record, by_id[record.record_id]) for record in batch.records])


def _results(response: object) -> list[dict[str, Any]] | Failure:
    try:
        size = len(json.dumps(response))
    except (TypeError, ValueError) as error:
        return Failure("Lambda.FunctionError", f"the response is not JSON: {error}")
    if size > MAX_RESPONSE_BYTES:
        problem = f"the response has {size} bytes, over Lambda's {MAX_RESPONSE_BYTES}"
        return Failure("Lambda.FunctionError", problem)
    results = response.get("records") if isinstance(response, dict) else None
    if isinstance(results, list) and all(map(_has_record_id, results)):
        return results
    return _malformed('the response is not {"records": [{"recordId": ..., ...}, ...]}')


def _has_record_id(result: object) -> bool:
    return isinstance(result, dict) and isinstance(result.get("recordId"), str)


def _mismatch(returned: list[str], batch: Batch) -> Failure | None:
    given = {record.record_id for record in batch.records}
    counts = Counter(returned)
    if doubled := [record_id for record_id, count in counts.items() if count > 1]:
        return Failure("Lambda.DuplicatedRecordId", f"returned more than once: {_some(doubled)}")
    if missing := sorted(given - counts.keys()):
        return Failure("Lambda.MissingRecordId", f"not returned: {_some(missing)}")
    if unknown := sorted(counts.keys() - given):
        return Failure("Lambda.MissingRecordId", f"returned, but never given: {_some(unknown)}")
    return None


def _some(record_ids: list[str]) -> str:
    more = f" and {len(record_ids) - 3} more" if len(record_ids) > 3 else ""
    return ", ".join(record_ids[:3]) + more


def _transformed(results: list[tuple[SpooledRecord, dict[str, Any]]]) -> Transformed | Failure:
    ok: list[bytes] = []
    failed: list[SpooledRecord] = []
    for record, result in results:
        match result.get("result"):
            case "Ok":
                data = _decoded(result.get("data"))
                if data is None:
                    return _malformed(f"the data of {record.record_id} is not base64")
                ok.append(data)
            case "ProcessingFailed":
                failed.append(record)
            case "Dropped":
                pass
            case other:
                return _malformed(
                    f"the result of {record.record_id} is {other!r}, not Ok, Dropped or"
                    " ProcessingFailed"
                )
    return Transformed(ok, failed, dropped=len(results) - len(ok) - len(failed))


def _decoded(data: object) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except ValueError:
        return None


def _malformed(message: str) -> Failure:
    return Failure("Lambda.JsonProcessingException", message)
