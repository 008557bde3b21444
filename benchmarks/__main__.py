"""Every benchmark, one after the other, and docs/benchmarks.md with what each printed.

    python -m benchmarks [NAME ...] [--write] [-- OPTION ...]

`--write` puts a run's output into its place on the page; options after `--` go to each benchmark.
The page tells what was printed and when, on which machine: nothing is copied by hand.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
NAMES = (
    *("transform", "collector", "packages", "latency", "queries", "growth", "devices"),
    *("dashboard", "consumer"),
)
_COLUMNS = "120"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; 1 when one fails. The others run all the same."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    words = list(sys.argv[1:] if arguments is None else arguments)
    cut = words.index("--") if "--" in words else len(words)
    given, options = parser.parse_args(words[:cut]), words[cut + 1 :]
    if strangers := sorted(set(given.names) - set(NAMES)):
        parser.error(f"no benchmark is named {', '.join(strangers)}; there are {', '.join(NAMES)}")
    failed = []
    for name in given.names or NAMES:
        said, code = run(name, options)
        if code:
            failed.append(name)
        elif given.write:
            command = " ".join(("python -m benchmarks." + name, *options))
            PAGE.write_text(rewritten(PAGE.read_text("utf-8"), name, command, said), "utf-8")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def run(name: str, options: Sequence[str]) -> tuple[str, int]:
    """What a benchmark printed, which is shown as it comes, and its exit code."""
    print(f"\n== {name}", flush=True)
    said = []
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    environment = os.environ | {"COLUMNS": _COLUMNS, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            said.append(line.rstrip())
    return "\n".join(said).strip("\n"), running.returncode


def rewritten(page: str, name: str, command: str, said: str) -> str:
    """The page with a run's output in its place, without paths of this machine. Raises ValueError
    where it has none."""
    begin, end = f"<!-- {name} -->\n", f"<!-- {name} end -->"
    place = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    if not place.search(page):
        raise ValueError(f"the page lacks the lines {begin.strip()} and {end}")
    day = datetime.now(UTC).date().isoformat()
    block = f"`{command}`, {day}:\n\n```text\n{said}\n```\n"
    block = re.sub(rf"{re.escape(tempfile.gettempdir())}/[^/\s`]+", "FOLDER", block)
    return place.sub(lambda _: block, page, count=1)


if __name__ == "__main__":
    sys.exit(main())
