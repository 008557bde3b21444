"""The consumer of a shard, without a stream: records in order, killed wherever it may be."""

import base64
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import PlaylakeError
from events.layout import parse_key
from tests.memory_store import Killed, Memory, Stepped
from tests.records import ARRIVED, LAB_CLICK, lines
from tests.shard import DAY_MS, Lake, consumer, ids, lines_of, record_at, records
from tests.sweeping import sweep
from transform.committing import Writer
from transform.consumer import Clock, Misplaced, ShardConsumer
from transform.drivers.file_store import FileStore
from transform.gathering import StreamRecord
from transform.ledger import (
    Ledger,
    OtherStream,
    Overtaken,
    Place,
    Standing,
    Totals,
    decode,
    encode,
)
from transform.mending.rewriting import without
from transform.process import Processor


def test_a_full_batch_is_committed_and_the_place_to_checkpoint_is_its_end():
    lake, heard, known = Lake(), [], set()
    shard = consumer(lake, size=2_000, heard=heard, known=known)
    shard.start(None)
    given = records(9)
    assert shard.take(given) == given[7].place  # 4 records are over 2,000 bytes
    assert [each.through for each in heard] == [given[3].place, given[7].place]
    assert lake.rows() == ids(given[:8])
    assert known == {key for key in lake if parse_key(key)}
    assert shard.standing.totals == Totals(2, 8, 16, len(known))
    assert shard.flush() == given[8].place
    assert lake.rows() == ids(given)
    assert lake.raw() == lines_of(given)
    assert shard.flush() is None


def test_a_batch_is_one_file_a_partition():
    lake = Lake()
    shard = consumer(lake, size=10**6)
    shard.start(None)
    shard.take(records(30))
    shard.flush()
    partitions = [parse_key(key) for key in lake if parse_key(key)]
    assert len(partitions) == len(set(partitions)) == 4  # three days of plays, one of rejects


def test_a_batch_is_committed_when_it_is_old_enough_though_nothing_more_comes():
    now = [100.0]
    shard = consumer(lake := Lake(), clock=Clock(lambda: now[0], lambda: ARRIVED), size=10**6)
    shard.start(None)
    assert shard.take(records(1)) is None
    now[0] = 159.9
    assert shard.take([]) is None
    now[0] = 160.0
    assert shard.take([]) == record_at(0).place
    assert lake.rows() == ids(records(1))
    now[0] = 1_000.0
    assert shard.take([]) is None  # nothing was gathered: there is nothing to commit


def test_records_that_were_committed_are_skipped_when_they_come_again():
    lake = Lake()
    first = consumer(lake)
    first.start(None)
    first.take(records(6))
    first.flush()
    again = consumer(lake)
    assert again.start(record_at(1).place).through == record_at(5).place
    again.take(records(8))
    again.flush()
    assert lake.rows() == ids(records(8))


def test_a_record_that_comes_again_before_it_is_committed_is_taken_once():
    """Its event has no id: of two in one batch each would get one of its own."""
    without_id = replace(record_at(0), data=base64.b64encode(lines(LAB_CLICK)).decode())
    shard = consumer(lake := Lake(), size=10**6)
    shard.start(None)
    shard.take([without_id, record_at(1)])
    shard.take([without_id, record_at(1), record_at(2)])
    shard.flush()
    assert len(lake.rows()) == 1 + len(ids([record_at(1), record_at(2)]))


def test_records_of_one_aggregate_are_told_apart():
    """The KPL packs records into one: they have its sequence number, and one of their own."""
    packed = [StreamRecord(Place(7, sub), record_at(sub).data, ARRIVED) for sub in range(3)]
    lake = Lake()
    shard = consumer(lake, size=1)
    shard.start(None)
    assert shard.take(packed[:2]) == Place(7, 1)
    again = consumer(lake)
    again.start(Place(7, 0))
    again.take(packed)
    again.flush()
    assert lake.rows() == ids(records(3))


def test_a_checkpoint_beyond_the_lake_is_refused():
    shard = consumer(Lake())
    with pytest.raises(Misplaced, match=r"shard-0 was read through 5.*nothing.*--application"):
        shard.start(Place(5))


def test_of_two_that_have_the_shard_one_is_overtaken_and_writes_nothing():
    lake = Lake()
    late, prompt = consumer(lake), consumer(lake)
    late.start(None)
    prompt.start(None)
    late.take(records(1))
    prompt.take(records(2))
    prompt.flush()
    before = dict(lake)
    with pytest.raises(Overtaken, match="another consumer of the shard"):
        late.flush()
    assert lake == before


