"""What is made of a shard by what Kinesis answers, where emulators do not answer as it does.

They give a shard's next record at once, however far away it is, and know records by rules of their
own.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from events.errors import PlaylakeError, Unavailable
from playlake.drivers.shards import Consumers, consumption, of_another_stream
from transform.drivers.file_store import FileStore
from transform.ledger import Ledger, Place, Totals, ledger_key

SHARD, NOW_MS, HOUR_MS = "shardId-000000000000", 1_790_000_000_000, 3_600_000
BUSY = "ProvisionedThroughputExceededException"


def refusal(code: str, call: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, call)


@dataclass
class Doubles:
    """A session whose stream has one shard, of `hours`: in each, when a record arrived, or None.

    A look ends with the hour that it looks into, as Kinesis's end with a part of the shard.
    """

    hours: list[int | None]
    scan: str = "ResourceNotFoundException"
    leases: dict[str, str] = field(default_factory=dict)
    """The checkpoint of each shard that is leased."""
    closed: bool = False
    looks: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    region: str = "eu-west-1"

    def client(self, _service: str) -> "Doubles":
        return self

    def list_shards(self, **_: object) -> dict[str, Any]:
        numbers = {"EndingSequenceNumber": "9"} if self.closed else {}
        return {"Shards": [{"ShardId": SHARD, "SequenceNumberRange": numbers}]}

    def get_shard_iterator(self, **_: object) -> dict[str, Any]:
        if "GetShardIterator" in self.refused:
            raise refusal(self.refused["GetShardIterator"], "GetShardIterator")
        return {"ShardIterator": "0"}

    def get_records(self, ShardIterator: str, **_: object) -> dict[str, Any]:  # noqa: N803 (boto3's)
        self.looks += 1
        hour = int(ShardIterator)
        found = self.hours[hour]
        records = [] if found is None else [{"ApproximateArrivalTimestamp": moment(found)}]
        behind = (len(self.hours) - 1 - hour) * HOUR_MS
        following = {"NextShardIterator": str(min(hour + 1, len(self.hours) - 1))}
        return {"Records": records, "MillisBehindLatest": behind, **following}

    def get_paginator(self, _call: str) -> "Doubles":
        return self

    def paginate(self, **_: object) -> list[Any]:
        if not self.leases:
            raise refusal(self.scan, "Scan")
        items = [{"leaseKey": {"S": k}, "checkpoint": {"S": v}} for k, v in self.leases.items()]
        return [{"Items": items}]


def moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC)


def behind(kinesis: Doubles, folder, pauses: list[float] | None = None) -> int | None:
    of = Consumers("plays", (folder / "lake").as_uri(), "plays")
    sleep = ([] if pauses is None else pauses).append
    (status,) = consumption(kinesis, of, NOW_MS, sleep).statuses
    return status.progress.behind_ms


def test_a_quiet_shard_is_not_behind_by_the_hours_in_which_nothing_came(tmp_path):
    kinesis, pauses = Doubles([None] * 5), []
    assert behind(kinesis, tmp_path, pauses) == 0
    assert kinesis.looks == 5
    assert all(pause >= 0.2 for pause in pauses)  # a shard answers five calls a second


def test_a_shard_is_behind_by_its_first_record_however_long_none_came_before(tmp_path):
    assert behind(Doubles([None, None, NOW_MS - 7_000, None]), tmp_path) == HOUR_MS
    assert behind(Doubles([None, None, NOW_MS - 2 * HOUR_MS, None]), tmp_path) == 2 * HOUR_MS


def test_after_a_few_looks_that_come_to_nothing_it_is_not_known(tmp_path):
    kinesis = Doubles([None] * 1_000)
    assert behind(kinesis, tmp_path) is None
    assert kinesis.looks < 10


@pytest.mark.parametrize("code", [BUSY, "ResourceNotFoundException"])
def test_a_shard_that_answers_nothing_more_or_is_gone_by_now_is_shown_without(tmp_path, code):
    assert behind(Doubles([None], refused={"GetShardIterator": code}), tmp_path) is None


def test_a_lease_table_that_is_throttled_is_infrastructure_that_failed(tmp_path):
    with pytest.raises(Unavailable, match=rf"refused Scan \({BUSY}\)"):
        behind(Doubles([None], scan=BUSY), tmp_path)


@pytest.mark.parametrize("data", [b"", b'{"format": 1, "nonce": "a", "through": "12x"}'])
def test_a_standing_that_is_torn_is_named_and_what_to_do(tmp_path, data):
    store, key = FileStore(tmp_path), ledger_key("plays", SHARD)
    ledger = Ledger(store, "plays", SHARD)
    ledger.load()
    ledger.complete(Place(7), NOW_MS, Totals())
    store.save(key, data, store.load(key))
    with pytest.raises(PlaylakeError, match=rf"{key}, .* cannot be read: .*--application"):
        behind(Doubles([None]), tmp_path)


STRANGE = {"GetShardIterator": "InvalidArgumentException"}
"""As Kinesis says of a number that did not come from this stream."""


@pytest.mark.parametrize(
    ("checkpoint", "closed", "refused", "strange"),
    [
        ("4711", False, STRANGE, True),
        ("4711", True, STRANGE, False),
        ("4711", False, {}, False),
        ("4711", False, {"GetShardIterator": BUSY}, False),
        ("SHARD_END", False, {}, True),
        ("SHARD_END", True, {}, False),
        ("TRIM_HORIZON", False, STRANGE, False),
    ],
)
def test_a_lease_of_a_stream_that_was_deleted_is_known(checkpoint, closed, refused, strange):
    kinesis = Doubles([None], leases={SHARD: checkpoint}, closed=closed, refused=refused)
    assert of_another_stream(kinesis, "plays", "plays") == ([SHARD] if strange else [])


def test_what_was_never_leased_or_is_of_no_shard_is_of_no_other_stream():
    assert of_another_stream(Doubles([None]), "plays", "plays") == []
    assert of_another_stream(Doubles([None], leases={"gone": "4711"}), "plays", "plays") == []
