"""Events replayed: what comes good, what stays bad and why, and nothing twice, ever."""

import json
from base64 import b64decode
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.registry import REGISTRY
from events.validation import Misfit
from playlake.replaying.archive import FailedArchive
from playlake.replaying.rehearsal import rehearsed
from playlake.replaying.replay import replay
from playlake.replaying.source import Source, Span
from tests.memory_store import Memory, Stepped
from tests.records import ARRIVED, LAB_CLICK, LAB_PLAY, lines, record
from tests.replayable import (
    DAY,
    FAILED,
    PLAYS,
    REJECTED,
    bad,
    error_line,
    fates,
    ids_of,
    lines_under,
    play,
    put,
    put_lines,
    reject,
    replayed,
    rows_of,
    workshop,
)
from transform.identity import identities
from transform.mending.compaction import compact
from transform.mending.presence import EventIds, absent
from transform.mending.replay import Replay
from transform.mending.rewriting import without
from transform.parquet import data_objects
from transform.process import Processor, Settings, process
from transform.records import RawRecord

RAW = f"raw/dt={DAY}/1.json.gz"
TIMED_OUT = "The event was logged too late."


def full() -> Memory:
    """A lake of every trouble."""
    store = Memory()
    put(store, play("there"), play("old"))
    reject(store, "1a", play("good"), bad("bad"), play("there"), play(None, seq=7))
    reject(store, "2b", play("good-2"))
    put_lines(
        store,
        f"{FAILED}/playlake-1-2026-09-21-14-13-20-aa",
        error_line(play("f-1"), bad("f-bad")),
        error_line(play("f-2"), play("old"), arn="lambdaARN"),
        b"no error record\n",
    )
    put_lines(store, RAW, lines(play("there"), play("missing"), play("missing"), bad("raw-bad")))
    return store


def test_rejected_events_that_are_good_now_go_to_their_table_and_the_others_stay():
    store = full()
    tally = replayed(store, Source.REJECTED)
    (made,) = identities([None], [json.dumps(play(None, seq=7)).encode()], [ARRIVED])
    assert fates(tally) == {
        (PLAYS, "came good", None): 3,
        (PLAYS, "there already", None): 1,
        (REJECTED, "stays bad", "wrong_type"): 1,
    }
    assert tally.read == 5
    assert ids_of(store, PLAYS) == sorted(["there", "old", "good", "good-2", made])
    assert ids_of(store, REJECTED) == ["bad"]
    (stays,) = [each for each in tally if each.reason]
    assert stays.example.startswith("bad started_at is not right: ")
    assert '"video_id": "foobarbaz"' in stays.example


def test_what_came_good_is_the_row_that_it_would_have_been():
    store, fresh = Memory(), Memory()
    reject(store, "1a", play("a", received_at=ARRIVED - 9), play("b"))
    replayed(store, Source.REJECTED)
    put(fresh, play("a", received_at=ARRIVED - 9), play("b"))
    assert rows_of(store, PLAYS) == rows_of(fresh, PLAYS)


def test_an_event_keeps_the_id_that_it_was_rejected_under():
    """They were equals in one batch; here the second of them is alone."""
    store = Memory()
    key = reject(store, "1a", play(None), play(None))
    _, second = (row["event_id"] for row in rows_of(store, REJECTED))
    done = without(store, key, lambda rows: pc.not_equal(rows["event_id"], second))
    store.delete(done.replaced)
    replayed(store, Source.REJECTED)
    assert (ids_of(store, PLAYS), ids_of(store, REJECTED)) == ([second], [])


def test_a_payload_that_is_no_text_or_no_base64_stays_as_it_is():
    store = Memory()
    broken = [RawRecord("r", "%%%", ARRIVED), record("s", b'{"event": "\xff"}')]
    (made,) = data_objects(process(broken, ARRIVED).tables)
    store.put(made.key, made.data)
    before = dict(store)
    assert fates(replayed(store, Source.REJECTED)) == {
        (REJECTED, "stays bad", "bad_base64"): 1,
        (REJECTED, "stays bad", "not_utf8"): 1,
    }
    assert store == before


