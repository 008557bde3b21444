"""`playlake consume --status`: what it says of shards, of who leases them, and of the lake."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from events.errors import SettingsError, Unavailable
from playlake.cli.options import Format
from playlake.cli.shard_status import duration_text, show_status
from playlake.consuming.shards import State
from playlake.drivers.session import Session
from playlake.drivers.shards import Consumers, consumption
from tests.moto_server import empty, moto
from transform.drivers.file_store import FileStore
from transform.drivers.s3_store import S3Store
from transform.ledger import Ledger, Place, Totals
from transform.store import VersionedStore

REGION, STREAM, APPLICATION, BUCKET = "eu-west-1", "plays", "playlake-plays", "plays-bucket"
ON_S3 = Consumers(STREAM, f"s3://{BUCKET}/lake", APPLICATION)
FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"
HOUR_MS = 3_600_000


@dataclass
class Cloud:
    """A stream of two shards, a bucket, and no consumer yet."""

    session: Session

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def put(self, shard: str, *data: bytes) -> list[Place]:
        """Records onto that shard; where each is."""
        kinesis = self.client("kinesis")
        found = kinesis.list_shards(StreamName=STREAM)["Shards"]
        (key,) = (e["HashKeyRange"]["StartingHashKey"] for e in found if e["ShardId"] == shard)
        put = [
            kinesis.put_record(StreamName=STREAM, Data=each, PartitionKey="p", ExplicitHashKey=key)[
                "SequenceNumber"
            ]
            for each in data
        ]
        return [Place(int(each)) for each in put]

    def make_lease_table(self) -> None:
        """As KCL 3 makes it, but for its index and throughput."""
        self.client("dynamodb").create_table(
            TableName=APPLICATION,
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def lease(self, shard: str, owner: str | None, checkpoint: str) -> None:
        """As KCL 3 writes one."""
        item: dict[str, Any] = {
            "leaseKey": {"S": shard},
            "leaseCounter": {"N": "42"},
            "checkpoint": {"S": checkpoint},
            "checkpointSubSequenceNumber": {"N": "0"},
            "ownerSwitchesSinceCheckpoint": {"N": "1"},
            "startingHashKey": {"S": "0"},
            "endingHashKey": {"S": "170141183460469231731687303715884105727"},
            "throughputKBps": {"N": "12.5"},
        }
        if owner is not None:
            item["leaseOwner"] = {"S": owner}
        self.client("dynamodb").put_item(TableName=APPLICATION, Item=item)

    def bucket(self) -> S3Store:
        """Where the ledgers are, beside the lake."""
        return S3Store(BUCKET, "", self.client("s3"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as running:
        yield running


@pytest.fixture
def cloud(url: str, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    empty(url)
    cloud = Cloud(Session(REGION))
    cloud.client("kinesis").create_stream(StreamName=STREAM, ShardCount=2)
    cloud.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return cloud


def commit(store: VersionedStore, shard: str, through: Place, at_ms: int = 1) -> Ledger:
    """What a consumer that wrote so far left in the lake's ledger."""
    ledger = Ledger(store, STREAM, shard)
    ledger.load()
    ledger.begin(through)
    ledger.complete(through, at_ms, Totals(1, 20, 400, 3))
    return ledger


def now() -> int:
    return time.time_ns() // 1_000_000


def shown(cloud: Cloud, capsys: pytest.CaptureFixture[str], at_ms: int | None = None) -> str:
    """The table."""
    show_status(cloud.session, ON_S3, Format.TABLE, at_ms or now())
    return capsys.readouterr().out


def line_of(shard: str, table: str) -> list[str]:
    (line,) = (line for line in table.splitlines() if line.strip().startswith(shard))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_each_shard_has_its_owner_its_checkpoint_and_what_of_it_is_in_the_lake(cloud, capsys):
    written, _ = cloud.put(FIRST, b"1\n", b"2\n")
    cloud.make_lease_table()
    cloud.lease(FIRST, "worker-7", str(written))
    cloud.lease(SECOND, None, "TRIM_HORIZON")
    at = now()
    commit(cloud.bucket(), FIRST, written, at_ms=at)
    table = shown(cloud, capsys, at + HOUR_MS + 125_000)
    place = str(written)
    cells = line_of(FIRST, table)
    assert cells[:5] == [FIRST, "open", "worker-7", place, place]
    assert cells[5:] == ["1 h 2 min", "1 h 2 min ago", "1", "20", "400", "3"]
    assert line_of(SECOND, table)[1:6] == ["open", "nobody", "TRIM_HORIZON", "-", "0 s"]
    assert "2 shards, 1 of 2 to read are leased" in table
    assert f"the furthest behind is {FIRST}, by 1 h 2 min." in table


