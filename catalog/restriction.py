"""Which days a query can touch: the predicates on `dt` alone that hold for each of its scans.

A predicate restricts a scan when no row of the answer can come from a row of the scan that fails
it. A query's optimizer pushes such predicates down; this module only finds them, for `dt`, and by
rules that stay on the safe side: what is not understood restricts nothing, and the query is then
refused rather than answered wrongly.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from catalog.joins import Joins, conjuncts, equated, read_joins
from events.table import PARTITION_KEY

Restriction = exp.Expr | None

# What has another value for another row, or another moment, or is not known to have the same one.
_UNSTABLE = (exp.Query, exp.Rand, exp.Randn, exp.Uuid, exp.Anonymous, exp.AnonymousAggFunc)
_NOT_OF_ONE_ROW = (*_UNSTABLE, exp.AggFunc, exp.Window, exp.UDTF)

# A comparison with NULL is never true: a row that an outer join filled with NULLs does not pass.
_NULL_REJECTING = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Like)


def restrictions(resolved: exp.Query) -> dict[int, Restriction]:
    """By `id` of each `exp.Table` that is restricted: a condition on the bare column `dt`."""
    if resolved.find(exp.Pivot):
        return {}
    uses: defaultdict[int, list[list[exp.Expr]]] = defaultdict(list)
    found: dict[int, Restriction] = {}
    recursive = any(node.args.get("recursive") for node in resolved.find_all(exp.With))
    # Readers come before what they read, so each scope's uses are complete when it is reached.
    for scope in reversed(traverse_scope(resolved)):
        inherited = [] if recursive else _in_every_use(uses[id(scope)])
        for source, conditions in _conditions(scope, inherited):
            if isinstance(source, Scope):
                uses[id(source)].append(conditions)
            else:
                found[id(source)] = _on_partition_key(conditions)
    return found


def _in_every_use(uses: list[list[exp.Expr]]) -> list[exp.Expr]:
    """What holds for a scope's rows: with several readers, one of their conditions or another."""
    if len(uses) <= 1:
        return uses[0] if uses else []
    if not all(uses):
        return []
    return [exp.or_(*(exp.and_(*use) for use in uses))]


def _on_partition_key(conditions: list[exp.Expr]) -> Restriction:
    ours = [
        each for each in conditions if {column.name for column in _columns(each)} == {PARTITION_KEY}
    ]
    return exp.and_(*ours) if ours else None


def _conditions(
    scope: Scope, inherited: list[exp.Expr]
) -> Iterator[tuple[exp.Table | Scope, list[exp.Expr]]]:
    """What the scope reads, each with the conditions on its columns, their qualifier taken off."""
    if _cut_short(scope.expression):
        inherited = []
    if isinstance(scope.expression, exp.SetOperation):
        for branch in scope.set_operation_scopes:
            yield branch, _through_set_operation(scope.expression, branch, inherited)
    elif isinstance(scope.expression, exp.Select):
        yield from _through_select(scope, scope.expression, inherited)
    else:
        for _, source in scope.selected_sources.values():
            yield source, []


def _cut_short(query: exp.Expr) -> bool:
    """Whether parentheses around the query have a LIMIT or an OFFSET of their own."""
    around = query.parent
    while isinstance(around, exp.Subquery):
        if around.args.get("limit") or around.args.get("offset"):
            return True
        around = around.parent
    return False


def _through_set_operation(
    operation: exp.SetOperation, branch: Scope, inherited: list[exp.Expr]
) -> list[exp.Expr]:
    if operation.args.get("limit") or operation.args.get("offset"):
        return []
    names = operation.named_selects
    theirs = branch.expression.named_selects if isinstance(branch.expression, exp.Query) else []
    columns = {name: exp.column(other) for name, other in zip(names, theirs, strict=False)}
    return list(_translated(inherited, columns))