def test_a_batch_whose_file_was_rewritten_meanwhile_is_not_written_beside_what_is_left_of_it():
    """A writer died between its files and its last word; then somebody of the batch was erased."""
    lake = Lake()
    dying = _CountedDown(lake, 6)  # load, begin, and the day's files
    with suppress(Killed):
        _consume(dying, records(6), size=10**6)
    before = {key for key in lake if parse_key(key)}
    assert before
    for key in before:
        rewritten = without(lake, key, lambda rows: pc.equal(rows["event_id"], "1-0"))
        if rewritten:
            lake.delete(rewritten.replaced)
    rest = consumer(lake, size=10**6)
    assert rest.start(None).begun is not None
    rest.take(records(6))
    rows = [each for each in lake.rows() if each != "1-0"]
    assert rows == [each for each in ids(records(6)) if each != "1-0"]


def test_half_of_a_batch_that_another_began_is_not_committed_when_it_stops():
    lake = Lake()
    dying = Stepped(lake, 3, lambda held: _consume(held, records(6)))
    while not dying.over:
        dying.step()
    half = consumer(lake, size=10**6)
    begun = half.start(None).begun
    assert begun is not None
    half.take(records(1))
    assert half.flush() is None
    whole = consumer(lake, size=10**6)
    whole.start(None)
    assert whole.take(records(6)) == begun
    whole.flush()
    assert lake.rows() == ids(records(6))


def test_what_a_batch_began_with_and_the_stream_forgot_is_said_and_the_rest_goes_on(caplog):
    lake = Lake()
    dying = Stepped(lake, 2, lambda held: _consume(held, records(6)))
    while not dying.over:
        dying.step()
    after = consumer(lake)
    begun = after.start(None).begun
    given = [each for each in records(10) if each.place > begun]
    with caplog.at_level(logging.ERROR, "playlake.consumer"):
        after.take(given)
        after.flush()
    assert "are no longer in the stream" in caplog.text
    assert "retention" in caplog.text
    assert lake.rows() == ids(given)


def test_a_shard_that_ended_is_in_the_lake_to_its_last_record_and_says_so():
    lake = Lake()
    shard = consumer(lake, size=10**6)
    shard.start(None)
    shard.take(records(3))
    shard.end()
    assert lake.rows() == ids(records(3))
    assert consumer(lake).start(None).ended


def test_of_a_batch_whose_first_records_the_stream_forgot_no_row_is_there_twice(caplog):
    lake = Lake()
    dying = Stepped(lake, 5, lambda held: _consume(held, records(6), size=10**6))
    while not dying.over:
        dying.step()
    written = lake.rows()
    assert written
    after = consumer(lake, size=10**6)
    after.start(None)
    with caplog.at_level(logging.ERROR, "playlake.consumer"):
        after.take(records(8)[2:])
    after.flush()
    assert caplog.text.count("are no longer in the stream") == 1
    assert lake.rows() == sorted({*written, *ids(records(8)[2:])})


def test_a_shard_that_ends_with_a_batch_that_the_stream_forgot_says_so(caplog):
    lake = Lake()
    dying = Stepped(lake, 2, lambda held: _consume(held, records(6)))
    while not dying.over:
        dying.step()
    after = consumer(lake)
    begun = after.start(None).begun
    with caplog.at_level(logging.ERROR, "playlake.consumer"):
        after.end()
    assert "are no longer in the stream" in caplog.text
    ended = consumer(lake).start(None)
    assert (ended.through, ended.begun, ended.ended) == (begun, None, True)


def test_a_stream_of_the_same_name_elsewhere_is_refused_before_its_records_are_skipped():
    lake = Lake()
    arn = "arn:aws:kinesis:{}:123456789012:stream/plays"
    ledger = Ledger(lake, "plays", "shard-0", arn.format("eu-west-1"))
    ledger.load()
    ledger.complete(Place(10**6), ARRIVED, Totals())
    assert Ledger(lake, "plays", "shard-0", arn.format("eu-west-1")).load().through
    with pytest.raises(OtherStream, match=r"eu-west-1.*us-east-1.*a lake of its own"):
        Ledger(lake, "plays", "shard-0", arn.format("us-east-1")).load()


def test_records_that_came_after_what_is_committed_are_not_skipped_by_their_numbers():
    """A stream made anew whose numbers begin again, as some emulators do."""
    lake = Lake()
    _consume(lake, records(6))
    shard = consumer(lake)
    shard.start(None)
    young = replace(record_at(1), arrived_ms=ARRIVED + DAY_MS)
    with pytest.raises(Misplaced, match=r"shard-0.*1010.*came later.*consumed/"):
        shard.take([young])


def test_records_that_a_machine_with_a_clock_behind_committed_are_skipped_when_they_come_again():
    lake = Lake()
    for _ in range(2):
        shard = consumer(lake, clock=Clock(lambda: 0.0, lambda: ARRIVED - DAY_MS))
        shard.start(None)
        shard.take(records(3))
        shard.flush()
    assert lake.rows() == ids(records(3))


