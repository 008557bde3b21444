"""Replay: a source's objects, one after another."""

from collections.abc import Callable
from contextlib import suppress

from events.layout import parse_key
from events.rejected import REJECTED_EVENTS
from playlake.mending.workshop import Workshop
from playlake.replaying.archive import ARCHIVED, FailedArchive, RawArchive
from playlake.replaying.rejected import RejectedEvents
from playlake.replaying.source import Source, Span
from transform.mending.replay import Replay
from transform.mending.tally import Tally
from transform.process import Processor, Settings
from transform.store import Store


def replay(
    shop: Workshop,
    source: Source,
    span: Span,
    settings: Settings,
    tell: Callable[[int, int], object],
) -> Tally:
    """Send the source's events of these days through the transform, by `settings`, again.

    `tell` hears how many bytes of how many are done. Ids and times of arrival stay what they were.
    Safe to interrupt and to run again: nothing is taken away before what came of it is durable and
    known to the catalog. Raises `events.errors.Unavailable`.
    """
    work = Replay(shop.lake, shop.register, Processor(settings=settings))
    # What an interrupted run wrote counts as there, so the catalog has to know it.
    shop.sync()
    mend: Callable[[str], None]
    if source is Source.REJECTED:
        listed = _listed(shop.lake, f"{REJECTED_EVENTS.name}/", _rejected_day, span)
        mend = rejected = RejectedEvents(shop, work, keep_late=settings.max_late_days is None)
        rejected.delete_superseded(key for key, _ in listed)
    else:
        listed = _listed(shop.archive, f"{source.value}/", _archived_day, span)
        archive = FailedArchive if source is Source.FAILED else RawArchive
        mend = archive(shop.archive, work)
    total, done = sum(size for _, size in listed), 0
    for key, size in listed:
        # One that is gone is in another: what came good of it meanwhile is taken out next time.
        with suppress(KeyError):
            mend(key)
        done += size
        tell(done, total)
    return work.tally


def _listed(
    store: Store, prefix: str, day_of: Callable[[str], str | None], span: Span
) -> list[tuple[str, int]]:
    # All of it before anything changes: what a replay writes it does not read.
    return [
        (each.key, each.bytes)
        for each in store.entries(prefix)
        if (dt := day_of(each.key)) is not None and span.holds(dt)
    ]


def _rejected_day(key: str) -> str | None:
    parsed = parse_key(key)
    return parsed[1] if parsed else None


def _archived_day(key: str) -> str | None:
    found = ARCHIVED.match(key)
    return found["dt"] if found else None
