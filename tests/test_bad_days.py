"""Commands for a bad day beside one another and compaction: nothing is lost, nobody returns."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.drivers.local import LocalCatalog
from events.layout import REPLACES
from events.registry import REGISTRY
from ingest.drivers.spool import Spool
from playlake.auditing.absences import withdrawn
from playlake.auditing.audit import Account, Audit
from playlake.auditing.erased import note_erased
from playlake.local.folder import DataFolder
from playlake.mending.retention import Retention
from playlake.mending.workshop import Workshop
from playlake.replaying.replay import replay
from playlake.replaying.source import Source
from tests.conftest import run_playlake
from tests.memory_store import Killed, Memory
from tests.records import ARRIVED, lines
from tests.replayable import (
    DAY,
    EVER,
    FAILED,
    LENIENT,
    PLAYS,
    REJECTED,
    bad,
    error_line,
    ids_of,
    play,
    put,
    put_lines,
    reject,
    replayed,
    workshop,
)
from tests.sweeping import sweep
from transform.drivers.file_store import FileStore
from transform.mending.compaction import compact, superseded
from transform.mending.erasure import Erasure
from transform.mending.person import Person
from transform.mending.rewriting import without
from transform.mending.tally import Fate
from transform.parquet import encode

ANNA = Person("user_id", "1")
RAW = f"raw/dt={DAY}/1.json.gz"
TODAY = date.fromisoformat(DAY)


def compacted(lake: Memory, *events: dict[str, object]) -> str:
    key = put(lake, *events)
    made = compact(lake, REGISTRY.table(PLAYS), DAY, [key])
    lake.delete(key)
    return made.key


def audit(store: Memory) -> Audit:
    """Of a store that is lake and archive."""
    return Audit(store, store, Account())


def damage_page(data: bytes) -> bytes:
    """The file with its first page overwritten and a whole footer: to pyarrow an OSError."""
    return data[:4] + bytes(64) + data[68:]


def foreign(_data: bytes) -> bytes:
    """Parquet of somebody else's, under a name of ours."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"event_id": [{"a": 1}], "received_at": [[1]], "user_id": [[1]]}), sink)
    return bytes(sink.getvalue())


def test_a_sweep_in_the_midst_of_an_erasure_loses_nobody_else():
    lake = Memory()
    key = compacted(lake, play("anna", user_id=1), play("bob", user_id=2))
    without(lake, key, ANNA.among)  # and before the file that it replaces is deleted:
    sweep(lake)
    lake.delete(key)
    assert ids_of(lake, PLAYS) == ["bob"]


def test_a_sweep_after_a_killed_erasure_does_not_bring_the_person_back():
    lake = Memory()
    key = compacted(lake, play("anna", user_id=1), play("bob", user_id=2))
    without(lake, key, ANNA.among)
    put(lake, play("carl", user_id=3))
    sweep(lake)
    assert ids_of(lake, PLAYS) == ["bob", "carl"]


def test_files_that_name_each_other_both_count_and_a_chain_ends_in_its_last():
    assert superseded({"a": ["b"], "b": ["a"]}) == set()
    assert superseded({"a": ["a"]}) == set()
    assert superseded({"a": [], "b": ["a"], "c": ["b", "gone"]}) == {"a", "b"}
    assert superseded({"a": ["b"], "b": ["a"], "c": ["b"]}) == {"a", "b"}


def test_a_rejected_event_survives_files_that_name_each_other():
    lake = Memory()
    first = reject(lake, "1a", bad("x"))
    rows = pq.read_table(pa.BufferReader(lake[first]), partitioning=None)
    second = first.replace("1a", "2b")
    lake[first] = encode(rows, {REPLACES: json.dumps([second])})
    lake[second] = encode(rows, {REPLACES: json.dumps([first])})
    replayed(lake, Source.REJECTED)
    assert set(ids_of(lake, REJECTED)) == {"x"}


@pytest.mark.parametrize("damage", [damage_page, foreign], ids=["damaged", "foreign"])
def test_a_damaged_file_stops_no_command_and_is_named(damage):
    lake = Memory()
    key = put(lake, *(play(f"e{n}") for n in range(200)))
    lake[key] = damage(lake[key])
    put(lake, play("whole"))
    put_lines(lake, RAW, lines(play("whole")), lines(play("missing")))

    assert sweep(lake).to_dict()["unreadable"]
    assert [each.missing for each in audit(lake).days(TODAY, TODAY)] == [1]
    tally = replayed(lake, Source.RAW)
    assert tally.total(Fate.GOOD) == 1
    (audited,) = (found := audit(lake)).days(TODAY, TODAY)
    assert audited.is_whole
    assert found.unreadable == {key}


