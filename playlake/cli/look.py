"""The commands that look at what there is: partitions, rejected, sync, schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.console import Console

from events.errors import UnknownName
from events.glue import GLUE_TYPES
from events.json_schema import json_schema
from events.registry import REGISTRY
from events.rejected import REJECTED_EVENTS
from events.table import PARTITION_KEY
from playlake.cli.ask import opened
from playlake.cli.options import DEFAULT_DATA, Data, Format, OutputFormat
from playlake.cli.rendering import render, render_listing
from playlake.folder import DataFolder

if TYPE_CHECKING:
    from catalog.data_file import DataFile
    from catalog.drivers.local import LocalCatalog

_TABLE = typer.Argument(help="A table; all of them by default.")


def partitions(
    table: Annotated[str | None, _TABLE] = None,
    data: Data = DEFAULT_DATA,
    output: OutputFormat = Format.TABLE,
) -> None:
    """List the days there are of each table, with their files, rows and bytes."""
    from catalog.drivers.local import LocalCatalog

    folder = DataFolder(data).must_exist()
    names = [each.name for each in REGISTRY.tables]
    if table is not None and table not in names:
        raise UnknownName(f"No table is called {table!r}; there are {', '.join(names)}.")
    with LocalCatalog(folder.lake, folder.catalog) as catalog:
        rows = [
            row for name in ([table] if table else names) for row in _partition_rows(catalog, name)
        ]
    columns = {"table": "varchar", "dt": "varchar", "files": "bigint", "rows": "bigint"}
    render_listing(columns | {"bytes": "bigint"}, rows, output)


def rejected(
    limit: Annotated[int, typer.Option(min=1, max=10**9, help="How many, the newest first.")] = 20,
    data: Data = DEFAULT_DATA,
    output: OutputFormat = Format.TABLE,
) -> None:
    """Show events that broke their type's rules: why, and what was sent."""
    with opened(data) as lake:
        since = _day_that_holds(lake.catalog, limit)
        sql = (
            "SELECT received_at, reason, message, payload FROM rejected_events"  # noqa: S608
            f" WHERE dt >= :since ORDER BY received_at DESC, event_id LIMIT {limit:d}"
        )
        with lake.engine.query(sql, parameters={"since": since}) as answer:
            render(answer, output)


def sync(data: Data = DEFAULT_DATA) -> None:
    """Make the catalog agree with what lies in the lake, and say what that took."""
    from catalog.drivers.local import LocalCatalog

    folder = DataFolder(data)
    if not folder.lake.is_dir():
        folder.must_exist()
    console = Console(highlight=False)
    with LocalCatalog(folder.lake, folder.catalog) as catalog:
        changed = catalog.sync()
    for verb, counts in (
        ("added", changed.added_by_partition()),
        ("dropped", changed.dropped_by_partition()),
    ):
        for (table, dt), files in sorted(counts.items()):
            console.print(f"{verb} {files} files of {table} dt={dt}", soft_wrap=True)
    for each in changed.skipped:
        console.print(f"left out {each.key}: {each.detail}", soft_wrap=True, markup=False)
    console.print(f"{len(changed.added)} files added, {len(changed.dropped)} dropped.")


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


class _PartitionRow(NamedTuple):
    table: str
    dt: str
    files: int
    rows: int
    bytes: int


def _partition_rows(catalog: LocalCatalog, table: str) -> list[_PartitionRow]:
    by_day: dict[str, list[DataFile]] = {}
    for file in catalog.files(table):
        by_day.setdefault(file.partition.dt, []).append(file)
    return [
        _PartitionRow(
            table,
            dt,
            len(files),
            sum(each.rows for each in files),
            sum(each.bytes for each in files),
        )
        for dt, files in sorted(by_day.items())
    ]


def _day_that_holds(catalog: LocalCatalog, limit: int) -> str:
    """The latest day such that it and those after it hold `limit` rejected events, if so many are:
    no older day is read."""
    days = _partition_rows(catalog, REJECTED_EVENTS.name)
    held = 0
    for day in reversed(days):
        held += day.rows
        if held >= limit:
            return day.dt
    return days[0].dt if days else "9999-12-31"