def _through_select(
    scope: Scope, select: exp.Select, inherited: list[exp.Expr]
) -> Iterator[tuple[exp.Table | Scope, list[exp.Expr]]]:
    joins = read_joins(select, scope.selected_sources)
    where = select.args.get("where")
    filters = [
        *joins.filters,
        *conjuncts(where.this if where else None),
        *_through_projections(select, inherited),
    ]
    equal = [*joins.equal, *_equal_in_every_row(filters)]
    merged = [_merged(each, equal) for each in filters]
    held = {alias: _held(alias, merged, joins) for alias in scope.selected_sources}
    _spread(held, equal)
    for alias, (_, source) in scope.selected_sources.items():
        outer = [each for each in joins.outer.get(alias, ()) if _is_about(each, alias)]
        yield source, [_unqualified(each) for each in (*held[alias], *outer)]


def _through_projections(select: exp.Select, inherited: list[exp.Expr]) -> list[exp.Expr]:
    """The readers' conditions on what a SELECT gives, as conditions on what it takes."""
    if not inherited or not _keeps_rows_apart(select):
        return []
    columns = {each.alias_or_name: each.unalias() for each in select.selects}
    return list(_translated(inherited, columns))


def _keeps_rows_apart(select: exp.Select) -> bool:
    """Whether leaving rows out before the SELECT leaves no other row of it different.

    Grouping does, by any key that the condition is on: but for subtotals, which span the keys.
    """
    distinct, group = select.args.get("distinct"), select.args.get("group")
    return not (
        any(select.args.get(part) for part in ("limit", "offset", "qualify", "match"))
        or (distinct and distinct.args.get("on"))
        or (group and group.find(exp.Rollup, exp.Cube, exp.GroupingSets))
        or any(each.find(exp.Window) for each in select.selects)
    )


def _translated(conditions: list[exp.Expr], columns: Mapping[str, exp.Expr]) -> Iterator[exp.Expr]:
    for condition in conditions:
        needed = [columns.get(column.name) for column in _columns(condition)]
        if all(each is not None and not each.find(*_NOT_OF_ONE_ROW) for each in needed):
            yield condition.transform(
                lambda node: columns[node.name].copy() if isinstance(node, exp.Column) else node
            )


def _equal_in_every_row(filters: list[exp.Expr]) -> Iterator[tuple[exp.Column, exp.Column]]:
    for left, right in filter(None, map(equated, filters)):
        yield left, right
        yield right, left


def _merged(condition: exp.Expr, equal: list[tuple[exp.Column, exp.Column]]) -> exp.Expr:
    """`COALESCE(a.dt, b.dt)`, which is what USING makes of `dt`, as the one column that it is."""

    def first(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Coalesce) and len(node.expressions) == 1:
            pair = (node.this, node.expressions[0])
            return node.this.copy() if pair in equal else node
        return node

    return condition.transform(first)


def _held(alias: str, filters: list[exp.Expr], joins: Joins) -> list[exp.Expr]:
    return [
        each
        for each in filters
        if _is_about(each, alias) and (alias not in joins.null_supplied or _rejects_null(each))
    ]


def _is_about(condition: exp.Expr, alias: str) -> bool:
    """Whether the condition depends on that source's columns and on nothing else."""
    tables = {column.table for column in _columns(condition)}
    return tables == {alias} and not condition.find(*_UNSTABLE)


def _rejects_null(condition: exp.Expr) -> bool:
    operands = (condition.args.get("this"), condition.args.get("expression"))
    return isinstance(condition, _NULL_REJECTING) and any(
        isinstance(operand, exp.Column) for operand in operands
    )


def _spread(held: dict[str, list[exp.Expr]], equal: list[tuple[exp.Column, exp.Column]]) -> None:
    """Let what holds for a column hold for its equals, as far as the equalities reach."""
    for left, right in equal * len(held):
        for condition in list(held.get(left.table, ())):
            if all(column == left for column in _columns(condition)) and right.table in held:
                twin = condition.transform(
                    lambda node, to=right: to.copy() if isinstance(node, exp.Column) else node
                )
                if twin not in held[right.table]:
                    held[right.table].append(twin)


def _unqualified(condition: exp.Expr) -> exp.Expr:
    return condition.transform(
        lambda node: exp.column(node.name) if isinstance(node, exp.Column) else node
    )


def _columns(condition: exp.Expr) -> Iterable[exp.Column]:
    return condition.find_all(exp.Column)
