"""Cause every fault, and write down what came of it.

    python -m tests.torture [--quick] [--only NAME ...] [--seed N] [--minutes M] [--list]

Ends with 1 when anything was lost, doubled or not as playlake promises. Without `--quick` the rows
go to docs/reliability.md: all of them or, with `--only`, those. What this machine lacks is said,
and leaves its fault out; under CI=true that is a failure.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console

from tests.torture import (
    aws_faults,
    broken_calls,
    clocks,
    crash_points,
    full_disk,
    fuzzing,
    killed,
    soak,
    stopped,
)
from tests.torture.calls import Lacking
from tests.torture.row import Fault, Row
from tests.torture.table import PAGE, is_whole, rewritten, show

FAULTS: tuple[Fault, ...] = (
    *killed.FAULTS,
    *crash_points.FAULTS,
    *stopped.FAULTS,
    *full_disk.FAULTS,
    *broken_calls.FAULTS,
    *clocks.FAULTS,
    *aws_faults.FAULTS,
    *fuzzing.FAULTS,
    *soak.FAULTS,
)
QUICK_SOAK_MINUTES = 1


@dataclass
class Run:
    """All faults, one after the other."""

    console: Console
    seed: int
    rows: list[Row] = field(default_factory=list)
    failed: bool = False

    def cause(self, fault: Fault, times: int) -> None:
        """Cause it so often, and show its rows; an error of it does not end the run."""
        began = time.monotonic()
        self.console.print(f"{fault.name}, {times:,} times", style="dim", highlight=False)
        try:
            for row in fault.cause(times, self.seed):
                self._take(row)
        except (Lacking, ImportError) as lack:
            self._say(f"{fault.name} is not caused here: {lack}")
            self.failed |= os.environ.get("CI") == "true"
        except Exception as error:  # noqa: BLE001 (whatever it was, the other faults are caused)
            self._say(f"{fault.name} failed, {type(error).__name__}: {error}")
            self.failed = True
        self.console.print(f"  {time.monotonic() - began:,.0f} s", style="dim", highlight=False)

    def _take(self, row: Row) -> None:
        self.rows.append(row)
        self.failed |= not is_whole(row)
        show(row, self.console)

    def _say(self, sentence: str) -> None:
        self.console.print(sentence, style="bold red", markup=False, soft_wrap=True)


def times_of(fault: Fault, *, quick: bool, minutes: int | None) -> int:
    """How often it is caused; the soak's times are minutes."""
    if fault.name == "soak":
        return minutes or (QUICK_SOAK_MINUTES if quick else fault.times)
    return -(-fault.times // 10) if quick else fault.times


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it from the command line."""
    given = _parser().parse_args(arguments)
    if given.list:
        print(*(fault.name for fault in FAULTS), sep="\n")
        return 0
    run, began = Run(Console(), given.seed), time.monotonic()
    for fault in FAULTS:
        if not given.only or fault.name in given.only:
            run.cause(fault, times_of(fault, quick=given.quick, minutes=given.minutes))
    if not given.quick:
        told = _told(given.seed, time.monotonic() - began)
        page = PAGE.read_text()
        PAGE.write_text(rewritten(page, run.rows, told, whole=not given.only))
    return int(run.failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=_DESCRIPTION)
    parser.add_argument("--quick", action="store_true", help="cause a tenth of it")
    parser.add_argument("--list", action="store_true", help="name the faults, and end")
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="those faults")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is random")
    parser.add_argument("--minutes", type=int, help="of the soak, in place of 60")
    return parser


def _told(seed: int, seconds: float) -> str:
    today, cores = datetime.now(UTC).date(), os.cpu_count()
    return (
        f"Made by `make torture` on {today}, seed {seed}, in {seconds / 60:,.0f} minutes:"
        f" {platform.system()} {platform.machine()}, {cores} cores, Python"
        f" {platform.python_version()}."
    )


_DESCRIPTION = (__doc__ or "").splitlines()[0]

if __name__ == "__main__":
    sys.exit(main())
