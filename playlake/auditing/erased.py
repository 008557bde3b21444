"""What an erasure leaves for audits: how many events of a day it took, and nothing of them."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from playlake.auditing.absences import note_withdrawal
from playlake.auditing.arrivals import told
from transform.store import Store

_FILED = re.compile(r"/dt=(\d{4}-\d\d-\d\d)/")


def note_erased(archive: Store, key: str, events: Sequence[bytes]) -> None:
    """Note, by day of arrival, that these events go from the archive's object at `key`.

    The same once more is the same note, whatever else goes from the object before: two persons may
    be erased at once, or one after a crash in the other's erasure. See
    `transform.erasure.Erasure.note`.
    """
    name = hashlib.sha256(b"\0".join([key.encode(), *events])).hexdigest()[:32]
    for dt, count in sorted(Counter(_days(key, events)).items()):
        note_withdrawal(archive, dt, name, count)


def _days(key: str, events: Sequence[bytes]) -> Iterator[str]:
    """Each event's day of arrival; the one that it is filed under where it does not say."""
    filed = _FILED.search(key)
    for event in events:
        _, received_ms = told(event)
        if received_ms is not None:
            yield datetime.fromtimestamp(received_ms / 1_000, UTC).date().isoformat()
        elif filed:
            yield filed[1]
