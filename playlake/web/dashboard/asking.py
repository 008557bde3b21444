"""A question as a URL has it, and what is asked of the engine for it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from catalog.named import NamedQuery, named_query
from catalog.port import Value
from catalog.rewriting import literal, rewrite
from catalog.statement import DATABASE
from events.errors import SettingsError, UnknownName
from playlake.days import day_range

MOST_ROWS = 200_000
"""Rows of one JSON answer: four months of minutes fit. CSV has every row."""

_OWN = frozenset({"format", "limit"})
_FORMATS = ("json", "csv")


@dataclass(frozen=True, slots=True)
class Question:
    """A named query with a value for each of its parameters, and how to answer it."""

    named: NamedQuery
    arguments: Mapping[str, Value]
    format: str
    limit: int

    @property
    def sql(self) -> str:
        """The query with its values in it: what Athena's console takes as it stands."""
        return with_values(self.named.sql, self.arguments)


def ask(name: str, query: Mapping[str, str], today: Callable[[], date]) -> Question:
    """The question that a URL's query asks.

    Raises `UnknownName` for a report that is not there, and SettingsError for a parameter that it
    has not, one that is missing, and a value that cannot be what it is.
    """
    named = named_query(name.replace("-", "_"))
    now = today()
    given = {key: text for key, text in query.items() if text and key not in _OWN}
    first, last = day_range(given.pop("since", None), given.pop("until", None), now)
    try:
        arguments = named.arguments({"since": first, "until": last, **given}, now)
    except UnknownName as error:
        raise SettingsError(str(error)) from error
    return Question(
        named,
        arguments,
        _choice("format", query.get("format", _FORMATS[0])),
        _limit(query.get("limit", str(MOST_ROWS))),
    )


def with_values(sql: str, arguments: Mapping[str, Value]) -> str:
    """The SQL with a literal in each parameter's place, laid out as it was."""
    literals = {name: literal(value) for name, value in arguments.items()}
    return rewrite(sql, DATABASE, literals)


def _choice(name: str, text: str) -> str:
    if text not in _FORMATS:
        raise SettingsError(f"{name} is {' or '.join(_FORMATS)}, not {text!r}.")
    return text


def _limit(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MOST_ROWS:
        raise SettingsError(f"limit is a number from 1 to {MOST_ROWS:,}, not {text!r}.")
    return int(text)


def described(named: NamedQuery) -> dict[str, object]:
    """The report as the list of reports shows it."""
    return {
        "name": named.name,
        "title": named.title,
        "description": named.description,
        "parameters": [
            {
                "name": each.name,
                "type": each.type,
                "doc": each.doc,
                "required": each.default is None,
            }
            for each in named.parameters
        ],
    }
