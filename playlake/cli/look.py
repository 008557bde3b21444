"""The commands that look at what there is: partitions, rejected, catalog sync, schema."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from events.errors import UnknownName
from events.glue import GLUE_TYPES
from events.json_schema import json_schema
from events.registry import REGISTRY
from events.table import PARTITION_KEY
from playlake.cli.newest import newest_rejected
from playlake.cli.opening import opened
from playlake.cli.options import Format, OutputFormat, tables_named
from playlake.cli.rendering import render, render_listing
from playlake.cli.terminal import Plain
from playlake.cli.where import Where, anywhere

_TABLE = typer.Argument(help="A table; all of them by default.")


@anywhere
def partitions(
    where: Where,
    table: Annotated[str | None, _TABLE] = None,
    output: OutputFormat = Format.TABLE,
) -> None:
    """List the days there are of each table, with their files, rows and bytes.

    Of a deployed stack the rows are not known: Glue does not count them.
    """
    names = tables_named(table)
    with opened(where) as lake:
        rows = [day for name in names for day in lake.days(name)]
    columns = {"table": "varchar", "dt": "varchar", "files": "bigint", "rows": "bigint"}
    render_listing(columns | {"bytes": "bigint"}, rows, output)


@anywhere
def rejected(
    where: Where,
    limit: Annotated[int, typer.Option(min=1, max=10**9, help="How many, the newest first.")] = 20,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Show events that broke their type's rules: why, and what was sent."""
    with opened(where) as lake:
        render(newest_rejected(lake, limit), output)


@anywhere
def sync(where: Where) -> None:
    """Make the catalog agree with what lies in the lake, and say what that took."""
    console = Plain()
    with opened(where, repairing=True) as lake:
        synced = lake.catalog.sync()
    for verb, partitions in (("gained", synced.gained), ("lost", synced.lost)):
        for table, dt in partitions:
            console.print(f"{verb} {table} dt={dt}", soft_wrap=True)
    for each in synced.skipped:
        console.print(f"left out {each.key}: {each.detail}", soft_wrap=True, markup=False)
    console.print(
        f"{len(synced.gained)} partitions gained files, {len(synced.lost)} lost some,"
        f" {len(synced.skipped)} objects left out.",
        soft_wrap=True,
    )


def schema(
    name: Annotated[str, typer.Argument(help="An event type or a table.")],
    output: OutputFormat = Format.TABLE,
) -> None:
    """Print a table's columns, or an event type's JSON Schema for whoever writes a client."""
    types = {each.name: each for each in REGISTRY.types}
    tables = {each.name: each for each in REGISTRY.tables}
    if name in types:
        typer.echo(json.dumps(json_schema(types[name]), indent=2, ensure_ascii=False))
    elif name in tables:
        rows = [(each.name, GLUE_TYPES[each.type], each.doc) for each in tables[name].columns]
        rows.append((PARTITION_KEY, "string", "The partition key: a UTC day, YYYY-MM-DD."))
        render_listing({"column": "varchar", "type": "varchar", "meaning": "varchar"}, rows, output)
    else:
        known = ", ".join((*tables, *types))
        raise UnknownName(f"No table and no event type is called {name!r}; there are {known}.")