def test_a_shard_that_has_records_after_its_end_has_not_ended():
    """As that of a stream which was resharded, deleted, and made anew by the same name."""
    lake = Lake()
    old = consumer(lake)
    old.start(None)
    old.take(records(2))
    old.end()
    new = consumer(lake)
    new.start(None)
    new.take(records(6))
    new.flush()
    assert not consumer(lake).start(None).ended


def test_a_folder_is_consumed_like_a_bucket(tmp_path):
    root = FileStore(tmp_path)
    shard = ShardConsumer(
        Ledger(root, "plays", "shard-0"),
        Processor(),
        Writer(FileStore(tmp_path / "lake"), root, set().update, "plays-shard-0"),
    )
    shard.start(None)
    shard.take([*records(2), _click()])
    shard.flush()
    assert Ledger(root, "plays", "shard-0").load().through == _click().place
    assert {key.split("/")[0] for key, *_ in FileStore(tmp_path / "lake").entries()} == {
        "custom_events",
        "rejected_events",
        "video_play_events",
    }


def _click() -> StreamRecord:
    return StreamRecord(Place(9_999), base64.b64encode(lines(LAB_CLICK)).decode(), ARRIVED)


@given(
    st.builds(
        Standing,
        st.none() | st.builds(Place, st.integers(0, 2**128), st.integers(0, 9)),
        st.none() | st.builds(Place, st.integers(0, 2**128), st.integers(0, 9)),
        st.booleans(),
        st.integers(0, 2**53),
        st.builds(Totals, st.integers(0, 2**53), st.integers(0, 2**53)),
        st.integers(0, 2**31),
        st.sampled_from(["", "arn:aws:kinesis:eu-west-1:123456789012:stream/plays"]),
    )
)
def test_a_standing_survives_being_written(standing):
    assert decode(encode(standing), "key") == standing
    assert encode(standing) != encode(standing)


def test_a_standing_of_a_newer_playlake_is_refused():
    for newer in (b'{"format": 2, "nonce": "a"}', b'{"format": 2, "through": {"shard": 1}}'):
        with pytest.raises(PlaylakeError, match=r"^key has the format 2.*run the newer one"):
            decode(newer, "key")


@pytest.mark.parametrize("data", [b"not json", b"", b"\xff", b'{"format": 1, "nonce": ""'])
def test_a_standing_that_is_none_is_named(data):
    with pytest.raises(PlaylakeError, match=r"^key, .* cannot be read.*delete it"):
        decode(data, "key")


def _consume(store: object, given: Sequence[StreamRecord], read: int = 3, size: int = 900) -> None:
    """What the reader does from the start of the stream: some records at a time, to the end."""
    shard = consumer(store, size=size)
    shard.start(None)
    for start in range(0, len(given), read):
        shard.take(given[start : start + read])
    shard.flush()


@settings(max_examples=80, deadline=None)
@given(
    deaths=st.lists(
        st.tuples(st.integers(0, 25), st.integers(1, 9), st.integers(200, 4_000), st.booleans()),
        max_size=6,
    ),
    count=st.integers(1, 24),
)
def test_wherever_it_is_killed_each_event_is_one_row_and_no_reader_ever_sees_it_twice(
    deaths, count
):
    """Each that dies reads and cuts in its own way, and compaction may come in between."""
    lake, given = Lake(), records(count)
    for calls, read, size, compacted in deaths:
        held = _CountedDown(lake, calls)
        with suppress(Killed):
            _consume(held, given, read, size)
        rows = lake.rows()
        assert len(rows) == len(set(rows))
        if compacted:
            sweep(lake)
    _consume(lake, given)
    assert lake.rows() == ids(given)
    assert lake.raw() == lines_of(given)


class _CountedDown:
    """A store whose process is killed before its `calls`-th call, which no other step follows."""

    def __init__(self, store: Memory, calls: int) -> None:
        self._store, self._calls = store, calls

    def __getattr__(self, name: str):
        def call(*arguments: object) -> object:
            self._calls -= 1
            if self._calls < 0:
                raise Killed
            return getattr(self._store, name)(*arguments)

        return call


@settings(max_examples=80, deadline=None)
@given(
    turns=st.lists(st.integers(0, 1), min_size=1, max_size=60),
    calls=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    sizes=st.tuples(st.integers(200, 4_000), st.integers(200, 4_000)),
    count=st.integers(1, 12),
)
def test_two_that_both_believe_the_shard_to_be_theirs_never_write_an_event_twice(
    turns, calls, sizes, count
):
    lake, given = Lake(), records(count)
    two = [
        Stepped(lake, each, lambda held, size=size: _consume(held, given, 2, size))
        for each, size in zip(calls, sizes, strict=True)
    ]
    for turn in [*turns, *[0] * 70, *[1] * 70]:
        if not two[turn].over:
            two[turn].step()
        rows = lake.rows()
        assert len(rows) == len(set(rows))
    assert all(each.over for each in two)
    assert {type(each.error) for each in two} <= {type(None), Overtaken}
    _consume(lake, given)
    assert lake.rows() == ids(given)
