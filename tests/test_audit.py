"""What was accepted is in the lake, or the audit names it."""

import gzip
import json
import re
import shutil
import sqlite3
from base64 import b64encode
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.registry import REGISTRY
from ingest.drivers.spool import Spool, read_acceptance
from playlake.auditing.absences import note_cutoff, note_withdrawal
from playlake.auditing.accounts import folder_account
from playlake.auditing.audit import Account, Audit, DayAudit
from tests.conftest import run_playlake
from tests.deployed import BUCKET, NAME, OUTPUTS, cloud
from tests.memory_store import Memory
from tests.records import LAB_PLAY
from transform.failed import Failed, failed_line
from transform.mending.compaction import compact
from transform.parquet import data_objects
from transform.process import process
from transform.records import RawRecord

DAY = date(2026, 9, 21)
NEXT = DAY + timedelta(days=1)
NOON = 1_790_000_000_000  # of that day, or a little later
MIDNIGHT = int(datetime(2026, 9, 22, tzinfo=UTC).timestamp()) * 1_000
LONG_AGO = 1_535_523_716_167


def line(event_id: object, received_at: int = NOON, **fields: object) -> bytes:
    """A line as the collector writes it, of a play of the moment it was received in."""
    event = {**LAB_PLAY, "logged_at": received_at, "event_id": event_id, **fields}
    return json.dumps({**event, "received_at": received_at}, separators=(",", ":")).encode() + b"\n"


class Site:
    """A lake and its archive in memory, filled as a delivery would."""

    def __init__(self) -> None:
        self.lake, self.archive = Memory(), Memory()

    def deliver(self, *lines: bytes, dt: date = DAY, name: str = "0", lake: bool = True) -> None:
        """Archive a batch's lines and, if its rows arrived there, write them to the lake."""
        self.archive.put(f"raw/dt={dt}/{name}.json.gz", gzip.compress(b"".join(lines)))
        if lake:
            self.write(*lines)

    def write(self, *lines: bytes) -> None:
        """The lines' rows alone."""
        record = RawRecord("r", b64encode(b"".join(lines)), NOON)
        for each in data_objects(process([record], NOON).tables):
            self.lake.put(each.key, each.data)

    def audit(self, account: Account | None = None, day: date = DAY) -> DayAudit | None:
        """The day's audit."""
        days = Audit(self.lake, self.archive, account or Account()).days(day, day)
        return next(days, None)


@pytest.fixture
def site() -> Site:
    return Site()


def test_what_was_accepted_is_in_the_lake_rejected_or_a_duplicate(site):
    site.deliver(line("a"), line("b"), line("c", user_id="no integer"), line("a", NOON + 5))
    found = site.audit(Account({"2026-09-21": 4}))
    assert (found.accepted, found.archived) == (4, 4)
    assert (found.in_lake, found.rejected, found.duplicates) == (2, 1, 1)
    assert found.is_whole


def test_an_event_that_the_lake_lacks_is_named_with_the_object_of_its_line(site):
    site.deliver(line("a"), line("b"), name="1")
    site.deliver(line("c"), name="2", lake=False)
    found = site.audit()
    assert found.missing == 1
    assert [(each.event_id, each.object) for each in found.named] == [
        ("c", "raw/dt=2026-09-21/2.json.gz")
    ]


def test_what_neither_the_archive_nor_the_lake_has_is_missed_by_the_collectors_count(site):
    site.deliver(line("a"))
    found = site.audit(Account({"2026-09-21": 3}, waiting={"2026-09-21": 1}))
    assert (found.missing, found.unaccounted, found.is_whole) == (0, 1, False)
    assert site.audit(Account({"2026-09-21": 3}, leeway={"2026-09-21": 2})).is_whole


def test_a_day_of_which_nothing_is_left_is_missed_and_one_on_which_nothing_came_is_not(site):
    assert site.audit(Account({"2026-09-21": 3})).unaccounted == 3
    assert site.audit() is None


def test_a_line_is_of_the_day_it_was_received_whatever_day_its_object_is_filed_under(site):
    site.deliver(line("a", MIDNIGHT - 1), line("b", MIDNIGHT), dt=DAY, name="1")
    site.deliver(line("c", MIDNIGHT - 1), dt=NEXT, name="2")
    assert site.audit(Account({"2026-09-21": 2})).archived == 2
    assert site.audit(Account({"2026-09-22": 1}), NEXT).archived == 1


