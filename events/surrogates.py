"""Half of a UTF-16 surrogate pair, which JSON can spell and no text can hold (RFC 8259, 8.2)."""

import json
import re
from typing import NoReturn

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

LONE_SURROGATE = "half of a UTF-16 surrogate pair: cut texts between characters, not inside"


def has_lone_surrogate(text: bytes) -> bool:
    """Whether that is all that is wrong with `text`, which msgspec refuses: its own words for it, a
    text that "ends too early", say nothing of that."""
    if not _SURROGATE.search(text):
        return False
    try:
        json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return False
    return True


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is Python's")
