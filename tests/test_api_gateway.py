"""API Gateway's events where they are not as in the guide."""

import json

import pytest

from ingest.api_gateway import request_from

V2 = {
    "rawPath": "/events",
    "headers": {"content-type": "application/json"},
    "requestContext": {"http": {"method": "POST"}, "stage": "$default"},
    "body": '{"a":1}',
    "isBase64Encoded": False,
}
V1 = {"httpMethod": "POST", "path": "/events", "headers": None, "body": '{"a":1}'}


@pytest.mark.parametrize(
    ("event", "headers"),
    [
        (V2 | {"headers": {"content-type": None, "user-agent": None, "a": "b"}}, {"a": "b"}),
        (V2 | {"headers": None}, {}),
        (V1, {}),
        (V1 | {"requestContext": None}, {}),
        (V1 | {"multiValueHeaders": {"A": None, "B": [None, "c"]}}, {"b": "c"}),
        (V1 | {"multiValueHeaders": None, "headers": {"A": "b"}}, {"a": "b"}),
    ],
)
def test_what_is_null_is_absent(event, headers):
    request = request_from(event)
    assert (request.method, request.path) == ("POST", "/events")
    assert dict(request.headers) == headers
    assert json.loads(request.body) == {"a": 1}


def test_a_null_body_is_empty():
    assert request_from(V2 | {"body": None}).body == b""


def test_a_body_that_is_no_base64_after_all_goes_on_as_it_is():
    assert request_from(V2 | {"isBase64Encoded": True, "body": "%%%"}).body == b"%%%"