def test_an_event_that_came_again_the_next_day_is_a_duplicate_of_that_day(site):
    site.deliver(line("a", MIDNIGHT - 1), dt=DAY)
    site.deliver(line("a", MIDNIGHT), dt=NEXT, lake=False)
    found = site.audit(day=NEXT)
    assert (found.archived, found.in_lake, found.duplicates, found.missing) == (1, 0, 1, 0)


def test_events_years_late_are_found_in_the_days_they_are_of(site):
    site.deliver(line("a", logged_at=LONG_AGO), line("b"))
    assert (site.audit().in_lake, site.audit().missing) == (2, 0)


def test_an_event_of_a_day_that_the_lake_gets_while_it_is_audited_is_found(site):
    """A month takes minutes to read, and the first event of an old day may come meanwhile."""

    class Arriving(Memory):
        def keys(self, prefix=""):
            if prefix == f"raw/dt={NEXT + timedelta(days=1)}/" and len(self) == 1:
                came = line("late", MIDNIGHT, logged_at=LONG_AGO)
                site.deliver(came, dt=NEXT + timedelta(days=1), name="late")
            return super().keys(prefix)

    site.archive = Arriving()
    site.deliver(line("a"))
    days = list(Audit(site.lake, site.archive, Account()).days(DAY, NEXT))
    assert [(each.dt, each.in_lake, each.missing) for each in days] == [
        ("2026-09-21", 1, 0),
        ("2026-09-22", 1, 0),
    ]


def test_a_hidden_file_that_lies_beside_the_archive_is_no_event(site):
    site.deliver(line("a"))
    site.archive.put("raw/dt=2026-09-21/.DS_Store", b"\0\0\0\1Bud1\n\0of a Mac's\n")
    assert (site.audit().archived, site.audit().missing) == (1, 0)


def test_rows_are_doubled_until_compaction_and_those_it_replaced_do_not_count(site):
    site.deliver(line("a"), line("b"), name="1")
    site.deliver(line("a", NOON + 1), name="2")
    assert (site.audit().in_lake, site.audit().doubled, site.audit().duplicates) == (2, 1, 1)
    compact(site.lake, REGISTRY.table("video_play_events"), "2026-09-21", list(site.lake))
    assert len(site.lake) == 3
    assert (site.audit().in_lake, site.audit().doubled) == (2, 0)


def test_what_failed_is_missing_until_it_is_in_the_lake(site):
    failed = Failed("Lambda.FunctionError", "it died", 4, NOON, "arn")
    record = failed_line(b64encode(line("a") + line("b")).decode(), NOON, failed)
    site.archive.put("failed/processing-failed/dt=2026-09-21/x.json.gz", gzip.compress(record))
    found = site.audit(Account({"2026-09-21": 2}))
    assert (found.failed, found.unaccounted, found.is_whole) == (2, 0, False)
    site.write(line("a"), line("b"))
    assert site.audit(Account({"2026-09-21": 2})).is_whole


def test_events_without_an_id_in_a_text_are_counted_rather_than_looked_for(site):
    lines = [line(5, user_id="x"), line(6, user_id="x"), line(7)]
    site.deliver(*lines)
    assert (site.audit().missing, site.audit().rejected) == (0, 3)
    site.deliver(line(8), name="lost", lake=False)
    assert site.audit().missing == 1


def test_ids_of_any_length_are_told_apart(site):
    site.deliver(line("x" * 90_000 + "1"))
    site.deliver(line("x" * 90_000 + "2"), name="lost", lake=False)
    assert (site.audit().in_lake, site.audit().missing) == (1, 1)


def test_a_torn_file_is_named_and_its_events_are_missing(site):
    site.deliver(line("a"))
    (key,) = site.lake
    site.lake[key] = site.lake[key][:50]
    audit = Audit(site.lake, site.archive, Account())
    assert [each.missing for each in audit.days(DAY, DAY)] == [1]
    assert audit.unreadable == {key}


def test_what_retention_dropped_is_not_missed(site):
    site.deliver(line("late", logged_at=LONG_AGO), line("lost"), lake=False)
    note_cutoff(site.archive, "video_play_events", date(2026, 1, 1))
    found = site.audit()
    assert (found.dropped, found.missing, found.named[0].event_id) == (1, 1, "lost")
    note_cutoff(site.archive, "archive", DAY)
    assert site.audit(Account({"2026-09-21": 3})).unaccounted == 0
    note_cutoff(site.archive, "archive", NEXT)
    assert site.audit(Account({"2026-09-21": 2})) is None


