"""The named queries as Athena's console runs them: saved in a workgroup, for whoever opens it."""

import re
from dataclasses import dataclass

from catalog.named import NamedQuery, Parameter, named_queries
from catalog.rewriting import rewrite

_DAY = "date_format({date}, '%Y-%m-%d')"
_IN_ORDER = re.compile(r":(\w+)")


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A named query, its parameters turned into what the console knows."""

    name: str
    title: str
    description: str
    sql: str
    """Its days count back from the day on which it is run. What must be given is a `?`, an
    execution parameter that the console asks for, in order of `required`."""
    required: tuple[Parameter, ...]


def saved_queries(database: str) -> list[SavedQuery]:
    """Every named query over the tables of `database`, by name."""
    return [_saved(query, database) for query in named_queries()]


def _saved(query: NamedQuery, database: str) -> SavedQuery:
    texts = {each.name: _text(each) for each in query.parameters}
    by_name = {each.name: each for each in query.parameters}
    required = tuple(
        by_name[name] for name in _IN_ORDER.findall(query.sql) if texts.get(name) == "?"
    )
    sql = _head(query, required) + rewrite(query.sql, database, texts) + "\n"
    return SavedQuery(query.name, query.title, query.description, sql, required)


def _text(parameter: Parameter) -> str:
    """The parameter as SQL: a default is a day as text, which prunes as a literal would."""
    if parameter.default is None:
        return "?"
    back = f" - interval '{parameter.days_back}' day" if parameter.days_back else ""
    return _DAY.format(date=f"current_date{back}")


def _head(query: NamedQuery, required: tuple[Parameter, ...]) -> str:
    lines = [query.title, query.description]
    lines += [f"Parameter {n} ({_kind(each)}): {each.doc}" for n, each in enumerate(required, 1)]
    return "".join(f"-- {line}\n" for line in lines)


def _kind(parameter: Parameter) -> str:
    """Its type. The console puts what is typed into the SQL as it is, so a text brings its quotes.

    Source: Amazon Athena's User Guide, "EXECUTE".
    """
    return f"{parameter.type}, in single quotes" if parameter.type == "text" else parameter.type