def test_a_shard_is_behind_by_its_last_record_alone_until_that_is_in_the_lake(cloud):
    (last,) = cloud.put(FIRST, b"1\n")
    at = now()
    before = consumption(cloud.session, ON_S3, at + HOUR_MS).statuses[0]
    assert before.progress.behind_ms == pytest.approx(HOUR_MS, abs=5_000)
    commit(cloud.bucket(), FIRST, last)
    after = consumption(cloud.session, ON_S3, at + HOUR_MS).statuses[0]
    assert after.progress.behind_ms == 0


def test_what_was_checkpointed_and_is_not_in_the_lake_counts_as_behind(cloud):
    first, last = cloud.put(FIRST, b"1\n", b"2\n")
    cloud.make_lease_table()
    cloud.lease(FIRST, "worker-7", str(last))
    commit(cloud.bucket(), FIRST, first)
    (status, _) = consumption(cloud.session, ON_S3, now() + HOUR_MS).statuses
    assert status.progress.behind_ms == pytest.approx(HOUR_MS, abs=5_000)


def test_before_any_consumer_ran_the_shards_are_shown_and_that_nobody_did(cloud, capsys):
    table = shown(cloud, capsys)
    assert line_of(FIRST, table)[1:4] == ["open", "nobody", "-"]
    assert f"No consumer of the application '{APPLICATION}' has run yet" in table
    assert "no DynamoDB table of that name in eu-west-1" in table


def test_a_shard_that_was_split_is_being_read_until_all_of_it_is_in_the_lake(cloud, capsys):
    (last,) = cloud.put(FIRST, b"1\n")
    middle = str((1 << 126) - 1)
    cloud.client("kinesis").split_shard(
        StreamName=STREAM, ShardToSplit=FIRST, NewStartingHashKey=middle
    )
    ledger = commit(cloud.bucket(), FIRST, last)
    assert line_of(FIRST, shown(cloud, capsys))[1] == "closed, being read"
    ledger.end()
    table = shown(cloud, capsys)
    assert line_of(FIRST, table)[1:3] == ["closed, all read", "-"]
    assert line_of("shardId-000000000002", table)[1] == "open"
    assert "4 shards, 1 read to the end, 0 of 3 to read are leased." in table


def test_a_shard_that_takes_records_has_not_ended_whatever_a_stream_before_it_left(cloud):
    first, _ = cloud.put(FIRST, b"1\n", b"2\n")
    commit(cloud.bucket(), FIRST, first).end()
    status = consumption(cloud.session, ON_S3, now() + 60_000).statuses[0]
    assert status.state is State.OPEN
    assert (status.progress.behind_ms or 0) >= 60_000


def test_of_a_stream_made_anew_all_is_behind(cloud):
    """Kinesis does not know the record that the ledger names: it was of the stream before."""
    cloud.put(FIRST, b"1\n")
    commit(cloud.bucket(), FIRST, Place(10**50))
    status = consumption(Anew(cloud.session), ON_S3, now() + 60_000).statuses[0]
    assert (status.progress.behind_ms or 0) >= 60_000


@dataclass
class Anew:
    """A session whose Kinesis knows none of the records that were."""

    session: Session

    @property
    def region(self) -> str:
        return self.session.region

    def client(self, service: str) -> Any:
        client = self.session.client(service)
        client.meta.events.register("before-call.kinesis.GetShardIterator", self._refuse)
        return client

    def _refuse(self, params: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]] | None:
        if b"AFTER_SEQUENCE_NUMBER" not in params["body"]:
            return None
        error = {"Code": "InvalidArgumentException", "Message": "not of this stream"}
        return _Answer(), {"Error": error, "ResponseMetadata": {}}


def test_a_lease_of_a_shard_that_the_stream_no_longer_has_is_shown_as_gone(cloud, capsys):
    cloud.make_lease_table()
    cloud.lease("shardId-000000000088", None, "SHARD_END")
    cloud.lease("shardId-000000000099", "worker-7", "4711")
    statuses = consumption(cloud.session, ON_S3, now()).statuses
    assert [(each.shard[-2:], each.state) for each in statuses] == [
        ("00", State.OPEN),
        ("01", State.OPEN),
        ("88", State.READ),
        ("99", State.GONE),
    ]
    assert line_of("shardId-000000000099", shown(cloud, capsys))[2:6] == [
        "worker-7",
        "4711",
        "-",
        "-",
    ]


def test_what_else_kcl_keeps_in_its_table_is_no_lease(cloud):
    cloud.make_lease_table()
    cloud.client("dynamodb").put_item(
        TableName=APPLICATION, Item={"leaseKey": {"S": "Migration3.0"}, "cv": {"S": "3"}}
    )
    assert len(consumption(cloud.session, ON_S3, now()).statuses) == 2