@pytest.mark.parametrize("names", ["5", "[[]]", "{}", "no JSON"])
def test_a_file_that_replaces_nobody_knows_what_is_unreadable_and_not_a_crash(names):
    lake = Memory()
    key = put(lake, play("a"))
    rows = pq.read_table(pa.BufferReader(lake[key]), partitioning=None)
    lake[key] = encode(rows, {REPLACES: names})
    put(lake, play("b"))
    assert sweep(lake).to_dict()["unreadable"]
    assert len(lake) == 2


def test_of_a_file_whose_ids_are_of_another_kind_an_erasure_proves_nothing():
    lake = Memory()
    key = put(lake, play("a"))
    lake[key] = foreign(b"")
    erasure = Erasure(ANNA, lake, lake, workshop(lake, lake).settle)
    assert not erasure.look()
    assert set(erasure.passes[-1].unreadable) == {f"lake/{key}"}


def test_two_persons_erased_at_once_are_withdrawn_once_each():
    store = Memory()
    put_lines(store, RAW, *(lines(play(f"e{user}", user_id=user)) for user in (1, 2, 3)))

    def note_and_die(key: str, events: Sequence[bytes]) -> None:
        note_erased(store, key, events)
        raise Killed

    settle = workshop(store, store).settle
    interrupted = Erasure(ANNA, store, store, settle, note_and_die)
    with pytest.raises(Killed):
        interrupted.erase()
    for user in ("2", "1"):
        person = Person("user_id", user)
        assert Erasure(person, store, store, settle, partial(note_erased, store)).erase()
    assert withdrawn(store, DAY) == 2


def test_a_day_that_was_dropped_is_replayed_each_time_it_was_dropped(tmp_path):
    store = FileStore(tmp_path)
    put_lines(store, RAW, lines(play("a")), lines(play("b")))
    with LocalCatalog(tmp_path / "lake", tmp_path / "catalog.db") as catalog:
        lake = FileStore(tmp_path / "lake")
        shop = Workshop("w", lake, store, catalog.register, catalog.replace, catalog.sync)
        for _ in range(2):
            replay(shop, Source.RAW, EVER, LENIENT, lambda *_: None)
            assert sum(file.rows for file in catalog.files(PLAYS)) == 2
            retention = Retention(shop, date(2027, 1, 1), [PLAYS], archive=False)
            retention.drop(retention.expired(), lambda _: None)
            assert not catalog.files(PLAYS)


@pytest.mark.parametrize("days", [("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")])
def test_an_audit_of_the_first_and_the_last_days_of_all_is_empty(days):
    first, last = map(date.fromisoformat, days)
    assert not list(audit(Memory()).days(first, last))


def test_an_id_that_a_client_chose_gives_no_commands_to_the_terminal(tmp_path):
    line = play("\x1b]0;owned\x07\x1b[2J", received_at=ARRIVED)
    put_lines(FileStore(tmp_path), RAW, lines(line))
    (tmp_path / "lake").mkdir()
    LocalCatalog(tmp_path / "lake", DataFolder(tmp_path).catalog).close()
    Spool(DataFolder(tmp_path).spool).close()
    ran = run_playlake("audit", "--since", DAY, "--until", DAY, "--data", tmp_path)
    assert ran.code == 1
    assert "\x1b]" not in ran.out
    assert "\\u001b]0;owned" in ran.out


def test_an_audit_of_every_day_that_could_be_ends_and_asks_the_reports(tmp_path):
    with LocalCatalog(tmp_path / "lake", tmp_path / "catalog.db") as catalog:
        catalog.register([put(FileStore(tmp_path / "lake"), play("a"))])
    Spool(DataFolder(tmp_path).spool).close()
    every = ("--since", "0001-01-01", "--until", "9999-12-31", "--data", tmp_path)
    ran = run_playlake("audit", *every)
    assert ran.code == 0
    assert "Of 1 events of these days 0" in ran.out
    assert "Nothing that was accepted is missing." in ran.out


def test_an_audit_of_all_time_looks_through_no_years_without_anything():
    looked: list[str] = []

    class Counting(Memory):
        def keys(self, prefix: str = "") -> Iterator[str]:
            looked.append(prefix)
            return super().keys(prefix)

    store = Counting()
    put(store, play("a"))
    put_lines(store, RAW, lines(play("a")), lines(play("b")))
    put_lines(store, f"{FAILED}/1", error_line(play("c")))
    (audited,) = audit(store).days(date.min, TODAY)
    assert (audited.archived, audited.missing, audited.failed) == (2, 1, 1)
    assert len(looked) < 20_000
