"""A proxy before AWS's stand-in that writes down what is asked: each call as IAM's action."""

import re
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
import httpx

from tests.http_double import Handler, HttpDouble

_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/[^/]+/(?P<service>[^/]+)/aws4_request")
_HOP = {"connection", "content-length", "host", "transfer-encoding", "content-encoding"}
_ALWAYS_ALLOWED = {"sts:GetCallerIdentity"}
_PREFIXES = {"monitoring": "cloudwatch"}
"""IAM's word for a service, where it signs with another."""

# The actions that IAM checks, where they are not called as the operation is (service authorization
# reference); an operation of S3 may need several.
ACTIONS = {
    "s3:DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "s3:GetBucketLifecycleConfiguration": ["s3:GetLifecycleConfiguration"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:ListMultipartUploads": ["s3:ListBucketMultipartUploads"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:CompleteMultipartUpload": ["s3:PutObject"],
    "s3:CreateMultipartUpload": ["s3:PutObject"],
    "s3:CopyObject": ["s3:GetObject", "s3:PutObject"],
    "s3:UploadPart": ["s3:PutObject"],
}


class Recording(HttpDouble):
    """A proxy before `target`; `calls` is what was said, `service:Operation`, in order."""

    def __init__(self, target: str) -> None:
        self.calls: list[str] = []
        self.client = httpx.Client(base_url=target, timeout=60)
        super().__init__(_Handler)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.client.close()

    def actions(self) -> set[str]:
        """What a policy has to allow for these calls."""
        called = set(self.calls) - _ALWAYS_ALLOWED
        return {action for call in called for action in ACTIONS.get(call, [call])}


class _Handler(Handler):
    def serve(self) -> None:
        body = self.body()
        self.double.calls.append(_operation(self.command, self.path, self.headers, body))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        # The signature covers the host; the stand-in does not check it.
        answer = self.double.client.request(self.command, self.path, headers=headers, content=body)
        self.send_response_only(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)


def _operation(method: str, path: str, headers: Any, body: bytes) -> str:
    found = _CREDENTIAL.search(headers.get("authorization", ""))
    signed = found["service"] if found else "unsigned"
    service = _PREFIXES.get(signed, signed)
    if target := headers.get("x-amz-target"):
        return f"{service}:{target.rpartition('.')[2]}"
    named = parse_qs(body.decode("utf-8", "replace")).get("Action")
    if named and service in ("cloudformation", "sts", "iam", "sns", "cloudwatch"):
        return f"{service}:{named[0]}"
    return f"{service}:{_rest_operation(service, method, path, headers)}"


def _rest_operation(service: str, method: str, path: str, headers: Any) -> str:
    split = urlsplit(path)
    query = parse_qs(split.query, keep_blank_values=True)
    if "x-id" in query:  # the JavaScript SDK's own word for it
        return query["x-id"][0]
    fitting = [
        (len(wanted) + len(needed), name)
        for name, verb, pattern, wanted, needed in _rest_operations(service)
        if verb == method
        and pattern.fullmatch(split.path)
        and all(key in query and (not value or query[key] == [value]) for key, value in wanted)
        and all(name in headers for name in needed)
    ]
    return max(fitting, default=(0, f"{method} {path}"))[1]


@cache
def _rest_operations(service: str) -> list[tuple[str, str, re.Pattern[str], list[Any], list[str]]]:
    """(name, verb, path, and the query and the headers that tell it from others) of each operation
    of the service."""
    model = botocore.session.Session().get_service_model(service)
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        http, required = operation.http, _required(operation.input_shape)
        path, _, query = http["requestUri"].partition("?")
        words = re.split(r"(\{[^}]+\})", path)
        pattern = "".join(
            re.escape(word) if not word.startswith("{") else (".+" if "+" in word else "[^/]+")
            for word in words
        )
        wanted = [
            (key, value) for key, _, value in (p.partition("=") for p in query.split("&")) if key
        ]
        wanted += [(key, "") for key in required["querystring"]]
        path_of = re.compile(pattern + "/?")
        found.append((name, http["method"], path_of, wanted, required["header"]))
    return found


def _required(shape: Any) -> dict[str, list[str]]:
    """By where they are in a request, the names of an operation's members that no call lacks."""
    found: dict[str, list[str]] = {"querystring": [], "header": []}
    for name in shape.required_members if shape else ():
        member = shape.members[name].serialization
        found.get(member.get("location"), []).append(member.get("name", name))
    return found
