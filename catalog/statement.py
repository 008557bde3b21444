"""SQL in Athena's dialect, as a tree: one SELECT, its names resolved, its parameters bound."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

import sqlglot
from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from catalog.port import Value
from events.errors import QueryFailed, UnknownName
from events.table import PARTITION_KEY, Table

DIALECT = "athena"
DATABASE = "playlake"
_CATALOGS = ("", "awsdatacatalog")
_BEGINNINGS = ("SELECT", "WITH", "(")
_CHANGES = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Copy, exp.Set)


def parse(sql: str) -> exp.Query:
    """The one SELECT that `sql` is, in Athena's dialect.

    Raises `QueryFailed` when it is something else, or no SQL at all.
    """
    _check_text(sql)
    try:
        _refuse_other_beginnings(sql)
        statements = sqlglot.parse(sql.rstrip().rstrip(";"), dialect=DIALECT)
    except (ParseError, TokenError, RecursionError) as error:
        raise QueryFailed(f"This is not SQL that Athena reads: {_one_line(error)}") from error
    if len(statements) != 1:
        raise QueryFailed(f"Ask one question at a time: there are {len(statements)} statements.")
    statement = statements[0]
    if not isinstance(statement, exp.Query) or _changes_something(statement):
        raise _not_a_select()
    return statement


def _check_text(text: str) -> None:
    # A shell hands on bytes that are no UTF-8 as lone surrogates, which no engine takes.
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QueryFailed(
            f"{text.encode('utf-8', 'backslashreplace').decode()!r} is no UTF-8 text."
        ) from error


_LOOKS = {"SHOW", "DESCRIBE", "DESC", "EXPLAIN"}


def _refuse_other_beginnings(sql: str) -> None:
    # The parser would take what it does not know for a command, and log that it did.
    tokens = sqlglot.tokenize(sql, dialect=DIALECT)
    # Athena hands its DDL to Hive: the tokenizer then puts a mark without text before it.
    words = [token.text.upper() for token in tokens if token.text]
    if not words:
        raise QueryFailed("Only a SELECT is answered, and the query is empty.")
    if words[0] in _LOOKS:
        raise QueryFailed(
            "Only a SELECT is answered; `playlake partitions` lists tables and their days, "
            "`playlake schema TABLE` a table's columns."
        )
    if words[0] not in _BEGINNINGS:
        raise _not_a_select()


def _changes_something(statement: exp.Query) -> bool:
    found = statement.find_all(*_CHANGES)
    return any(not isinstance(node, exp.Query) for node in found)


def _not_a_select() -> QueryFailed:
    return QueryFailed("Only a SELECT is answered: queries read the lake and never change it.")


def bind(query: exp.Query, parameters: Mapping[str, Value]) -> exp.Query:
    """The query with each `:name` as a literal of its value's type.

    Raises `UnknownName` when a parameter has no value, or a value no parameter.
    """
    for value in parameters.values():
        _check_text(str(value))
    named = {node.name for node in query.find_all(exp.Placeholder)}
    for name in sorted(named - set(parameters)):
        raise UnknownName(f"The query's parameter :{name} has no value; give it one.")
    for name in sorted(set(parameters) - named):
        raise UnknownName(f"The query has no parameter :{name}.{_nearest(name, named, ':')}")
    bound = query.copy()
    for node in list(bound.find_all(exp.Placeholder)):
        node.replace(exp.convert(parameters[node.name]))
    return bound


def resolve(query: exp.Query, tables: Mapping[str, Table]) -> exp.Query:
    """A copy in which every table and column is qualified and typed, and stars are written out.

    Tables of the lake carry their database, names that the query itself defines do not. Raises
    `UnknownName`, with the nearest name there is.
    """
    for scan in _scans(query):
        _check_table(scan, tables)
    schema = _schema(tables)
    try:
        resolved = qualify(
            query.copy(),
            dialect=DIALECT,
            db=DATABASE,
            schema=schema,
            validate_qualify_columns=False,
        )
    except OptimizeError as error:
        raise _unresolved(error, query, tables) from error
    _check_columns(resolved, query, tables)
    return annotate_types(resolved, schema=schema, dialect=DIALECT)


def scans(resolved: exp.Query) -> Iterator[exp.Table]:
    """Every place where a resolved query reads a table of the lake."""
    return (table for table in resolved.find_all(exp.Table) if table.db)


def _scans(query: exp.Query) -> Iterator[exp.Table]:
    try:
        scopes = traverse_scope(query)
        sources = [source for scope in scopes for source in scope.sources.values()]
    except OptimizeError as error:
        raise QueryFailed(_one_line(error)) from error
    return (source for source in sources if isinstance(source, exp.Table))


def _check_table(scan: exp.Table, tables: Mapping[str, Table]) -> None:
    if not isinstance(scan.this, exp.Identifier):
        raise QueryFailed(f"Only the lake's tables can be read, not {scan.this.sql(DIALECT)}.")
    if scan.catalog.lower() not in _CATALOGS or scan.db.lower() not in ("", DATABASE):
        raise UnknownName(f"There is no database {scan.db!r}; the tables are in {DATABASE!r}.")
    if scan.name.lower() not in tables:
        raise UnknownName(f"There is no table {scan.name!r}.{_nearest(scan.name, tables)}")


def _schema(tables: Mapping[str, Table]) -> MappingSchema:
    typed = {name: _column_types(table) for name, table in tables.items()}
    return MappingSchema({DATABASE: typed}, dialect=DIALECT)


def _column_types(table: Table) -> dict[str, str]:
    return {column.name: column.type.value for column in table.columns} | {PARTITION_KEY: "text"}


def _check_columns(resolved: exp.Query, query: exp.Query, tables: Mapping[str, Table]) -> None:
    for scope in traverse_scope(resolved):
        for column in scope.unqualified_columns:
            raise _unknown_column(column.name, query, tables)


def _unresolved(
    error: OptimizeError, query: exp.Query, tables: Mapping[str, Table]
) -> UnknownName | QueryFailed:
    marker = "Unknown column: "
    message = _one_line(error)
    if marker not in message:
        return QueryFailed(message)
    return _unknown_column(message.split(marker)[1].split()[0], query, tables)


def _unknown_column(name: str, query: exp.Query, tables: Mapping[str, Table]) -> UnknownName:
    read = [tables[scan.name.lower()] for scan in _scans(query)]
    known = {column for table in read for column in _column_types(table)}
    if name.lower() in known:
        return UnknownName(f"There is no column {name!r} there: the subquery does not select it.")
    return UnknownName(f"There is no column {name!r}.{_nearest(name, known)}")


def _nearest(name: str, known: Iterable[str], mark: str = "") -> str:
    close = get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    if close:
        return f" Did you mean {mark}{close[0]}?"
    listed = ", ".join(f"{mark}{other}" for other in sorted(known))
    return f" There is: {listed}." if listed else ""


def _one_line(error: BaseException) -> str:
    errors = getattr(error, "errors", None)
    if errors:
        fault = errors[0]
        return f"{fault['description']}, line {fault['line']}, column {fault['col']}."
    return " ".join(str(error).split())
