"""Consumers killed at random moments while shards split and merge: a tenth of the torture."""

from io import StringIO

from rich.console import Console

from tests.kinesis.torture import Plan, show, torture

SHORT = Plan(
    events=100_000, kills=3, shards=4, daemons=2, reshards=2, gap=4.0, max_seconds=2.0, seed=1
)


def test_whatever_is_killed_each_acknowledged_event_is_one_row(aws, tmp_path, tell):
    outcome = torture(aws, tmp_path, SHORT)
    console = Console(width=100, record=True, file=StringIO())
    show(outcome, console)
    tell(f"\n{console.export_text()}")
    assert outcome.acknowledged.total() == SHORT.events
    assert (outcome.lost, outcome.doubled) == (0, 0)
    done = [each.what for each in outcome.blows]
    assert sum("killed" in each for each in done) == SHORT.kills
    assert {"child killed", "daemon killed", "shard split", "shards merged"} == set(done)
