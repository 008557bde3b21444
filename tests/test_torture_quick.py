"""Each fault of `make torture`, a tenth as often, each at least once.

On fewer than four cores what a server is needed for is caused a hundredth as often: a tenth alone
would take a third of what CI may.
"""

import os
from pathlib import Path

import pytest

from tests.conftest import Tell
from tests.lacking import lacking
from tests.torture import aws_faults, full_disk, fuzzing, killed, stopped
from tests.torture.__main__ import FAULTS, times_of
from tests.torture.calls import Lacking
from tests.torture.row import Fault
from tests.torture.table import is_whole

IDLE = frozenset(fault.name for fault in fuzzing.FAULTS)
"""What only computes."""
SERVED = frozenset(
    fault.name for each in (aws_faults, full_disk, killed, stopped) for fault in each.FAULTS
)


def times_in_ci(fault: Fault) -> int:
    """How often, on this machine."""
    if fault.name in SERVED and (os.cpu_count() or 1) < 4:
        return -(-fault.times // 100)
    return times_of(fault, quick=True, minutes=None)


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
        rows = list(fault.cause(times_in_ci(fault), seed=5))
    except (Lacking, ImportError) as lack:
        lacking(str(lack))
    for row in rows:
        tell(f"\n{row.fault}: {row.times:,} times, {row.acknowledged:,} events acknowledged,"
             f" {row.lost} lost, {row.doubled} doubled; {row.note}")  # fmt: skip
    assert [row.fault for row in rows if not is_whole(row) or not row.acknowledged] == []
