"""API Gateway's events, as requests, and responses in its form.

Three carry the collector: a REST API (payload 1.0), an HTTP API (payload 2.0) and a function URL
(2.0 too). Shapes: "Lambda proxy integrations" in the API Gateway developer guide.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.request import Request, Response, headers_of


def request_from(event: Mapping[str, Any]) -> Request:
    """The request that a Lambda proxy event of either payload version carries."""
    method, path = _asked(event)
    return Request(
        method=method,
        path=_without_stage(path, event["requestContext"].get("stage") or ""),
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


def _asked(event: Mapping[str, Any]) -> tuple[str, str]:
    """Method and path, by payload version."""
    http = event["requestContext"].get("http")
    if http is not None:
        return http["method"], event["rawPath"]
    return event["httpMethod"], event["path"]


def _without_stage(path: str, stage: str) -> str:
    """A path as the routes know it: an HTTP API puts any stage but $default in front of it."""
    prefix = f"/{stage}/"
    return path[len(prefix) - 1 :] if path.startswith(prefix) else path


def _header_pairs(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # In payload 1.0 `headers` has only the last of a name's values. Either may be null.
    for name, values in (event.get("multiValueHeaders") or {}).items():
        yield from ((name, value) for value in values)
    if not event.get("multiValueHeaders"):
        yield from (event.get("headers") or {}).items()


def _body(event: Mapping[str, Any]) -> bytes:
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body)
    # Half a surrogate pair has no UTF-8: let it through, for the collector to refuse it by name.
    return body.encode("utf-8", "surrogatepass")
