"""A person taken out of a lake and its archive: whoever else is in them stays, whatever happens."""

import errno
import gzip
import json
import os
from base64 import b64decode, b64encode
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.drivers.local import LocalCatalog
from events.errors import SettingsError, StoreUnavailable
from events.layout import parse_key
from events.registry import REGISTRY
from playlake.mending.workshop import Workshop
from tests.memory_store import Memory, Stepped
from tests.records import ARRIVED, LAB_PLAY, lines, record
from transform.drivers.file_store import FileStore
from transform.failed import Failed, failed_line
from transform.ledger import Ledger, Place, Totals
from transform.lines import stripped
from transform.mending.compaction import compact
from transform.mending.erasure import MOST_PASSES, Erasure
from transform.mending.person import Person
from transform.parquet import data_objects
from transform.process import process

USER = Person("user_id", "404444")
VIEWER = Person("viewer_id", "anna/ä-7")
PLAY = Person("play_id", "p-1")
RAW = "raw/dt=2026-09-21/1.json.gz"
FAILED = "failed/processing-failed/dt=2026-09-21/1.json.gz"
PLAYS = "video_play_events"

NAMED = [
    (Person("viewer_id", "éa"), rb'{"viewer_id": "\u00E9a'),
    (Person("viewer_id", "😀"), rb'{"viewer_id": "\ud83d\ude00'),
    (USER, b'\xff{"user_id": "\\u003404444"}'),
    (Person("viewer_id", "a/b"), rb'{"viewer_id": "a\/b"'),
    (USER, b'{"userId": 404444}'),
    (USER, b'{"user_id": "404444"}'),
    (USER, b'{"user_id": 404444.0}'),
    (USER, b'{"user_id": 4.04444e5}'),
    (USER, b'{"user_id": 404444, "user_id": 1}'),
    (USER, b'{"by": [{"user": {"UserID": [1, 404444]}}]}'),
    (USER, b'{"user_id": 404444, "cut": "of'),
    (USER, b'"{\\"user_id\\": 404444}"'),
    (USER, b'{"user_id": 404444, "half": "\\ud83d"}'),
    (USER, b"\xff user 404444"),
    (USER, b'{"user_id": 404444, "deep": ' + b"[" * 100_000),
    (VIEWER, '{"viewer_id": "anna/ä-7"}'.encode()),
    (VIEWER, b'{"viewerId": "anna\\/\\u00e4-7"}'),
    (VIEWER, b'{"viewer_id": "anna/\\u00e4-7", '),
    (Person("viewer_id", "12"), b'{"viewer_id": 12}'),
    (PLAY, b'{"playId": "p-1"}'),
]
OTHERS = [
    (USER, b'{"user_id": 4044441}'),
    (USER, b'{"video_duration": 404444}'),
    (USER, b'{"viewer_id": "404444"}'),
    (USER, b'{"user_id": 1404444, "cut": "of'),
    (Person("user_id", "1"), b'{"user_id": true}'),
    (VIEWER, b'{"viewer_id": "anna/a-7", "note": "\\u00e4"}'),
    (PLAY, b'{"play_id": "p-11"}'),
    (PLAY, b"null"),
    (PLAY, b""),
]


@pytest.mark.parametrize(("person", "text"), NAMED)
def test_a_person_is_found_however_the_event_was_written(person, text):
    assert person.named_in(text)


@pytest.mark.parametrize(("person", "text"), OTHERS)
def test_another_is_not_taken_for_them(person, text):
    assert not person.named_in(text)


@given(value=st.text(min_size=1).filter(str.isprintable), ascii_only=st.booleans())
def test_any_id_is_found_in_any_json_that_holds_it(value, ascii_only):
    person = Person("viewer_id", value)
    event = {"a": [{"viewer_id": value}], "user_id": 1}
    assert person.named_in(json.dumps(event, ensure_ascii=ascii_only).encode())
    assert not person.named_in(json.dumps({"viewer_id": value + "x"}).encode())


@pytest.mark.parametrize(
    "wrong", [("viewer_id", ""), ("user_id", str(2**63)), ("play_id", "\ud800")]
)
def test_an_id_that_nothing_can_have_is_refused(wrong):
    with pytest.raises(SettingsError, match=wrong[0]):
        Person(*wrong)


def play(event_id: str, **fields: object) -> dict[str, object]:
    return {**LAB_PLAY, "event_id": event_id, "user_id": 1, **fields}


MIXED = (
    play("a", user_id=404444),
    play("b"),
    play("c", userId="404444"),
    {"type": "video_player", "event": "stall", "video_id": "v", "user_id": 404444, "event_id": "d",
     "logged_at": 1535523716167},
    {"action": "click", "userId": 404444, "event_id": "e"},
    {"action": "click", "userId": 5, "event_id": "f"},
    {"action": "click", "user_id": 404444, "event_id": "g"},
    play("h", user_id="404444"),
    play("i", user_id="5"),
    b'{"user_id": 404444, "torn": "',
    b'\xff404444',
    b'{"torn": 4044441',
)  # fmt: skip
LEFT = ["b", "f", "i"]


