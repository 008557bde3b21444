"""Ids for events that came without one: the collector gives each event its own, others may not."""

import hashlib
from collections import Counter
from collections.abc import Sequence


def identities(
    own: Sequence[str | None], payloads: Sequence[bytes], arrivals: Sequence[int]
) -> list[str]:
    """An id for each event: its own, else one made from its bytes and when they arrived.

    A batch that is delivered again gives the same ids. Equal events that arrived together are told
    apart by their order: without an id of their own nothing says that they are one.
    """
    occurrences: Counter[tuple[bytes, int]] = Counter()
    ids = []
    for event_id, payload, arrived_at in zip(own, payloads, arrivals, strict=True):
        if event_id is None:
            event_id = _digest(payload, arrived_at, occurrences[payload, arrived_at])  # noqa: PLW2901
            occurrences[payload, arrived_at] += 1
        ids.append(event_id)
    return ids


def _digest(payload: bytes, arrived_at: int, occurrence: int) -> str:
    return hashlib.sha256(b"%d:%d:%b" % (arrived_at, occurrence, payload)).hexdigest()[:32]
