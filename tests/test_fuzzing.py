"""The fuzzers, for some seconds: nothing breaks; and what does break would be seen."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ingest import collector
from ingest.parsing import parse
from ingest.recording import record_line
from tests.torture import fuzz_collect, fuzz_transform, fuzzing
from tests.torture.fuzz_oracle import fields_of, objects_of
from tests.torture.fuzz_run import Report, Run, taken
from tests.torture.hostile import strings, texts
from tests.torture.row import Row
from transform import enrich

CASES = 3_000
EXAMPLES = 300
SENT = bytes(fuzz_collect.HEAD) + b'{"event_id":"a","video_id":"b"}'


@pytest.fixture
def crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fuzzing, "CRASHES", tmp_path)
    return tmp_path


@pytest.mark.parametrize("module", [fuzz_collect, fuzz_transform])
def test_what_the_fuzzers_begin_with_is_right_already(module: ModuleType) -> None:
    seeds = list(module.seeds())
    for at in range(0, len(seeds), 200):
        tally = taken(module, seeds[at : at + 200]).batch.settle()
        assert (tally.lost, tally.doubled) == (0, 0)
        assert tally.events > 0


# --- the oracle itself ---


def test_the_second_reader_is_as_strict_as_the_contract() -> None:
    taken_ones = {name for name, text in texts().items() if objects_of(text.encode()) is not None}
    assert {"surrogate pair", "deep enough", "event_id twice", "empty array"} <= taken_ones
    assert {
        "not a number",
        "too deep",
        "beyond 64 bits",
        "lone low surrogate",
    } & taken_ones == set()
    assert objects_of(b' [ {"a":1} , {"a" : 2}\n]') == ['{"a":1}', '{"a" : 2}']
    assert fields_of(b'{"a":1,"a":2}') == {"a": 2}
    assert all(json.loads(json.dumps(text)) == text for text in strings())


def test_an_event_that_is_lost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrich, "_again", lambda ids, without=(): {0} if len(ids) else set())
    assert taken(fuzz_collect, [SENT]).batch.settle().lost == 1


def test_an_event_that_is_doubled_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrich, "_again", lambda ids, without=(): set())
    assert taken(fuzz_collect, [SENT, SENT]).batch.settle().doubled == 1


def test_a_byte_that_the_collector_changes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        collector, "record_line", lambda *given: record_line(*given).replace(b'"b"', b'"c"')
    )
    with pytest.raises(AssertionError):
        taken(fuzz_collect, [SENT])


def test_an_exception_is_kept_as_a_file_and_named_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def parse_or_break(body: bytes) -> Any:
        if b"bad" in body:
            raise ValueError("a fault of ours")
        return parse(body)

    monkeypatch.setattr(collector, "parse", parse_or_break)
    run = Run(fuzz_collect, tmp_path)
    bad = SENT.replace(b'"b"', b'"bad"')
    for case in (SENT, bad, SENT.replace(b'"a"', b'"z"')):
        run.take(case)
    report = run.finish()
    assert (report.cases, report.events, report.lost) == (3, 2, 0)
    [name] = report.crashes
    assert (tmp_path / name).read_bytes() == bad


def test_a_crash_ends_the_fault_with_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    report = Report(cases=1, crashes=["crash-1"])
    monkeypatch.setattr(
        fuzzing, "run_atheris", lambda *_: fuzzing.Fuzzed(report, 1, 2, tmp_path, 1.0)
    )
    rows: list[Row] = []
    with pytest.raises(fuzzing.Broken, match="crash-1"):
        rows.extend(fuzzing.fuzz("collector", 1, 1))