def test_what_a_person_had_erased_is_not_missed(site):
    site.deliver(line("a"))
    note_withdrawal(site.archive, "2026-09-21", "abc", 2)
    note_withdrawal(site.archive, "2026-09-21", "abc", 2)
    assert site.audit(Account({"2026-09-21": 3})).is_whole
    assert not site.audit(Account({"2026-09-21": 4})).is_whole


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(
        st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(-3, 3)), min_size=1),
        min_size=1,
        max_size=5,
    ),
    lost=st.sets(st.integers(0, 4)),
)
def test_whatever_is_lost_is_missing_exactly_and_every_line_is_accounted_for(batches, lost):
    site = Site()
    arrived: set[str] = set()
    for number, events in enumerate(batches):
        lines = [line(each, MIDNIGHT + minutes * 60_000) for each, minutes in events]
        site.deliver(*lines, name=str(number), lake=number not in lost)
        arrived |= {each for each, _ in events if number not in lost}
    audited = list(Audit(site.lake, site.archive, Account()).days(DAY, NEXT))
    named = {each.event_id for day in audited for each in day.named}
    assert named == {each for events in batches for each, _ in events} - arrived
    assert sum(day.archived for day in audited) == sum(map(len, batches))
    for day in audited:
        # Two batches of one event are two rows until they are compacted, one a day.
        assert day.archived == day.in_lake + day.duplicates + day.missing


# --- the collector's own count -------------------------------------------------------------------


def test_the_spool_counts_by_the_day_of_the_event_through_restarts(tmp_path):
    path = tmp_path / "spool.db"
    with Spool(path, now_ms=lambda: MIDNIGHT + 5) as spool:
        spool.put([line("a", MIDNIGHT - 1) + line("b", MIDNIGHT - 1), line("c", MIDNIGHT)])
        spool.complete(spool.cut(MIDNIGHT + 10_000))
        spool.put([b"not of the collector\n"])
    with Spool(path, now_ms=lambda: MIDNIGHT + 5) as spool:
        account = folder_account(read_acceptance(path))
        assert account.accepted == {"2026-09-21": 2, "2026-09-22": 2}
        assert account.waiting == {"2026-09-22": 1}
        batch = spool.cut(MIDNIGHT + 10_000)
        spool.complete(batch)
        spool.complete(batch)
        assert folder_account(read_acceptance(path)).accepted == account.accepted


def test_a_spool_from_before_it_counted_is_read_and_counts_from_now_on(tmp_path):
    path = tmp_path / "spool.db"
    with Spool(path, now_ms=lambda: NOON) as spool:
        spool.put([line("a")])
    with closing(sqlite3.connect(path)) as old:
        old.execute("DROP TABLE accepted")
    assert folder_account(read_acceptance(path)).accepted == {"2026-09-21": 1}
    with Spool(path, now_ms=lambda: NOON) as spool:
        spool.complete(spool.cut(NOON + 10_000))
    assert folder_account(read_acceptance(path)).accepted == {"2026-09-21": 1}


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audited") / "data"
    scenario = ("--viewers", 20, "--days", 3, "--seed", 3, "--data", folder)
    assert run_playlake("simulate", *scenario).code == 0
    return folder


@pytest.fixture
def data(simulated, tmp_path):
    return shutil.copytree(simulated, tmp_path / "data")


def audited(data):
    ran = run_playlake("audit", "--data", data, "--format", "json")
    return ran, json.loads(ran.out)


def test_a_folder_is_whole_also_while_its_collector_runs(data):
    with Spool(data / "spool.db") as spool:
        spool.put([line("waiting", int(datetime.now(UTC).timestamp() * 1_000))])
        ran, days = audited(data)
    assert ran.code == 0, ran.err
    assert "Nothing that was accepted is missing." in ran.err
    assert sum(day["waiting"] for day in days) == 1
    for day in days:
        kept = day["in_lake"] + day["rejected"] + day["duplicates"]
        assert day["accepted"] == day["archived"] + day["waiting"] == kept + day["waiting"] > 0
    assert re.search(r"The newest was received at 20\d\d-", ran.err)


