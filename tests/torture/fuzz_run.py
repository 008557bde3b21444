"""A coverage-guided fuzzer as a process of its own: so many cases for one target, and a report.

    python -m tests.torture.fuzz_run TARGET CASES FOLDER [libFuzzer's options]

FOLDER/corpus is what it begins with and where it keeps what reached something new;
FOLDER/report.json is what came of it; whatever broke something is a file FOLDER/crash-*.
"""

import hashlib
import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, NoReturn

BATCH = 256
"""How many cases share a run of the transform: alone a case would take 200 times as long."""
MAX_CASE_BYTES = 4096
"""Larger ones are slow and find no more; what is large is tried in tests/test_hostile.py."""
MOST_CRASHES = 20
"""After so many the run has failed thoroughly enough."""


@dataclass
class Report:
    """What came of a run."""

    cases: int = 0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    crashes: list[str] = field(default_factory=list)
    """The files that hold what broke something."""


class Run:
    """Cases given to a target, batch by batch; what breaks it is kept, and the run goes on."""

    def __init__(self, module: ModuleType, folder: Path) -> None:
        self.report = Report()
        self._module = module
        self._folder = folder
        self._target: Any = module.Target()
        self._cases: list[bytes] = []

    def take(self, case: bytes) -> None:
        """One case; the batch is settled when it is full."""
        self.report.cases += 1
        try:
            self._target.take(case)
        except Exception:  # noqa: BLE001  (any exception is what is looked for)
            self._keep(case)
            # The case may be half in it.
            self._target = taken(self._module, self._cases)
            return
        self._cases.append(case)
        if len(self._cases) >= BATCH:
            self._settle()

    def finish(self) -> Report:
        """Settle what is left; writes the report."""
        self._settle()
        (self._folder / "report.json").write_text(json.dumps(asdict(self.report)))
        return self.report

    def _begin(self) -> None:
        self._target, self._cases = self._module.Target(), []

    def _settle(self) -> None:
        outcome = _outcome(self._target)
        if outcome is not None:
            self.report.events += outcome.events
            self.report.lost += outcome.lost
            self.report.doubled += outcome.doubled
        if _is_wrong(outcome):
            self._blame(self._cases)
        self._begin()

    def _blame(self, cases: list[bytes]) -> None:
        """Keep the cases that break something alone; all of the batch if none does."""
        guilty = [case for case in cases if _is_wrong(_outcome(taken(self._module, [case])))]
        for case in guilty or cases:
            self._keep(case)

    def _keep(self, case: bytes) -> None:
        traceback.print_exc()
        path = self._folder / f"crash-{hashlib.sha256(case).hexdigest()[:16]}"
        path.write_bytes(case)
        if path.name not in self.report.crashes:
            self.report.crashes.append(path.name)


def taken(module: ModuleType, cases: Iterable[bytes]) -> Any:
    """A target of the module's that has taken these cases."""
    target = module.Target()
    for case in cases:
        target.take(case)
    return target


def _outcome(target: Any) -> Any:
    """The batch's tally, None when it broke something."""
    try:
        return target.batch.settle()
    except Exception:  # noqa: BLE001  (any exception is what is looked for)
        traceback.print_exc()
        return None


def _is_wrong(outcome: Any) -> bool:
    return outcome is None or bool(outcome.lost or outcome.doubled)


def fuzz(name: str, cases: int, folder: Path, options: list[str]) -> NoReturn:
    """Run so many cases, then end the process."""
    import atheris  # type: ignore[import-untyped]

    with atheris.instrument_imports(include=["events", "ingest", "transform"]):
        target = importlib.import_module(f"tests.torture.{name}")
        mutator = importlib.import_module("tests.torture.fuzz_mutator")
    run = Run(target, folder)

    def take(case: bytes) -> None:
        run.take(case)
        if run.report.cases >= cases or len(run.report.crashes) > MOST_CRASHES:
            run.finish()
            os._exit(0)  # libFuzzer has no other end but its own

    def mutate(case: bytes, most: int, seed: int) -> bytes:
        rng = Random(seed)
        if rng.random() < 0.6:
            head, text = case[: target.HEAD], case[target.HEAD :]
            made: bytes = head + mutator.mutated(text, rng)
            if len(made) <= most:
                return made
        mutated: bytes = atheris.Mutate(case, most)
        return mutated

    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for seed in target.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    arguments = [sys.argv[0], f"-max_len={MAX_CASE_BYTES}", *options, str(corpus)]
    atheris.Setup(arguments, take, custom_mutator=mutate)
    atheris.Fuzz()
    raise SystemExit("the fuzzer ended before its cases were run")


if __name__ == "__main__":
    fuzz(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