def put(lake, *events) -> None:
    for made in data_objects(process([record("r", *events)], ARRIVED)[0]):
        lake.put(made.key, made.data)


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def error_line(*events) -> bytes:
    failed = Failed("Lambda.FunctionError", "it failed", 4, ARRIVED, "arn")
    return failed_line(b64encode(lines(*events)).decode(), ARRIVED, failed)


def filled(lake, archive) -> None:
    put(lake, *MIXED)
    archive.put(RAW, packed(lines(*MIXED)[:60]) + packed(lines(*MIXED)[60:]))
    archive.put(FAILED, packed(error_line(*MIXED) + error_line(MIXED[0]) + b"404444\n5\n"))
    archive.put("raw/dt=2026-09-21/2.json.gz", packed(lines(MIXED[0])))
    archive.put("raw/dt=2026-09-21/3.json.gz", packed(lines(MIXED[1])))
    archive.put("query-results/q.csv", b"user_id\n404444\n")


def erasure(lake, archive, person=USER) -> Erasure:
    return Erasure(person, lake, archive, Workshop("w", lake, archive, len, replace, list).settle)


def replace(_removed, _added) -> None:
    """A catalog that knows no files, as Glue."""


def named_ids(lake) -> list[str]:
    """The ids that the events themselves came with."""
    every = {
        each
        for key in lake
        if parse_key(key)
        for each in pq.ParquetFile(pa.BufferReader(lake[key]))
        .read(["event_id"])["event_id"]
        .to_pylist()
    }
    return sorted(each for each in every if len(each) == 1)


def test_the_person_goes_from_everything_and_everybody_else_stays():
    lake, archive = Memory(), Memory()
    filled(lake, archive)
    untouched = archive["raw/dt=2026-09-21/3.json.gz"]
    work = erasure(lake, archive)
    assert work.erase()
    assert named_ids(lake) == LEFT
    assert (
        gzip.decompress(archive[RAW]).splitlines()
        == lines(*(MIXED[each] for each in (1, 5, 8, 11))).splitlines()
    )
    first, last = gzip.decompress(archive[FAILED]).splitlines()
    assert b64decode(json.loads(first)["rawData"]) == gzip.decompress(archive[RAW])
    assert json.loads(first)["attemptsMade"] == 4
    assert last == b"5"
    assert archive["raw/dt=2026-09-21/3.json.gz"] == untouched
    assert "raw/dt=2026-09-21/2.json.gz" not in archive
    done = work.passes[0]
    assert done.found == {
        "video_play_events": 2, "video_player_events": 1, "custom_events": 2, "rejected_events": 3,
        "raw": 9, "failed": 10,
    }  # fmt: skip
    assert len(work.passes) == 2
    assert RAW in done.rewritten
    assert "raw/dt=2026-09-21/2.json.gz" in done.deleted
    assert work.drop_results() == ["query-results/q.csv"]


def test_a_second_time_changes_nothing_and_one_look_is_enough():
    lake, archive = Memory(), Memory()
    filled(lake, archive)
    assert erasure(lake, archive).erase()
    before = dict(lake), dict(archive)
    again = erasure(lake, archive)
    assert again.erase()
    assert (dict(lake), dict(archive)) == before
    assert [each.found for each in again.passes] == [{}]


def test_an_event_with_a_field_like_an_error_records_is_an_event():
    event = b'{"user_id": 404444, "rawData": "AAAA"}\n'
    assert stripped(event + b"5\n", USER, write=True) == (b"5\n", 1, 1, (event,))


def test_looking_changes_nothing_and_names_the_files():
    lake, archive = Memory(), Memory()
    filled(lake, archive)
    before = dict(lake), dict(archive)
    work = erasure(lake, archive)
    assert not work.look()
    assert (dict(lake), dict(archive)) == before
    (done,) = work.passes
    assert {RAW, FAILED} < set(done.holding)
    assert {name.split("/")[1] for name in done.holding if name.startswith("lake/")} == {
        table.name for table in REGISTRY.tables
    }
    assert done.rewritten == []


@pytest.mark.parametrize("person", [VIEWER, PLAY])
def test_text_ids_are_found_in_their_columns(person):
    lake, archive = Memory(), Memory()
    put(lake, play("a", **{person.field: person.value}), play("b", **{person.field: "another"}))
    assert erasure(lake, archive, person).erase()
    assert named_ids(lake) == ["b"]


def stepped(calls: int) -> tuple[Memory, int]:
    """A bucket in which an erasure was killed at this call; and how many calls it made."""
    bucket = Memory()
    filled(Prefixed(bucket), bucket)
    work = Stepped(bucket, calls, lambda store: erasure(Prefixed(store), store).erase())
    steps = 0
    while not work.over:
        work.step()
        steps += 1
    assert work.error is None
    return bucket, steps


def test_killed_at_each_of_its_calls_a_second_run_does_the_rest():
    whole, calls = stepped(10**6)
    assert calls > 40
    for call in range(calls):
        bucket, _ = stepped(call)
        again = erasure(Prefixed(bucket), bucket)
        assert again.erase()
        lake = {key.removeprefix("lake/"): bucket[key] for key in bucket if "lake/" in key}
        assert named_ids(lake) == LEFT
        # A file and its successor may both have been there, as two that hold the same events.
        archived = [key for key in bucket if "lake/" not in key]
        assert {key: bucket[key] for key in archived} == {key: whole[key] for key in archived}