def test_a_lost_file_makes_it_fail_with_the_names_and_what_mends_it(data):
    next((data / "lake" / "video_play_events").rglob("part-*.parquet")).unlink()
    ran = run_playlake("audit", "--data", data)
    assert ran.code == 1
    assert re.search(r"missing 20\d\d-\d\d-\d\d: the lake lacks \d+ archived events", ran.out)
    assert re.search(r"`playlake replay --table raw --since \S+ --until \S+` mends", ran.out)
    assert re.search(r"^  [0-9a-f-]{36} of raw/dt=\S+\.json\.gz$", ran.out, re.MULTILINE)
    assert "the reports are not answered" in ran.out


def test_an_audit_changes_nothing(data):
    def stored():
        files = [path for name in ("lake", "raw") for path in (data / name).rglob("*")]
        return {path: path.read_bytes() for path in files if path.is_file()}

    before = stored()
    _, first = audited(data)
    _, second = audited(data)
    assert (first, stored()) == (second, before)


def test_a_folder_without_data_says_so(tmp_path):
    ran = run_playlake("audit", "--data", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "holds no data" in ran.err


LATENESS = {
    "dt": "varchar",
    "events": "bigint",
    "late": "bigint",
    "late_share": "double",
    "suspect": "bigint",
    "suspect_share": "double",
    "newest": "timestamp",
}
GAPS = {
    "dt": "varchar",
    "browser_name": "varchar",
    "plays": "bigint",
    "plays_with_gaps": "bigint",
    "events": "bigint",
    "missing": "bigint",
    "missing_share": "double",
}


def expire_raw(s3, days):
    """As the template does."""
    rule = {"ID": "raw", "Status": "Enabled", "Prefix": "raw/", "Expiration": {"Days": days}}
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]})


def test_a_deployed_stack_is_audited_by_cloudwatch_s3_and_athena():
    yesterday = datetime.now(UTC).replace(hour=12) - timedelta(days=1)
    dt, received = yesterday.date(), int(yesterday.timestamp() * 1_000)
    held = Site()
    held.deliver(line("a", received), line("b", received), dt=dt, name="1")
    held.deliver(line("c", received), dt=dt, name="2", lake=False)
    with cloud() as aws:
        aws.deploy(NAME, OUTPUTS)
        aws.make_lake()
        s3 = aws.client("s3")
        for key, data in [*held.archive.items(), *((f"lake/{k}", v) for k, v in held.lake.items())]:
            s3.put_object(Bucket=BUCKET, Key=key, Body=data)
        dimensions = [{"Name": "service", "Value": f"{NAME}-collect"}]
        counted = {"MetricName": "EventsAccepted", "Timestamp": yesterday, "Unit": "Count"}
        for value in (3, 2):
            told = [{**counted, "Value": value, "Dimensions": dimensions}]
            aws.client("cloudwatch").put_metric_data(Namespace="playlake", MetricData=told)
        assert aws.run("catalog", "sync", "--identifier", "demo").code == 0
        newest = f"{yesterday:%Y-%m-%d %H:%M:%S.000}"
        aws.will_answer(LATENESS, [(str(dt), "2", "1", "0.5", "0", "0.0", newest)])
        aws.will_answer(GAPS, [(str(dt), "Chrome", "1", "1", "4", "1", "0.25")])
        ran = aws.run("audit", "--identifier", "demo", "--format", "json", "--since", dt)
        expire_raw(s3, 1)
        dated = ("audit", "--identifier", "demo", "--since", dt - timedelta(days=30))
        aws.will_answer(LATENESS)
        aws.will_answer(GAPS)
        begun = aws.run(*dated)
        aws.deploy("playlake-other-dev", OUTPUTS | {"StreamName": "playlake-other-dev"})
        dimensions[0]["Value"] = "playlake-other-dev-collect"
        told = [{**counted, "Value": 7, "Dimensions": dimensions}]
        aws.client("cloudwatch").put_metric_data(Namespace="playlake", MetricData=told)
        aws.will_answer(LATENESS)
        aws.will_answer(GAPS)
        streamed = aws.run("audit", "--identifier", "other", "--since", dt, "--until", dt)
    assert f"From {dt} on: of days before, the archive has expired." in begun.out
    assert "they are in the stream playlake-other-dev still" in streamed.out
    assert ran.code == 1, ran.err
    (day,) = json.loads(ran.out)
    assert (day["accepted"], day["archived"], day["in_lake"]) == (5, 3, 2)
    assert (day["missing"], day["unaccounted"]) == (1, 2)
    assert f"c of raw/dt={dt}/2.json.gz" in ran.err
    assert "1 (50.00%) came over an hour late" in ran.err
    assert "Chrome: plays counted 4 events, and 1 (25.00%) never arrived" in ran.err
