"""Durations as people write them."""

import re

from events.errors import SettingsError

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(?P<number>\d{1,6})(?P<unit>[smhd])")


def seconds(option: str, words: str) -> int:
    """`90s`, `15m`, `1h` or `7d` in seconds; raises SettingsError, naming the option."""
    found = _DURATION.fullmatch(words)
    if found is None:
        raise SettingsError(f"{option} is {words!r}: write it as 90s, 15m, 1h or 7d.")
    return int(found["number"]) * _SECONDS[found["unit"]]