class Prefixed:
    """The lake in a store that holds the archive, too."""

    def __init__(self, store) -> None:
        self._store = store

    def put(self, key, data):
        self._store.put(f"lake/{key}", data)

    def get(self, key):
        return self._store.get(f"lake/{key}")

    def get_part(self, key, start, length):
        return self._store.get_part(f"lake/{key}", start, length)

    def entries(self, prefix=""):
        found = self._store.entries(f"lake/{prefix}")
        return [each._replace(key=each.key.removeprefix("lake/")) for each in found]

    def delete(self, key):
        self._store.delete(f"lake/{key}")


class Compacting(Memory):
    """A lake in which compactions that had read the files before end `times` times, after that."""

    times = 0

    def delete(self, key):
        before = dict(self)
        super().delete(key)
        if self.times and key in before:
            self.times -= 1
            table, dt = parse_key(key)
            done = compact(Memory(before), REGISTRY.table(table), dt, [key])
            made = Memory(before)
            compact(made, REGISTRY.table(table), dt, [key])
            self.put(f"{done.key[:-8]}{self.times}.parquet", made[done.key])


@pytest.mark.parametrize(("times", "proven"), [(1, True), (2, True), (MOST_PASSES, False)])
def test_what_a_compaction_brings_back_is_removed_again_a_few_times(times, proven):
    lake = Compacting()
    put(lake, play("a", user_id=404444), play("b"))
    lake.times = times
    work = erasure(lake, Memory())
    assert work.erase() is proven
    assert len(work.passes) == (times + 2 if proven else MOST_PASSES)


def test_a_file_that_goes_between_list_and_look_is_looked_for_again():
    class Vanishing(Memory):
        def get(self, key):
            if (data := self.pop(key, None)) is None:
                raise KeyError(key)
            self[key.replace("part-", "part-z")] = data
            self.get = super().get
            return self[key]

    lake = Vanishing()
    put(lake, play("a", user_id=404444), play("b"))
    work = erasure(lake, Memory())
    assert work.erase()
    assert len(work.passes[0].moved) == 1
    assert named_ids(lake) == ["b"]


@pytest.mark.parametrize("torn", ["raw", "lake"])
def test_of_a_file_that_cannot_be_read_nothing_is_proven_and_the_rest_is_done(torn):
    lake, archive = Memory(), Memory()
    filled(lake, archive)
    if torn == "raw":
        name = key = "raw/dt=2026-09-21/0.json.gz"
        archive[key] = archive[RAW][:-9]
    else:
        key = f"{PLAYS}/dt=2018-08-29/part-0.parquet"
        name = f"lake/{key}"
        lake[key] = b"PAR1 torn"
    work = erasure(lake, archive)
    assert not work.erase()
    assert list(work.passes[-1].unreadable) == [name]
    assert work.passes[-1].holding == []
    lake.pop(key, None)
    assert named_ids(lake) == LEFT


def test_nothing_is_proven_where_a_folder_cannot_be_listed(tmp_path, monkeypatch):
    store = FileStore(tmp_path)
    filled(store, store)
    look = erasure(store, store)
    listing = os.scandir

    def denied(folder):
        if Path(folder).name == "raw":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return listing(folder)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(StoreUnavailable, match=r"cannot list .*/raw: Permission denied"):
        look.look()


def test_progress_is_told_to_the_last_byte():
    lake, archive = Memory(), Memory()
    filled(lake, archive)
    told = []
    work = erasure(lake, archive)
    work.tell = lambda done, total: told.append((done, total))
    work.look()
    assert told[-1][0] == told[-1][1] == work.passes[0].bytes
    assert len(told) == work.passes[0].files


def test_a_catalog_of_files_counts_what_is_left_and_no_more(tmp_path):
    lake, archive = FileStore(tmp_path / "lake"), FileStore(tmp_path)
    put(lake, *MIXED)
    with LocalCatalog(tmp_path / "lake", tmp_path / "catalog.db") as catalog:
        catalog.sync()
        shop = Workshop("w", lake, archive, catalog.register, catalog.replace, catalog.sync)
        assert Erasure(USER, lake, archive, shop.settle).erase()
        assert sum(each.rows for each in catalog.files(PLAYS)) == 1
        changed = catalog.sync()
        assert (changed.added, changed.dropped, changed.skipped) == ((), (), ())


def test_nothing_is_proven_while_a_consumer_has_begun_a_batch():
    """Whoever goes on with the batch of a worker that died writes all of it again."""
    lake, archive = Memory(), Memory()
    ledger = Ledger(archive, "plays", "shard-0")
    ledger.load()
    ledger.begin(Place(7), 1)
    looks = erasure(lake, archive)
    assert not looks.erase()
    assert looks.passes[-1].under_way == ["consumed/plays/shard-0.json"]
    ledger.complete(Place(7), 0, Totals(batches=1))
    assert erasure(lake, archive).look()
