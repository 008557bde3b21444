"""Each fault of AWS, caused a few times: nothing that was answered 200 is lost, nothing doubled."""

import os

from tests.batch_double import FailRecords
from tests.torture import glue_faults
from tests.torture.function import Function
from tests.torture.stack import event, part, stack


def test_an_hour_without_glue_is_over_with_the_first_sync_after_it():
    (row,) = glue_faults.down(1, 2)
    assert 3600 < row.median_recovery <= 2 * 3600 + 60


def test_a_row_tells_of_what_was_acknowledged_and_never_delivered():
    with stack(1) as deployed:
        deployed.tracker.send(5)
        deployed.firehose.take()
        row = deployed.row("nothing delivered", 1)
    assert (row.lost, row.doubled) == (row.acknowledged, 0)
    assert row.acknowledged > 5


def test_a_row_tells_of_what_the_catalog_does_not_know():
    with stack(1) as deployed:
        assert deployed.transform(deployed.batch(5))
        row = deployed.row("no catalog", 1, seen=lambda _key: False)
    assert row.lost == row.acknowledged > 5


def test_a_row_tells_of_events_that_are_in_two_objects(monkeypatch):
    monkeypatch.setattr("tests.torture.stack.Stack.compact", lambda _: True)
    with stack(1) as deployed:
        batch = deployed.batch(5)
        assert deployed.transform(batch)
        assert deployed.transform(part(batch, 0, len(batch.records) // 2))
        row = deployed.row("no compaction", 1)
    assert row.lost == 0
    assert row.doubled > 0


def test_a_tracker_counts_on_nothing_that_was_answered_503():
    with stack(1) as deployed:
        deployed.firehose.faults.extend([FailRecords(frozenset(range(500)))] * 2_000)
        deployed.tracker.send(1)
        assert deployed.tracker.acknowledged == set()
        assert deployed.tracker.unstored > 1


def test_a_function_that_was_killed_answers_nothing_and_is_there_for_the_next_batch():
    with stack(1) as deployed, Function(os.environ) as function:
        batch = deployed.batch(2)
        function.kill()
        assert function.invoke(event(batch)) is None
        assert len(function.invoke(event(batch))["records"]) == len(batch.records)
