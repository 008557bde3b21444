"""The formulas of a declaration, evaluated over a batch's columns in one pass."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import acero

from events.declaration import Formula


def evaluate(columns: Mapping[str, Any], formulas: Mapping[str, Formula]) -> dict[str, Any]:
    """By the names of `formulas`, the array that each gives, in step with `columns`.

    Null in, null out, as in SQL, but where a formula names a default.
    """
    if not formulas:
        return {}
    used: set[str] = set()

    def column(name: str, default: float | str | None = None) -> pc.Expression:
        used.add(name)
        field = pc.field(name)
        return field if default is None else pc.coalesce(field, pc.scalar(default))

    expressions = [formula(column) for formula in formulas.values()]
    # Handing over all columns would take longer than all formulas do.
    source = acero.TableSourceNodeOptions(pa.table({name: columns[name] for name in used}))
    plan = acero.Declaration.from_sequence(
        [
            acero.Declaration("table_source", source),
            acero.Declaration("project", acero.ProjectNodeOptions(expressions, list(formulas))),
        ]
    )
    # On one thread, so that rows stay in their order.
    computed = plan.to_table(use_threads=False)
    return {name: computed[name].combine_chunks() for name in formulas}
