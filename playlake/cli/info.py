"""The command `info`: what is deployed, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from playlake.cli.opening import find_stack
from playlake.cli.options import Format, OutputFormat
from playlake.cli.rendering import render_listing
from playlake.cli.terminal import Plain
from playlake.cli.where import deployed
from playlake.deployed.deployment import Deployed, described, remark

if TYPE_CHECKING:
    from collections.abc import Mapping


@deployed
def info(where: Deployed, output: OutputFormat = Format.TABLE) -> None:
    """Print where a deployed stack is: its URLs, bucket, database, and pages of the AWS console."""
    found = find_stack(where)
    facts = dict(described(where, found.description, found.deployment))
    if output is not Format.TABLE:
        render_listing(dict.fromkeys(facts, "varchar"), [tuple(facts.values())], output)
        return
    _print(facts, remark(where, found.description))


def _print(facts: Mapping[str, str], remark: str | None) -> None:
    console = Plain()
    width = max(map(len, facts))
    for name, value in facts.items():
        # A link stays on one line, or nobody could click it.
        label = name.replace("_", " ").ljust(width)
        console.print(f"[dim]{label}[/]  {escape(value)}", soft_wrap=True)
    if remark is not None:
        console.print(f"[yellow]note:[/] {escape(remark)}.", soft_wrap=True)
