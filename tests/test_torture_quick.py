"""Each fault of `make torture`, a tenth as often, each at least once."""

import os
from pathlib import Path

import pytest

from tests.conftest import Tell
from tests.lacking import lacking
from tests.torture import fuzzing
from tests.torture.__main__ import FAULTS, QUICK_SOAK_MINUTES
from tests.torture.calls import Lacking
from tests.torture.row import Fault
from tests.torture.table import is_whole

SHARE = 10 if (os.cpu_count() or 1) >= 4 else 100
"""On two cores a tenth alone would take the half of what CI may; there it is a hundredth."""


def times_of(fault: Fault) -> int:
    """The soak's are minutes."""
    return QUICK_SOAK_MINUTES if fault.name == "soak" else -(-fault.times // SHARE)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_that_was_acknowledged_is_lost_or_doubled(
    fault: Fault, tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzing, "CRASHES", tmp_path)
    try:
        rows = list(fault.cause(times_of(fault), seed=5))
    except (Lacking, ImportError) as lack:
        lacking(str(lack))
    for row in rows:
        tell(f"\n{row.fault}: {row.times:,} times, {row.acknowledged:,} events acknowledged,"
             f" {row.lost} lost, {row.doubled} doubled; {row.note}")  # fmt: skip
    assert [row.fault for row in rows if not is_whole(row) or not row.acknowledged] == []
