"""The stream port: where acknowledged records go."""

from collections.abc import Sequence
from typing import Protocol


class Stream(Protocol):
    """A durable, at-least-once queue of raw records."""

    max_record_bytes: int
    """The largest record it takes, in bytes before base64."""

    def put(self, records: Sequence[bytes]) -> None:
        """Return once every record is durable, in the order given.

        Raises `events.errors.StreamUnavailable` when not every record was acknowledged; some may
        have been all the same, so the caller's retry can double them (at least once).
        """