def test_a_file_that_outlived_what_replaced_it_is_not_replayed_beside_it():
    store = Memory()
    keys = [reject(store, "1a", play("good"), bad("bad")), reject(store, "2b", bad("bad-2"))]
    compact(store, REGISTRY.table(REJECTED), DAY, keys)
    assert replayed(store, Source.REJECTED).read == 3
    assert ids_of(store, REJECTED) == ["bad", "bad-2"]
    assert ids_of(store, PLAYS) == ["good"]


def test_what_was_too_late_stays_so_unless_somebody_says_how_late_is_too_late():
    store = Memory()
    reject(store, "1a", play("late"), misfit=Misfit("too_late", "logged_at", TIMED_OUT))
    assert fates(replayed(store, Source.REJECTED)) == {(REJECTED, "stays bad", "too_late"): 1}
    strict = replayed(store, Source.REJECTED, settings=Settings(max_late_days=30))
    assert fates(strict) == {(REJECTED, "stays bad", "too_late"): 1}
    assert ids_of(store, REJECTED) == ["late"]
    mild = replayed(store, Source.REJECTED, settings=Settings(max_late_days=9_000))
    assert fates(mild) == {(PLAYS, "came good", None): 1}
    assert (ids_of(store, PLAYS), ids_of(store, REJECTED)) == (["late"], [])


def test_what_lies_in_its_table_is_not_rejected_beside_it_by_a_bound_set_since():
    store = Memory()
    put(store, play("old"))
    put_lines(store, RAW, *lines(play("old"), play("new"), bad("bad")).splitlines(keepends=True))
    for _ in range(2):
        strict = fates(replayed(store, Source.RAW, settings=Settings(max_late_days=30)))
        assert strict[PLAYS, "there already", None] == 1
    assert strict[REJECTED, "stays bad", "too_late"] == 1
    assert ids_of(store, PLAYS) == ["old"]
    assert ids_of(store, REJECTED) == ["bad", "new"]


def test_failed_records_come_into_the_lake_and_go_on_to_the_raw_archive():
    store = full()
    raw = lines_under(store, "raw/")
    tally = replayed(store, Source.FAILED)
    assert fates(tally) == {
        (PLAYS, "came good", None): 2,
        (PLAYS, "there already", None): 1,
        (REJECTED, "rejected", "wrong_type"): 1,
        (None, "stays bad", "unreadable"): 1,
    }
    assert tally.read == 5
    assert lines_under(store, "failed/") == [b"no error record"]
    assert {"f-1", "f-2"} <= set(ids_of(store, PLAYS))
    assert ids_of(store, PLAYS).count("old") == 1
    new = [json.loads(each)["event_id"] for each in lines_under(store, "raw/") if each not in raw]
    assert sorted(new) == ["f-1", "f-2", "f-bad", "old"]


def test_a_failed_object_of_any_error_type_gzipped_or_not_is_replayed_whole():
    store = Memory()
    store.put(f"failed/format-conversion-failed/dt={DAY}/a", error_line(play("a")))
    text = error_line(play("b")).replace(str(ARRIVED).encode(), f'"{ARRIVED}"'.encode())
    put_lines(store, f"{FAILED}/b.json.gz", text)
    store.put("failed/notes.txt", b"not of the archive")
    replayed(store, Source.FAILED)
    assert ids_of(store, PLAYS) == ["a", "b"]
    assert list(store.keys("failed/")) == ["failed/notes.txt"]


class Poisoned(Processor):
    """A transform that fails at some events, as none should."""

    def process(self, records, now_ms):
        if any(b"poison" in b64decode(each.data) for each in records):
            raise ZeroDivisionError("division by zero")
        return super().process(records, now_ms)


