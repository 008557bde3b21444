"""An answer as the pages read it."""

from itertools import islice
from typing import Any

from catalog.answer import Answer
from catalog.cost import Scanned
from playlake.values import plain
from playlake.web.dashboard.asking import Question


def encoded(answer: Answer, question: Question) -> dict[str, Any]:
    """The first `limit` rows, whether there are more, what was scanned, and the SQL."""
    rows = [[plain(value) for value in row] for row in islice(answer, question.limit)]
    return {
        "columns": [{"name": name, "type": kind} for name, kind in answer.columns],
        "rows": rows,
        "more": next(iter(answer), None) is not None,
        "scanned": scanned(answer.scanned),
        "sql": question.sql,
    }


def scanned(read: Scanned) -> dict[str, Any]:
    """What answering read. `charged` is whether Athena did charge `cost_usd`, or would."""
    return {
        "bytes": read.bytes,
        "partitions_read": read.partitions_read,
        "partitions_total": read.partitions_total,
        "files": read.files,
        "cost_usd": read.athena_cost_usd,
        "charged": read.charged,
    }
