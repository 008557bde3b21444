"""How right and how fast `transform.devices` is, on real user agents whose device is known.

Run it as `python -m benchmarks.devices [--agents FILE] [--json FILE]`. The agents are JSON lines,
gzipped, with `user_agent`, `source` and `expected.device_class`. The yardstick is a plain
ua-parser call on the same agents in the same run.
"""

import argparse
import gzip
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from ua_parser import Domain, load_lazy_builtins
from ua_parser.regex import Resolver

from benchmarks import measuring
from transform.devices import DEVICE_TYPES, parse_device

AGENTS = Path(__file__).parents[2] / "shared" / "data" / "user_agents.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Labelled:
    agent: str
    device_type: str
    source: str


def main() -> None:
    arguments = parse_arguments()
    if not arguments.agents.exists():
        Console().print(
            f"Skipped: {arguments.agents} is not here; name labelled agents by --agents."
        )
        return
    agents = read_labelled(arguments.agents)
    machine = measuring.machine("ua-parser", "ua-parser-rs")
    # Measured first: scoring fills the cache.
    speed = measure({labelled.agent for labelled in agents})
    report = score(agents) | {"speed": speed}
    show(report, Console())
    Console(highlight=False).print(measuring.described(machine))
    measuring.write_json(arguments.json, report | {"machine": machine})


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=Path, default=AGENTS, help="gzipped JSON lines")
    parser.add_argument("--json", type=Path, help="write the report to this file too")
    return parser.parse_args()


def read_labelled(path: Path) -> list[Labelled]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Labelled(row["user_agent"], as_type(row["expected"]["device_class"]), row["source"])
        for row in rows
        if "device_class" in row["expected"]
    ]


def as_type(device_class: str) -> str:
    return device_class if device_class in DEVICE_TYPES else "other"


def measure(agents: Iterable[str]) -> dict[str, float]:
    """Distinct agents a second on one core, nothing cached but the compiled patterns."""
    distinct = list(agents)
    resolver = Resolver(load_lazy_builtins())
    parse_device("warm")
    resolver("warm", Domain.ALL)
    plain = rate(lambda agent: resolver(agent, Domain.ALL), distinct)
    whole = rate(parse_device, distinct)
    return {"parse_device": whole, "ua_parser": plain, "ratio": whole / plain}


def rate(parse: Callable[[str], object], agents: list[str]) -> float:
    started = time.perf_counter()
    for agent in agents:
        parse(agent)
    return len(agents) / (time.perf_counter() - started)


Told = list[tuple[Labelled, str]]


def score(agents: list[Labelled]) -> dict[str, object]:
    told = [(labelled, parse_device(labelled.agent).device_type) for labelled in agents]
    return {
        "agents": len(told),
        "accuracy": accuracy(told),
        "accuracy_held_out": accuracy([pair for pair in told if is_held_out(pair[0].agent)]),
        "accuracy_by_source": by_source(told),
        "confusion": confusion(told),
    }


def is_held_out(agent: str) -> bool:
    """Whether the agent is in the half that the rules were not developed on."""
    return hashlib.sha256(agent.encode()).digest()[0] % 2 == 1


def accuracy(told: Told) -> float:
    return sum(labelled.device_type == kind for labelled, kind in told) / max(len(told), 1)


def by_source(told: Told) -> dict[str, float]:
    sources = sorted({labelled.source for labelled, _ in told})
    return {
        source: accuracy([pair for pair in told if pair[0].source == source]) for source in sources
    }


def confusion(told: Told) -> dict[str, dict[str, int]]:
    """How many agents of each type (outer) were told to be of which (inner)."""
    pairs = Counter((labelled.device_type, kind) for labelled, kind in told)
    return {is_: {as_: pairs[is_, as_] for as_ in DEVICE_TYPES} for is_ in DEVICE_TYPES}


def show(report: dict[str, Any], console: Console) -> None:
    console.print(summary_table(report))
    console.print(confusion_table(report["confusion"]))
    console.print(source_table(report["accuracy_by_source"]))


def summary_table(report: dict[str, Any]) -> Table:
    table = Table("figure", "value", title=f"Device types of {report['agents']:,} agents")
    speed = report["speed"]
    table.add_row("accuracy", f"{report['accuracy']:.4f}")
    table.add_row("accuracy, held-out half", f"{report['accuracy_held_out']:.4f}")
    table.add_row("parse_device, distinct agents/s", f"{speed['parse_device']:,.0f}")
    table.add_row("ua-parser alone, distinct agents/s", f"{speed['ua_parser']:,.0f}")
    table.add_row("ratio", f"{speed['ratio']:.2f}")
    return table


def confusion_table(counts: dict[str, dict[str, int]]) -> Table:
    table = Table("is / told", *DEVICE_TYPES, "recall", "precision", title="Confusion")
    for kind, row in counts.items():
        right = row[kind]
        told = sum(other[kind] for other in counts.values())
        shares = (share(right, sum(row.values())), share(right, told))
        table.add_row(kind, *map(str, row.values()), *shares)
    return table


def share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def source_table(accuracies: dict[str, float]) -> Table:
    table = Table("source", "accuracy", title="By source")
    for source, right in accuracies.items():
        table.add_row(source, f"{right:.3f}")
    return table


if __name__ == "__main__":
    main()
