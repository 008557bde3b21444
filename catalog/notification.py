"""Which objects an event from S3 says were created."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

_CREATED = "Object Created"
_CREATED_PREFIX = "ObjectCreated:"


def created_keys(event: Mapping[str, Any]) -> Iterator[str]:
    """The keys of the created objects, as they are in the bucket; other events give none.

    EventBridge gives a key as it is (S3 user guide, "EventBridge event message structure"), a
    notification of the bucket's own URL-encodes it ("Event message structure": `red+flower.jpg`).
    """
    if event.get("detail-type") == _CREATED:
        yield event["detail"]["object"]["key"]
    for record in event.get("Records", ()):
        if record["eventName"].startswith(_CREATED_PREFIX):
            yield unquote_plus(record["s3"]["object"]["key"])
