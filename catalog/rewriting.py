"""The user's own SQL for a deployed database: only names and parameters replaced, where they stand.

What Athena runs, bills and shows in its history is what the user wrote: comments, order and spaces
included. A tree that is written out again would be another text.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from catalog.port import Value
from catalog.statement import DATABASE, DIALECT
from events.registry import REGISTRY

_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)
_TABLES = frozenset(table.name for table in REGISTRY.tables)


class _Edit(NamedTuple):
    """The text from `start` up to `end` becomes `text`."""

    start: int
    end: int
    text: str


def rewrite(sql: str, database: str, parameters: Mapping[str, str]) -> str:
    """The SQL over the tables of `database`, and with each `:name` as its text in `parameters`.

    `playlake` before a dot and one of the lake's tables is its database's name; the same word as an
    alias, as a column or in a text is not. A `:name` that has no text stays.
    """
    tokens = sqlglot.tokenize(sql, dialect=DIALECT)
    edits = [*_qualifiers(tokens, DATABASE, database), *_parameters(sql, tokens, parameters)]
    return _edited(sql, edits)


def localize(sql: str, database: str) -> str:
    """The SQL with `playlake` in the place of the deployed database's name: the planner's word."""
    try:
        tokens = sqlglot.tokenize(sql, dialect=DIALECT)
    except TokenError:
        return sql  # the planner says what is wrong with it
    return _edited(sql, list(_qualifiers(tokens, database, DATABASE)))


def literal(value: Value) -> str:
    """The value as it stands in Athena's SQL: the literal that `catalog.statement.bind` plans."""
    return exp.convert(value).sql(DIALECT)


def _qualifiers(tokens: list[Token], database: str, other: str) -> Iterator[_Edit]:
    for token, dot, table in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (
            token.token_type in _NAMES
            and token.text.lower() == database
            and dot.token_type is TokenType.DOT
            and table.text.lower() in _TABLES
        ):
            quoted = token.token_type is TokenType.IDENTIFIER
            yield _Edit(token.start, token.end + 1, f'"{other}"' if quoted else other)


def _parameters(sql: str, tokens: list[Token], parameters: Mapping[str, str]) -> Iterator[_Edit]:
    for colon, name in itertools.pairwise(tokens):
        if colon.token_type is TokenType.COLON and name.text in parameters:
            # `BETWEEN:n` and `5 -:n` must not grow together with a number, or into a comment.
            touching = colon.start > 0 and sql[colon.start - 1] not in " \t\r\n("
            yield _Edit(colon.start, name.end + 1, " " * touching + parameters[name.text])


def _edited(sql: str, edits: list[_Edit]) -> str:
    for edit in sorted(edits, reverse=True):
        sql = sql[: edit.start] + edit.text + sql[edit.end :]
    return sql
