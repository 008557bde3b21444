"""The named queries: SQL files in Athena's dialect, each with its title and parameters on top.

    -- title: Play time by video
    -- description: How long each video was played, most played first.
    -- :since date = today - 29 days. The first UTC day, inclusive.
    -- :user_id bigint. The account.
    SELECT ...

A parameter without a default is required. Types: `date` (YYYY-MM-DD), `bigint`, `text`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from itertools import takewhile

from catalog.port import Value
from events.errors import DeclarationError, UnknownName

_FIELD = re.compile(r"-- (?P<name>title|description): (?P<text>.+)")
_PARAMETER = re.compile(
    r"-- :(?P<name>\w+) (?P<type>\w+)"
    r"(?: = (?P<default>today(?: - (?P<back>\d+) days)?))?"
    r"\. (?P<doc>.+)"
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a named query, written `:name` in its SQL."""

    name: str
    type: str
    doc: str
    default: str | None
    """`today` or `today - n days`, both UTC; None for a parameter that must be given."""
    days_back: int = 0

    def value(self, given: Value | date, today: date) -> Value:
        """The value to bind; `given` is None for the default. Raises `UnknownName`."""
        if given is not None:
            return self._typed(given)
        if self.default is None:
            raise UnknownName(f"The parameter :{self.name} is required. {self.doc}")
        return (today - timedelta(days=self.days_back)).isoformat()

    def _typed(self, given: Value | date) -> Value:
        try:
            return _TYPES[self.type](str(given))
        except ValueError as error:
            raise UnknownName(f":{self.name} is a {self.type}, not {str(given)!r}.") from error


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query that was written once, for both engines."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str

    def arguments(self, given: Mapping[str, Value | date], today: date) -> dict[str, Value]:
        """A value for every parameter, defaults counted from `today`, a UTC day.

        Raises `UnknownName` for a name it does not have, a value that is not of its type, and one
        that is missing.
        """
        names = [parameter.name for parameter in self.parameters]
        for name in given:
            if name not in names:
                raise UnknownName(f"{self.name} has no parameter :{name}. It has {_listed(names)}.")
        return {each.name: each.value(given.get(each.name), today) for each in self.parameters}


def named_queries() -> list[NamedQuery]:
    """Every named query, by name."""
    folder = files("catalog") / "queries"
    found = [each for each in folder.iterdir() if each.name.endswith(".sql")]
    read = [parse_query(each.name.removesuffix(".sql"), each.read_text("utf-8")) for each in found]
    return sorted(read, key=lambda query: query.name)


def named_query(name: str) -> NamedQuery:
    """The query of that name. Raises `UnknownName`, with the names there are."""
    queries = {query.name: query for query in named_queries()}
    if name not in queries:
        raise UnknownName(f"There is no query {name!r}. There is: {', '.join(queries)}.")
    return queries[name]


def parse_query(name: str, text: str) -> NamedQuery:
    """The query in a file's text. Raises `DeclarationError` when its top is not as said above."""
    header = list(takewhile(lambda line: line.startswith("--"), text.splitlines()))
    fields: dict[str, str] = {}
    parameters = []
    for line in header:
        if field := _FIELD.fullmatch(line):
            fields[field["name"]] = field["text"]
        else:
            parameters.append(_parameter(name, line))
    if set(fields) != {"title", "description"}:
        raise DeclarationError(f"{name}.sql must begin with its title and its description.")
    sql = "\n".join(text.splitlines()[len(header) :]).strip()
    return NamedQuery(name, fields["title"], fields["description"], tuple(parameters), sql)


def _parameter(query: str, line: str) -> Parameter:
    found = _PARAMETER.fullmatch(line)
    if found is None or found["type"] not in _TYPES:
        raise DeclarationError(f"{query}.sql: this is no field and no parameter: {line!r}.")
    back = int(found["back"] or 0)
    return Parameter(found["name"], found["type"], found["doc"], found["default"], back)


def _listed(names: list[str]) -> str:
    return ", ".join(f":{name}" for name in names)


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


_TYPES: dict[str, Callable[[str], Value]] = {"date": _day, "bigint": int, "text": str}
