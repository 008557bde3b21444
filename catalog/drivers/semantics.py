"""Where DuckDB answers the same words otherwise than Athena: rewritten, so that they mean the same.

Sources: Trino's documentation, "Functions and operators", which Athena's engine 3 follows, and
DuckDB's, "SQL functions".
"""

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
    """`at_timezone(t, zone)` is `t AT TIME ZONE zone`."""
    if node.name.lower() == "at_timezone" and len(node.expressions) == 2:
        return _local_time(*node.expressions)
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


def _is_integer(node: exp.Expr) -> bool:
    return bool(node.is_type(*exp.DataType.INTEGER_TYPES))


_REWRITES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.Div: _divided,
    exp.AtTimeZone: _zoned,
    exp.Anonymous: _called,
    exp.RegexpExtract: _extracted,
    exp.Cast: _converted,
    exp.TryCast: _converted,
    **dict.fromkeys(_DATE_SHIFTS, _shifted),
}
