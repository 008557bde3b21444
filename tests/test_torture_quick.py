"""`make torture-quick`: each fault of `make torture`, a tenth as often, each at least once."""

from pathlib import Path

import pytest

from tests.conftest import Tell
from tests.lacking import lacking
from tests.torture import fuzzing
from tests.torture.__main__ import FAULTS, times_of
from tests.torture.calls import Lacking
from tests.torture.row import Fault
from tests.torture.table import is_whole

IDLE = frozenset(fault.name for fault in fuzzing.FAULTS)
"""What only computes."""


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.idle] if each.name in IDLE else [])
        for each in FAULTS
    ],
)
def test_nothing_that_was_acknowledged_is_lost_or_doubled(
    fault: Fault, tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzing, "CRASHES", tmp_path)
    try:
        rows = list(fault.cause(times_of(fault, quick=True, minutes=None), seed=5))
    except (Lacking, ImportError) as lack:
        lacking(str(lack))
    for row in rows:
        tell(f"\n{row.fault}: {row.times:,} times, {row.acknowledged:,} events acknowledged,"
             f" {row.lost} lost, {row.doubled} doubled; {row.note}")  # fmt: skip
    assert [row.fault for row in rows if not is_whole(row) or not row.acknowledged] == []
