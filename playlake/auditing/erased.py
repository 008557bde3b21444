"""What an erasure leaves for audits: how many events of a day it took, and nothing of them."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from playlake.auditing.absences import note_withdrawal
from playlake.auditing.arrivals import filed_under, told
from transform.store import Store
from transform.times import utc_day


def note_erased(archive: Store, key: str, events: Sequence[bytes]) -> None:
    """Note, by day of arrival, that these events go from the archive's object at `key`.

    The same once more is the same note, whatever else goes from the object before: two persons may
    be erased at once, or one after a crash in the other's erasure. See
    `transform.mending.erasure.Erasure.note`.
    """
    name = hashlib.sha256(b"\0".join([key.encode(), *events])).hexdigest()[:32]
    for dt, count in sorted(Counter(_days(key, events)).items()):
        note_withdrawal(archive, dt, name, count)


def _days(key: str, events: Sequence[bytes]) -> Iterator[str]:
    """Each event's day of arrival; the one that it is filed under where it does not say."""
    filed = filed_under(key)
    for event in events:
        _, received_ms = told(event)
        if received_ms is not None:
            yield utc_day(received_ms).isoformat()
        elif filed:
            yield filed