def test_a_record_that_the_transform_fails_at_stays_and_its_neighbours_come_through():
    store = Memory()
    put_lines(store, f"{FAILED}/a", *(error_line(play(each)) for each in ("a", "poison", "b")))
    work = Replay(store, len, Poisoned())
    for _ in range(2):
        for key in list(store.keys("failed/")):
            FailedArchive(store, work)(key)
    assert ids_of(store, PLAYS) == ["a", "b"]
    assert len(lines_under(store, "failed/")) == 1
    counted = fates(work.tally)
    assert counted[None, "stays bad", "unprocessable"] == 2
    assert {each.example for each in work.tally if each.reason} == {
        "ZeroDivisionError: division by zero"
    }


def test_equal_events_without_an_id_are_as_many_as_arrived_however_large():
    store = Memory()
    click = {**LAB_CLICK, "text": "x" * 200_000}
    put_lines(store, f"{FAILED}/a", *[error_line(click)] * 50)
    assert fates(replayed(store, Source.FAILED)) == {("custom_events", "came good", None): 50}
    assert len(set(ids_of(store, "custom_events"))) == 50


def test_the_raw_archive_gives_back_what_the_lake_lost_and_no_more():
    store = full()
    lost = put(store, play("lost-1"), play("lost-2"))
    rows = sorted(rows_of(store, PLAYS), key=lambda row: row["event_id"])
    put_lines(store, RAW + "2", lines(play("lost-1"), play("lost-2"), play("old"), LAB_PLAY))
    del store[lost]
    tally = replayed(store, Source.RAW)
    assert fates(tally) == {
        (PLAYS, "came good", None): 3,
        (PLAYS, "there already", None): 2,
        (REJECTED, "rejected", "wrong_type"): 1,
        (None, "there already", "read_twice"): 1,
        (None, "stays bad", "unstamped"): 1,
    }
    assert tally.read == 8
    found = [row for row in rows_of(store, PLAYS) if row["event_id"] != "missing"]
    assert sorted(found, key=lambda row: row["event_id"]) == rows


def test_what_compaction_made_of_a_day_counts_as_there():
    store = Memory()
    keys = [put(store, play("a")), put(store, play("b"))]
    done = compact(store, REGISTRY.table(PLAYS), "2018-08-29", keys)
    for key in done.replaced:
        store.delete(key)
    put_lines(store, RAW, lines(play("a"), play("b"), play("c")))
    replayed(store, Source.RAW)
    assert ids_of(store, PLAYS) == ["a", "b", "c"]


def test_a_file_that_compaction_takes_while_ids_are_read_is_looked_for_again():
    class Compacting(Memory):
        def get_part(self, key, start, length):
            if key in keys and key in self:
                aside = Memory(self)
                done = compact(aside, REGISTRY.table(PLAYS), "2018-08-29", keys)
                self[done.key] = aside[done.key]
                for each in done.replaced:
                    self.delete(each)
            return super().get_part(key, start, length)

    store, keys = Compacting(), []
    keys += [put(store, play("a")), put(store, play("b"))]
    put_lines(store, RAW, lines(play("a"), play("b")))
    before = set(store)
    assert fates(replayed(store, Source.RAW)) == {(PLAYS, "there already", None): 2}
    assert len(set(store) - before) == 1


def test_an_event_that_lies_rejected_is_there_whatever_it_would_be_now():
    store = Memory()
    reject(store, "1a", play("a"))
    put_lines(store, RAW, lines(play("a")))
    assert fates(replayed(store, Source.RAW)) == {(PLAYS, "there already", None): 1}
    replayed(store, Source.REJECTED)
    assert (ids_of(store, PLAYS), ids_of(store, REJECTED)) == (["a"], [])


