"""Where DuckDB answers the same words otherwise than Athena: rewritten, so that they mean the same.

Sources: Trino's documentation, "Functions and operators", which Athena's engine 3 follows, and
DuckDB's, "SQL functions".
"""

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

_DATE_SHIFTS = (exp.Add, exp.Sub, exp.DateAdd, exp.DateSub, exp.TsOrDsAdd)
_TIME_UNITS = {"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"}


def as_duckdb_means_it(expression: exp.Expr) -> exp.Expr:
    """A copy of a resolved and typed expression whose DuckDB translation answers as Athena does."""
    root = exp.Paren(this=expression.copy())
    # The innermost first: a node that is replaced keeps its rewritten children.
    for node in reversed(list(root.this.dfs())):
        rewrite = _REWRITES.get(type(node))
        rewritten = rewrite(node) if rewrite else node
        if rewritten is not node:
            node.replace(rewritten)
    result: exp.Expr = root.this
    return result.pop() if result.parent is root else result


def _divided(node: exp.Div) -> exp.Expr:
    """Athena divides integers to an integer, DuckDB's `/` never does."""
    if _is_integer(node.left) and _is_integer(node.right):
        return exp.IntDiv(this=node.left.copy(), expression=node.right.copy())
    return node


def _shifted(node: exp.Expr) -> exp.Expr:
    """A date and some days are a date; DuckDB makes a timestamp of it, which as text is no `dt`."""
    unit = node.args.get("unit") or node.expression.args.get("unit")
    name = unit.name.upper().removesuffix("S") if unit is not None else ""
    interval = isinstance(node.expression, exp.Interval) or not isinstance(node, exp.Add | exp.Sub)
    if node.this.is_type("date") and interval and name and name not in _TIME_UNITS:
        return exp.cast(node.copy(), "date")
    return node


def _zoned(node: exp.AtTimeZone) -> exp.Expr:
    """Athena takes a timestamp without a zone as the session's, UTC; DuckDB as the zone's own."""
    return _local_time(node.this, node.args["zone"]) if node.this.is_type("timestamp") else node


def _called(node: exp.Anonymous) -> exp.Expr:
    """`at_timezone(t, zone)` is `t AT TIME ZONE zone`; DuckDB's milliseconds have the seconds."""
    if node.name.lower() == "at_timezone" and len(node.expressions) == 2:
        return _local_time(*node.expressions)
    if node.name.lower() == "millisecond":
        return exp.paren(exp.Mod(this=node.copy(), expression=exp.Literal.number(1000)))
    return node


def _local_time(time: exp.Expr, zone: exp.Expr) -> exp.Expr:
    instant = exp.AtTimeZone(this=time.copy(), zone=exp.Literal.string("UTC"))
    return exp.AtTimeZone(this=instant, zone=zone.copy())


def _extracted(node: exp.RegexpExtract) -> exp.Expr:
    """No match is null in Athena, the empty text in DuckDB."""
    match = exp.RegexpLike(this=node.this.copy(), expression=node.expression.copy())
    return exp.Case().when(match, node.copy())


def _converted(node: exp.Cast) -> exp.Expr:
    """A JSON text as varchar loses its quotes; half a number is rounded up, not to even."""
    if node.to.is_type("varchar", "text") and isinstance(node.this, exp.JSONExtract):
        scalar = exp.JSONExtractScalar(**{k: v for k, v in node.this.copy().args.items() if v})
        return exp.cast(scalar, "varchar")
    if node.to.is_type(*exp.DataType.INTEGER_TYPES) and node.this.is_type("double", "decimal"):
        node.set("this", exp.Round(this=node.this.copy()))
    return node


def _elapsed(node: exp.DateDiff) -> exp.Expr:
    """Athena counts the whole units that have passed, DuckDB's date_diff the bounds crossed."""
    unit = exp.Literal.string(node.unit.name.lower() if node.unit else "day")
    return exp.cast(_function("date_sub", unit, node.expression, node.this), "bigint")


def _taken_apart(node: exp.Extract) -> exp.Expr:
    """The days of a week are 1 to 7 in Athena, from Monday on; of DuckDB's `dow` Sunday is 0."""
    if node.name.upper() in {"DOW", "DAY_OF_WEEK", "DAYOFWEEK"}:
        node.set("this", exp.var("isodow"))
    return node


def _part(node: exp.SplitPart) -> exp.Expr:
    """A part that there is not is null in Athena, the empty text in DuckDB."""
    text, mark, number = node.this, node.args["delimiter"], node.args["part_index"]
    parts = _function("len", _function("string_split", text, mark))
    return exp.Case().when(exp.GTE(this=parts, expression=number.copy()), node.copy())


def _replaced(node: exp.RegexpReplace) -> exp.Expr:
    r"""Athena's `$1` in what is put in its place is DuckDB's `\1`."""
    put = node.args.get("replacement")
    if isinstance(put, exp.Literal):
        node.set("replacement", exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", put.name)))
    return node


def _of_the_most(name: str) -> Callable[[Any], exp.Expr]:
    """DuckDB's arg_max passes over rows whose own value is null, Athena's max_by does not."""

    def rewrite(node: exp.ArgMax | exp.ArgMin) -> exp.Expr:
        if node.args.get("count"):
            return node
        found = _function(name, node.this, node.expression)
        found.type = node.this.type
        return found

    return rewrite


def _scalar(node: exp.JSONExtractScalar) -> exp.Expr:
    """Of an object, an array and what is no JSON Athena extracts null."""
    part = exp.JSONExtract(**{k: v for k, v in node.copy().args.items() if v})
    kind = _function("json_type", part)
    no_scalar = exp.In(this=kind, expressions=[*map(exp.Literal.string, ("OBJECT", "ARRAY"))])
    no_json = exp.Not(this=_function("json_valid", node.this))
    return exp.Case().when(no_json, exp.null()).when(no_scalar, exp.null()).else_(node.copy())


def _whole(node: exp.Ceil | exp.Floor) -> exp.Expr:
    """Of an integer it is one in Athena, in DuckDB a double."""
    return exp.cast(node.copy(), "bigint") if _is_integer(node.this) else node


def _function(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[each.copy() for each in arguments])


def _is_integer(node: exp.Expr) -> bool:
    return bool(node.is_type(*exp.DataType.INTEGER_TYPES))


_REWRITES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.Div: _divided,
    exp.DateDiff: _elapsed,
    exp.Extract: _taken_apart,
    exp.Ceil: _whole,
    exp.Floor: _whole,
    exp.SplitPart: _part,
    exp.RegexpReplace: _replaced,
    exp.ArgMax: _of_the_most("arg_max_null"),
    exp.ArgMin: _of_the_most("arg_min_null"),
    exp.JSONExtractScalar: _scalar,
    exp.AtTimeZone: _zoned,
    exp.Anonymous: _called,
    exp.RegexpExtract: _extracted,
    exp.Cast: _converted,
    exp.TryCast: _converted,
    **dict.fromkeys(_DATE_SHIFTS, _shifted),
}