@dataclass
class Paging:
    """A session whose Kinesis and DynamoDB give one thing a page, by the services' own rules."""

    session: Session
    pages: list[str] = field(default_factory=list)

    @property
    def region(self) -> str:
        return self.session.region

    def client(self, service: str) -> Any:
        client = self.session.client(service)
        client.meta.events.register("before-parameter-build.kinesis.ListShards", self._list)
        client.meta.events.register("before-parameter-build.dynamodb.Scan", self._scan)
        return client

    def _list(self, params: dict[str, Any], **_: object) -> None:
        self.pages.append("shards")
        assert not {"NextToken", "StreamName"} <= params.keys(), "Kinesis refuses both together"
        # moto, unlike Kinesis, wants the name again.
        params |= {"MaxResults": 1, "StreamName": STREAM}

    def _scan(self, params: dict[str, Any], **_: object) -> None:
        self.pages.append("leases")
        params["Limit"] = 1


def test_more_than_one_answer_holds_is_asked_for_page_by_page(cloud):
    cloud.make_lease_table()
    for shard in (FIRST, SECOND):
        cloud.lease(shard, f"worker of {shard}", "TRIM_HORIZON")
    paging = Paging(cloud.session)
    statuses = consumption(paging, ON_S3, now()).statuses
    assert [each.owner for each in statuses] == [f"worker of {FIRST}", f"worker of {SECOND}"]
    assert paging.pages.count("shards") == 2
    assert paging.pages.count("leases") >= 2


def test_json_gives_whole_numbers_and_the_sentences_for_people_go_beside(cloud, capsys):
    (written,) = cloud.put(FIRST, b"1\n")
    at = 1_790_000_000_000
    commit(cloud.bucket(), FIRST, written, at).begin(Place(10**30))
    show_status(cloud.session, ON_S3, Format.JSON, now())
    printed = capsys.readouterr()
    first, second = json.loads(printed.out)
    assert first == {
        "shard": FIRST,
        "state": "open",
        "owner": None,
        "checkpoint": None,
        "in_lake_through": str(written),
        "begun_through": str(10**30),
        "behind_ms": 0,
        "committed_at": "2026-09-21 14:13:20.000",
        "batches": 1,
        "records": 20,
        "rows": 400,
        "objects": 3,
    }
    assert (second["committed_at"], second["batches"]) == (None, 0)
    assert "2 shards" in printed.err
    assert "No consumer" in printed.err


def test_a_lake_in_a_folder_has_its_ledgers_beside_it_too(cloud, tmp_path):
    (written,) = cloud.put(FIRST, b"1\n")
    commit(FileStore(tmp_path), FIRST, written)
    of = Consumers(STREAM, (tmp_path / "lake").as_uri(), APPLICATION)
    (status, _) = consumption(cloud.session, of, now()).statuses
    assert status.progress.standing.through == written


@pytest.mark.parametrize("uri", ["s3://bucket", "lake", "ftp://bucket/lake", "s3://b/lake?x=1"])
def test_what_is_no_lake_is_refused_with_what_to_give(cloud, uri):
    with pytest.raises(SettingsError, match="s3://bucket/"):
        consumption(cloud.session, Consumers(STREAM, uri, APPLICATION), now())


def test_a_stream_that_is_not_there_is_named(cloud):
    with pytest.raises(SettingsError, match=r"no Kinesis stream 'other' in eu-west-1: .*--stream"):
        consumption(cloud.session, Consumers("other", ON_S3.lake_uri, APPLICATION), now())


@dataclass
class Refusing:
    """A session whose Kinesis answers every GetRecords with that error."""

    session: Session
    code: str

    @property
    def region(self) -> str:
        return self.session.region

    def client(self, service: str) -> Any:
        client = self.session.client(service)
        if service == "kinesis":
            client.meta.events.register("before-call.kinesis.GetRecords", self._refuse)
        return client

    def _refuse(self, **_: object) -> tuple[Any, dict[str, Any]]:
        error = {"Error": {"Code": self.code, "Message": "no"}, "ResponseMetadata": {}}
        return _Answer(), error


class _Answer:
    status_code = 400


def test_a_shard_too_busy_to_answer_is_shown_without_how_far_it_is_behind(cloud):
    busy = Refusing(cloud.session, "ProvisionedThroughputExceededException")
    statuses = consumption(busy, ON_S3, now()).statuses
    assert [each.progress.behind_ms for each in statuses] == [None, None]


def test_who_may_not_look_is_told_what_to_allow(cloud):
    with pytest.raises(SettingsError, match=r"GetRecords: allow them kinesis:ListShards.*Scan"):
        consumption(Refusing(cloud.session, "AccessDeniedException"), ON_S3, now())


def test_any_other_refusal_is_infrastructure_that_failed(cloud):
    with pytest.raises(Unavailable, match=r"GetRecords \(InternalFailure\)"):
        consumption(Refusing(cloud.session, "InternalFailure"), ON_S3, now())


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-5, "0 s"),
        (999, "0 s"),
        (59_999, "59 s"),
        (60_000, "1 min 0 s"),
        (3_599_999, "59 min 59 s"),
        (HOUR_MS, "1 h 0 min"),
        (26 * HOUR_MS + 60_000, "1 d 2 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(milliseconds, text):
    assert duration_text(milliseconds) == text
