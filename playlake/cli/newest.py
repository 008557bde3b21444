"""The newest rejected events, as one answer from as few days as hold them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from catalog.answer import AnswerColumn, Row
from catalog.cost import Scanned
from events.rejected import REJECTED_EVENTS
from playlake.lake import Lake, newest_first

_NO_DAY = "9999-12-31"
_SQL = (
    "SELECT received_at, reason, message, payload FROM rejected_events"
    " WHERE dt BETWEEN :since AND :until ORDER BY received_at DESC, event_id"
)


@dataclass(slots=True)
class Newest:
    """Rows of several queries as one answer: a day's are read when those after it were too few.

    `scanned` is what the queries so far read.
    """

    columns: tuple[AnswerColumn, ...] = ()
    scanned: Scanned | None = None
    rows: Iterator[Row] = field(default_factory=lambda: iter(()))


def newest_rejected(lake: Lake, limit: int) -> Newest:
    """The newest `limit` rejected events, the newest first: a rejected event is of the day it was
    received on, so no older day can hold a newer one."""
    newest = Newest()
    rows = _rows(lake, limit, newest)
    # The columns are known once the first row is, or once it is known that there is none.
    newest.rows = chain(list(islice(rows, 1)), rows)
    return newest


def _rows(lake: Lake, limit: int, newest: Newest) -> Iterator[Row]:
    days = lake.days(REJECTED_EVENTS.name)
    spans = newest_first(days, limit) if days else iter([(_NO_DAY, _NO_DAY)])
    for since, until in spans:
        sql = f"{_SQL} LIMIT {limit:d}"
        with lake.engine.query(sql, parameters={"since": since, "until": until}) as answer:
            newest.columns = answer.columns
            newest.scanned = _together(newest.scanned, answer.scanned)
            for row in answer:
                yield row
                limit -= 1
        if limit <= 0:
            return


def _together(before: Scanned | None, more: Scanned) -> Scanned:
    """What two queries over different days of one table read."""
    if before is None:
        return more
    return replace(
        more,
        bytes=before.bytes + more.bytes,
        partitions_read=before.partitions_read + more.partitions_read,
        files=_sum(before.files, more.files),
        rows=_sum(before.rows, more.rows),
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
