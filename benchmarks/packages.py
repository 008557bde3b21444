"""What a cold start of each Lambda imports, and how large its package is.

    python -m benchmarks.packages [--rounds 11] [--json FILE]

The packages are built for this machine. Each round a new interpreter imports a package's handler,
with nothing else to import from, and then boto3 alone from the same package: whatever speaks to
AWS in Python pays that too, so it is the yardstick. A handler's import makes its AWS clients, too,
as Lambda's initialisation does. Files come from the system's cache; Lambda's first start in a new
place reads them from further away.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from benchmarks import measuring
from benchmarks.measuring import Bound, Spread
from deploy.packaging import archive, clean_room
from deploy.packaging.building import Built, build
from deploy.packaging.function import MB, PACKAGES, Target

YARDSTICK = "boto3"
MOST_MS = {"collect": 250.0, "transform": 500.0}
MOST_UNZIPPED_MB = {"transform": 80.0}
"""What a cold import may take, and what a package may measure: issue 7."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, measure, print and, if asked, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11, help="after one (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    given = parser.parse_args(arguments)
    found, console = measuring.machine("boto3", "pyarrow"), measuring.console()
    host = Target.parse("host", "host")
    with tempfile.TemporaryDirectory() as folder:
        zips = Path(folder) / "zips"
        built = [build(package, host, zips) for package in PACKAGES]
        taken = {
            package.name: imported(
                zips / package.file_name, Path(folder) / package.name, package.handler, given.rounds
            )
            for package in PACKAGES
        }
    console.print(table(built, taken))
    console.print(measuring.described(found))
    for bound in bounds(built, taken):
        console.print(str(bound))
    sizes = {each.name: {"zipped": each.zipped, "unzipped": each.unzipped} for each in built}
    measuring.write_json(given.json, {"machine": found, "import_ms": taken, "bytes": sizes})


def imported(path: Path, folder: Path, handler: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each round, of the handler and of boto3 alone, after one that warms up."""
    archive.unzip(path, folder)
    taken: dict[str, list[float]] = {handler: [], YARDSTICK: []}
    for _ in range(rounds + 1):
        for module, each in taken.items():
            each.append(clean_room.import_seconds(sys.executable, folder, module) * 1000)
    return {module: each[1:] for module, each in taken.items()}


def table(built: Sequence[Built], taken: Mapping[str, Mapping[str, Sequence[float]]]) -> Table:
    """A row for each package."""
    made = Table(title="A cold import of each handler, and of boto3 alone, in a new interpreter")
    made.add_column("package")
    for name in ("median ms", "least", "most", f"{YARDSTICK} ms", "zip MB", "unzipped MB"):
        made.add_column(name, justify="right")
    for each in built:
        handler, alone = (Spread.of(those) for those in taken[each.name].values())
        times = (handler.median, handler.least, handler.most, alone.median)
        sizes = (each.zipped / MB, each.unzipped / MB)
        made.add_row(each.name, *(f"{ms:.0f}" for ms in times), *(f"{mb:.1f}" for mb in sizes))
    return made


def bounds(
    built: Sequence[Built], taken: Mapping[str, Mapping[str, Sequence[float]]]
) -> list[Bound]:
    """What is held to the bounds of the project."""
    imports = [
        Bound(f"ms to import {name}", Spread.of(next(iter(taken[name].values()))).median, most=most)
        for name, most in MOST_MS.items()
    ]
    sizes = {each.name: each.unzipped / MB for each in built}
    return imports + [
        Bound(f"MB of {name}, unzipped", sizes[name], most=most)
        for name, most in MOST_UNZIPPED_MB.items()
    ]


if __name__ == "__main__":
    main()