def test_a_torn_object_is_named_and_stays_and_the_rest_is_replayed():
    store = full()
    whole = store[RAW]
    store[f"{RAW}-torn"] = whole[: len(whole) // 2]
    torn = f"{FAILED}/torn"
    put_lines(store, torn, error_line(play("t")))
    store[torn] = store[torn][:-9]
    store[f"{REJECTED}/dt={DAY}/part-0.parquet"] = b"PAR1 torn"
    for source in Source:
        tally = replayed(store, source)
        named = [each.example for each in tally if each.reason == "torn"]
        assert len(named) == 1, source
    assert {torn, f"{RAW}-torn", f"{REJECTED}/dt={DAY}/part-0.parquet"} <= set(store)
    assert "missing" in ids_of(store, PLAYS)


def test_only_the_days_that_are_asked_for_are_read():
    store = Memory()
    for day in (1, 2, 3):
        put_lines(store, f"raw/dt=2026-10-0{day}/a.gz", lines(play(f"e-{day}")))
    second = date(2026, 10, 2)
    replayed(store, Source.RAW, Span(second, second))
    assert ids_of(store, PLAYS) == ["e-2"]
    replayed(store, Source.RAW, Span(since=second))
    assert ids_of(store, PLAYS) == ["e-2", "e-3"]


@pytest.mark.parametrize("source", Source)
def test_a_second_run_changes_nothing(source):
    store = full()
    replayed(store, source)
    once = dict(store)
    tally = replayed(store, source)
    assert store == once
    assert {each.fate.value for each in tally} <= {"there already", "stays bad"}


@pytest.mark.parametrize("source", Source)
def test_a_rehearsal_says_the_same_and_changes_nothing(source):
    store = full()
    before = dict(store)
    shop = rehearsed(workshop(store, store), Memory(), Memory())
    said = list(replay(shop, source, Span(), Settings(), lambda *_: None))
    assert store == before
    assert said == list(replayed(store, source))
    assert store != before


@pytest.mark.parametrize("source", Source)
def test_killed_at_any_call_a_second_run_ends_as_if_nothing_had_been(source):
    store = full()
    replayed(store, source)
    ended = summary(store)
    calls = 0
    while True:
        store = full()
        run = Stepped(store, calls, lambda stepped: replayed(stepped, source))
        steps = 0
        while not run.over:
            run.step()
            steps += 1
        assert run.error is None
        replayed(store, source)
        assert summary(store) == ended, f"killed at call {calls}"
        if steps <= calls:
            break
        calls += 1
    assert calls >= 10


def summary(store: Memory) -> object:
    return (
        {table.name: ids_of(store, table.name) for table in REGISTRY.tables},
        sorted(lines_under(store, "failed/")),
        sorted(lines_under(store, "raw/")),
    )


EVENTS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(
    there=st.lists(EVENTS, max_size=3),
    rejected=st.lists(EVENTS, max_size=3),
    failed=st.lists(EVENTS, max_size=3),
    raw=st.lists(EVENTS, max_size=3),
    order=st.lists(st.sampled_from(Source), max_size=6),
)
def test_whatever_is_replayed_in_whatever_order_each_event_is_one_row(
    there, rejected, failed, raw, order
):
    store = Memory()
    held: set[str] = set()
    for events in there:
        new = sorted(set(events) - held)
        held |= set(new)
        if new:
            put(store, *map(play, new))
    for number, events in enumerate(rejected):
        reject(store, f"{number}", *map(play, sorted(set(events))))
    for number, events in enumerate(failed):
        put_lines(store, f"{FAILED}/{number}", *(error_line(play(each)) for each in events))
    for number, events in enumerate(raw):
        put_lines(store, f"raw/dt={DAY}/{number}", lines(*map(play, events)))
    everything = held.union(*rejected, *failed, *raw)
    for source in [*order, *Source]:
        tally = replayed(store, source)
        assert sum(fates(tally).values()) == tally.read
        assert len(set(ids_of(store, PLAYS))) == len(ids_of(store, PLAYS))
    replayed(store, Source.REJECTED)
    assert ids_of(store, PLAYS) == sorted(everything)
    assert ids_of(store, REJECTED) == []


def test_ids_that_are_forgotten_are_read_again():
    store = Memory()
    keys = [put(store, play("a")), put(store, play("b"))]
    ids = EventIds(store, most_bytes=0)
    rows = pa.table({"event_id": ["a", "b", "c"]})
    for _ in range(2):
        assert absent(rows, keys, ids)["event_id"].to_pylist() == ["c"]
