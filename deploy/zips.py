"""Make the Lambda packages: `python -m deploy.zips`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from deploy.packaging.building import Built, build
from deploy.packaging.function import MB, PACKAGES, RUNTIME_PYTHON, Package, Target
from events.errors import PlaylakeError

OUT = Path("build/zips")


def main(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Which to make; all of them.")
    ] = None,
    arch: Annotated[str, typer.Option(help="arm64, x86_64, or host: this machine's.")] = "arm64",
    python: Annotated[
        str,
        typer.Option(help="As 3.13, or host: this one's.", show_default="3.13; with a host, its"),
    ] = "",
    out: Annotated[Path, typer.Option(help="The folder to put them in.")] = OUT,
) -> None:
    """Make the Lambda packages, where what they are made from has changed."""
    target = Target.parse(arch, python or ("host" if arch == "host" else RUNTIME_PYTHON))
    built = [build(package, target, out) for package in _packages(names)]
    Console().print(table(built, target))


def table(built: list[Built], target: Target) -> Table:
    """What is to be said of the packages."""
    table = Table(title=f"Lambda packages for {target.arch}, Python {target.python}")
    if not all(each.bytecode for each in built):
        table.caption = (
            f"Without bytecode: this machine has no Python {target.python} to make it, so each cold"
            f" start compiles what it imports. `uv python install {target.python}`, and again."
        )
    table.add_column("package")
    for heading in ("zip MB", "unzipped MB", "cold import ms"):
        table.add_column(heading, justify="right")
    table.add_column("SHA-256")
    for each in built:
        sizes = (f"{each.zipped / MB:.1f}", f"{each.unzipped / MB:.1f}")
        table.add_row(each.name, *sizes, _milliseconds(each.cold_import), each.sha256[:12])
    return table


def _packages(names: list[str] | None) -> tuple[Package, ...]:
    known = {each.name: each for each in PACKAGES}
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"no package is named {name!r}; there are {', '.join(known)}")
    return tuple(known[name] for name in names or known)


def _milliseconds(seconds: float | None) -> str:
    return "cannot run here" if seconds is None else f"{seconds * 1000:.0f}"


if __name__ == "__main__":
    try:
        typer.run(main)
    except PlaylakeError as error:
        sys.exit(f"deploy.zips: {error}")
