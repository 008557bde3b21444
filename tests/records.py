"""Raw records as a stream hands them over, for tests."""

import base64
import json
from typing import Any

from transform.records import RawRecord

ARRIVED = 1_790_000_000_000  # 2026-09-21T14:13:20Z

MAC_CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_6) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/68.0.3440.106 Safari/537.36"
)
LAB_PLAY = {
    "video_id": "foobarbaz",
    "user_id": 12345,
    "started_at": 0,
    "ended_at": 14000,
    "logged_at": 1535523716167,
    "referer": "http://www.lvh.me:57183/",
    "user_agent": MAC_CHROME,
}
"""The play event that the reference lab sends."""

LAB_CLICK = {"action": "click", "userId": 404444, "buttonName": "helloWorld"}
"""The other one."""


def lines(*events: Any) -> bytes:
    """Events as JSON lines; bytes stand for themselves."""
    return b"".join(
        (event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n"
        for event in events
    )


def record(record_id: str, *events: Any, arrived_at: int | None = ARRIVED) -> RawRecord:
    """A record of these events."""
    return RawRecord(record_id, base64.b64encode(lines(*events)).decode(), arrived_at)
