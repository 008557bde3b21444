"""API Gateway's events, as requests, and responses in its form.

Three carry the collector: a REST API (payload 1.0), an HTTP API (payload 2.0) and a function URL
(2.0 too). Shapes: "Lambda proxy integrations" in the API Gateway developer guide.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ingest.request import Request, Response, headers_of


def request_from(event: Mapping[str, Any]) -> Request:
    """The request that a Lambda proxy event of either payload version carries."""
    context = event.get("requestContext") or {}
    method, path = _asked(event, context)
    return Request(
        method=method,
        path=_without_stage(path, context.get("stage") or ""),
        headers=headers_of(_header_pairs(event)),
        body=_body(event),
    )


def response_to(response: Response) -> dict[str, Any]:
    """The response as API Gateway takes it, in either payload version."""
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": response.body.decode(),
        "isBase64Encoded": False,
    }


def _asked(event: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[str, str]:
    """Method and path, by payload version."""
    http = context.get("http")
    if http is not None:
        return http["method"], event["rawPath"]
    return event["httpMethod"], event["path"]


def _without_stage(path: str, stage: str) -> str:
    """A path as the routes know it: an HTTP API puts any stage but $default in front of it."""
    prefix = f"/{stage}/"
    return path[len(prefix) - 1 :] if path.startswith(prefix) else path


def _header_pairs(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # In payload 1.0 `headers` has only the last of a name's values. Either may be null, and so may
    # any value in it.
    many = event.get("multiValueHeaders") or {}
    for name, values in many.items():
        yield from ((name, value) for value in values or () if value is not None)
    if not many:
        headers = event.get("headers") or {}
        yield from ((name, value) for name, value in headers.items() if value is not None)


def _body(event: Mapping[str, Any]) -> bytes:
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        # A body that is no base64 after all goes on as it is, for the collector to refuse.
        with suppress(binascii.Error, ValueError):
            return base64.b64decode(body, validate=True)
    # Half a surrogate pair has no UTF-8: let it through, for the collector to refuse it by name.
    return body.encode("utf-8", "surrogatepass")
