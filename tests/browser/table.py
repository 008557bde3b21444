"""docs/truth.md: the truth suite's last run as a table."""

from collections.abc import Sequence

from tests.browser.oracle import STANDS
from tests.browser.verdict import BOUNDARY, Verdict

HEAD = f"""\
# How true the watch time is

Written by `tests/browser/test_truth.py`, which plays the project's own clips in a real Chromium
and compares the lake with an oracle that the tracker does not share: every frame that
`requestVideoFrameCallback` reports. Write it anew with

    PLAYLAKE_WRITE_TRUTH=1 .venv/bin/python -m pytest tests/browser/test_truth.py

Each pair is lake / oracle, in seconds. A row fails when content, unique content or wall time is
off by more than {BOUNDARY} s for each end of a continuous showing, or when an event that the page
told of is lost or is in the lake twice. Time in which one frame stands for {STANDS} s or more, as
on a busy machine, may count as wall time or not.

| viewing | content | unique | wall | intervals | ended by | lost | doubled |
|---|---|---|---|---|---|---|---|
"""
FOOT = """
What cannot be kept: of a browser that is killed, what was played after the last copy of the open
interval, at most about 0.2 s; with storage disabled, what a page could not send before it ended.

`clock jumps an hour` stands for a computer that sleeps, which no test can do: the page's wall
clock is set on by an hour while the media clock runs on. In `tab hidden and shown` Chromium itself
stops a muted video soon after its tab is hidden.
"""


def table(verdicts: Sequence[Verdict]) -> str:
    """The page, in Markdown; seconds to one decimal."""
    return HEAD + "".join(map(_row, verdicts)) + FOOT


def _row(verdict: Verdict) -> str:
    reasons = ", ".join(interval.reason for interval in verdict.intervals)
    pairs = (verdict.content, verdict.unique, verdict.wall)
    measures = " | ".join(f"{lake:.1f} / {seen:.1f}" for lake, seen in pairs)
    counts = f"{len(verdict.intervals)} | {reasons} | {verdict.lost} | {verdict.doubled}"
    return f"| {verdict.name} | {measures} | {counts} |\n"
