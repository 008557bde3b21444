"""The days that somebody asks about."""

from datetime import date

from events.errors import SettingsError

DAYS_BACK = 29
"""Without a first day: so many days before the last."""


def day_range(
    since: str | None, until: str | None, today: date, mark: str = ""
) -> tuple[date, date]:
    """The days asked for, both inclusive; raises SettingsError when they are none.

    `mark` is what stands before the names `since` and `until` where they were given.
    """
    last = today if until is None else parse_day(f"{mark}until", until)
    first = parse_day(f"{mark}since", since) if since is not None else _back(last)
    if first > last:
        raise SettingsError(f"{mark}since {first} is after {mark}until {last}; swap them.")
    return first, last


def _back(last: date) -> date:
    return date.fromordinal(max(1, last.toordinal() - DAYS_BACK))


def parse_day(name: str, text: str) -> date:
    """The day that was given as `name`; raises SettingsError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{name} {text!r} is no day; write it as 2026-11-24.") from None
