"""The collector's own count in a data folder: what its spool acknowledged."""

from collections import Counter

from ingest.drivers.spool import Acceptance
from playlake.auditing.audit import Account


def folder_account(spooled: Acceptance) -> Account:
    """The account of what has left the spool and what waits in it."""
    waiting = Counter({day.dt: day.events for day in spooled.waiting})
    left = Counter({day.dt: day.events for day in spooled.left})
    return Account(left + waiting, waiting)
