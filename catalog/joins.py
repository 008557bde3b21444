"""What the joins of one SELECT say about the rows of each of its sources."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from sqlglot import exp

_EXISTENCE = ("SEMI", "ANTI")


@dataclass(slots=True)
class Joins:
    """A source is named by its alias, a column by its qualified node."""

    filters: list[exp.Expr] = field(default_factory=list)
    """Conditions of inner joins: they hold for every joined row, like those of WHERE."""
    outer: dict[str, list[exp.Expr]] = field(default_factory=dict)
    """By the right side of a LEFT JOIN, the conditions that its rows meet to be joined at all."""
    null_supplied: set[str] = field(default_factory=set)
    """Sources whose columns an outer join may fill with NULLs."""
    equal: list[tuple[exp.Column, exp.Column]] = field(default_factory=list)
    """(a, b): a row of b's source counts only beside a row of a's source with the same value."""


def read_joins(select: exp.Select, aliases: Collection[str]) -> Joins:
    """The joins of `select`, whose sources are `aliases`."""
    joins = Joins()
    later = [join.alias_or_name for join in _joins(select)]
    # What is neither FROM's nor directly joined sits inside parentheses: take no chances with it.
    joins.null_supplied |= set(aliases) - {_from(select), *later}
    for place, join in enumerate(_joins(select)):
        joined = join.alias_or_name
        if join.side in ("RIGHT", "FULL"):
            joins.null_supplied |= set(aliases) - set(later[place:])
        if join.side in ("LEFT", "FULL"):
            joins.null_supplied.add(joined)
        _read_condition(joins, join, joined)
    return joins


def conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """The conditions that hold one and all where `condition` does."""
    condition = condition.unnest() if condition else None
    if isinstance(condition, exp.And):
        yield from conjuncts(condition.left)
        yield from conjuncts(condition.right)
    elif condition is not None:
        yield condition


def equated(condition: exp.Expr) -> tuple[exp.Column, exp.Column] | None:
    """The columns of two sources that the condition equates, if that is what it does."""
    if not isinstance(condition, exp.EQ):
        return None
    left, right = condition.left, condition.right
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Column):
        return None
    return None if left.table == right.table else (left, right)


def _read_condition(joins: Joins, join: exp.Join, joined: str) -> None:
    if join.kind in _EXISTENCE:
        return
    conditions = list(conjuncts(join.args.get("on")))
    if not join.side:
        joins.filters += conditions
    elif join.side == "LEFT":
        joins.outer[joined] = conditions
        joins.equal += [pair for each in conditions for pair in _towards(joined, each)]


def _towards(joined: str, condition: exp.Expr) -> Iterator[tuple[exp.Column, exp.Column]]:
    pair = equated(condition)
    if pair and joined in (pair[0].table, pair[1].table):
        yield pair if pair[1].table == joined else (pair[1], pair[0])


def _joins(select: exp.Select) -> list[exp.Join]:
    return select.args.get("joins") or []


def _from(select: exp.Select) -> str:
    found = select.find(exp.From)
    return found.alias_or_name if found and found.parent is select else ""
