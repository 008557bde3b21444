"""A stream's shards, who leases them, and how far each is: asked of Kinesis, DynamoDB and S3."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from catalog.drivers.aws import code
from events.errors import SettingsError
from playlake.consuming.settings import beside
from playlake.consuming.shards import (
    SHARD_END,
    Lease,
    Progress,
    Shard,
    ShardStatus,
    join,
    vanished,
)
from playlake.drivers.session import Session, denied_action, failures, is_denied
from transform.drivers.s3_store import S3Store
from transform.ledger import Place, Standing, decode, ledger_key
from transform.settings import open_store
from transform.store import VersionedStore

_AT_ONCE = 8
"""As many shards are asked at once; botocore keeps ten connections. Each costs two calls, of the
five a second that a shard answers (Kinesis API reference, "GetRecords", "GetShardIterator")."""

_ACTIONS = (
    "kinesis:ListShards, kinesis:GetShardIterator and kinesis:GetRecords on the stream, and"
    " dynamodb:Scan on the lease table"
)
_ABSENT = "ResourceNotFoundException"
_BUSY = "ProvisionedThroughputExceededException"
_LOOKS = 8
"""At a shard, for its first record: an answer holds none where there is none for a while, and is
not the tip's (Kinesis API reference, "GetRecords")."""
_PAUSE_SECONDS = 0.25
"""Between two looks: a shard answers five a second, and its consumers come first."""
_UNKNOWN = "InvalidArgumentException"


@dataclass(frozen=True, slots=True)
class Consumption:
    """A stream and its consumers, as they stand."""

    statuses: list[ShardStatus]
    leased: bool
    """Whether the application has a lease table: a consumer of it has run."""


@dataclass(frozen=True, slots=True)
class Consumers:
    """Of one application, from one stream into one lake."""

    stream: str
    lake_uri: str
    application: str
    """KCL calls the lease table by it (Developer Guide, "KCL DynamoDB metadata tables")."""


def consumption(
    session: Session,
    of: Consumers,
    now_ms: int,
    sleep: Callable[[float], object] = time.sleep,
) -> Consumption:
    """How far the consumers are at `now_ms`; `sleep` takes seconds, between looks at a shard.

    Raises SettingsError when there is no such stream or lake, or the credentials may not look, and
    Unavailable when AWS does not answer.
    """
    store = _ledgers(session, of.lake_uri)
    kinesis = session.client("kinesis")
    shards = _shards(kinesis, of.stream, session.region)
    leases = _leases(session.client("dynamodb"), of.application)

    def of_shard(shard: str) -> Progress:
        standing = _standing(store, of.stream, shard)
        # An open shard that had ended is that of a stream which was made anew by the same name.
        ended = standing.ended and shard not in taking
        if ended or shard in gone:
            return Progress(standing, 0 if ended else None)
        position = _Position(of.stream, shard, standing.through)
        return Progress(standing, _behind_ms(kinesis, position, now_ms, sleep))

    gone = vanished(shards, leases or ())
    taking = {each.id for each in shards if not each.closed}
    names = [*(each.id for each in shards), *gone]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        progress = dict(zip(names, pool.map(of_shard, names), strict=True))
    return Consumption(join(shards, leases or {}, progress), leases is not None)


def of_another_stream(session: Session, stream: str, application: str) -> list[str]:
    """The open shards whose leases are of a stream of this name that was deleted: by those KCL
    never begins to read them, or takes them for ended. Raises as `consumption` does.
    """
    # Before the shards: one that ends in between is listed as closed. Of closed ones nothing is
    # asked, for Kinesis may refuse what is past retention.
    leases = _leases(session.client("dynamodb"), application) or {}
    kinesis = session.client("kinesis")
    shards = _shards(kinesis, stream, session.region)
    leased = [each.id for each in shards if not each.closed and each.id in leases]

    def is_strange(shard: str) -> bool:
        checkpoint = leases[shard].checkpoint or ""
        if not checkpoint.isdecimal():
            return checkpoint == SHARD_END
        return not _is_known(kinesis, _Position(stream, shard, Place(int(checkpoint))))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        strange = pool.map(is_strange, leased)
        return [shard for shard, found in zip(leased, strange, strict=True) if found]


def _ledgers(session: Session, lake_uri: str) -> VersionedStore:
    """The store that the ledgers lie in, beside the lake; on S3 by the session's credentials."""
    above = beside(lake_uri)
    parts = urlsplit(above)
    if parts.scheme == "s3":
        return S3Store(parts.netloc, parts.path.strip("/"), session.client("s3"))
    return open_store(above)


def _standing(store: VersionedStore, stream: str, shard: str) -> Standing:
    key = ledger_key(stream, shard)
    seen = store.load(key)
    return Standing() if seen is None else decode(seen.data, key)


def _shards(kinesis: Any, stream: str, region: str) -> list[Shard]:
    """Every shard that still has records, closed ones too."""
    try:
        with _looking():
            return list(_pages_of_shards(kinesis, stream))
    except _Absent:
        raise SettingsError(
            f"There is no Kinesis stream {stream!r} in {region}: check --stream and --region."
        ) from None


def _pages_of_shards(kinesis: Any, stream: str) -> Iterator[Shard]:
    # Not by botocore's paginator: it repeats the name with the token, and Kinesis refuses both
    # together (botocore issue 2009). A page is a thousand shards.
    asked = {"StreamName": stream}
    while asked:
        page = kinesis.list_shards(**asked)
        for each in page["Shards"]:
            # A shard is closed once it has a last number (API reference, "SequenceNumberRange").
            yield Shard(each["ShardId"], "EndingSequenceNumber" in each["SequenceNumberRange"])
        asked = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}


def _leases(dynamodb: Any, application: str) -> dict[str, Lease] | None:
    """The leases by shard; None when there is no lease table, for no consumer has run yet."""
    pages = dynamodb.get_paginator("scan")
    try:
        with _looking():
            items = [
                item
                for page in pages.paginate(TableName=application, ConsistentRead=True)
                for item in page["Items"]
            ]
    except _Absent:
        return None
    # What else KCL can keep in this table (its changelog, 3.5.1: "non-lease entity types") has
    # no checkpoint.
    return {
        item["leaseKey"]["S"]: Lease(_text(item, "leaseOwner"), _text(item, "checkpoint"))
        for item in items
        if "leaseKey" in item and "checkpoint" in item
    }


def _text(item: dict[str, dict[str, str]], name: str) -> str | None:
    return item.get(name, {}).get("S")


@dataclass(frozen=True, slots=True)
class _Position:
    """After `through` in a shard, or at its oldest record."""

    stream: str
    shard: str
    through: Place | None

    @property
    def iterator(self) -> dict[str, str]:
        """What GetShardIterator takes. A record that was trimmed since is no error to Kinesis: it
        goes on with the oldest that it has."""
        if self.through is None:
            where = {"ShardIteratorType": "TRIM_HORIZON"}
        else:
            number = str(self.through.sequence)
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": number}
        return {"StreamName": self.stream, "ShardId": self.shard, **where}


def _behind_ms(
    kinesis: Any, position: _Position, now_ms: int, sleep: Callable[[float], object]
) -> int | None:
    with _looking():
        try:
            return _waiting_ms(kinesis, _iterator(kinesis, position), now_ms, sleep)
        except ClientError as error:
            # Its consumers come first; and one that was listed may be past retention by now.
            if code(error) in {_BUSY, _ABSENT}:
                return None
            raise


def _waiting_ms(
    kinesis: Any, iterator: str, now_ms: int, sleep: Callable[[float], object]
) -> int | None:
    """How long the first record from there on has been waiting; 0 when there is none, None when a
    few looks do not come to one."""
    for look in range(_LOOKS):
        if look:
            sleep(_PAUSE_SECONDS)
        answer = kinesis.get_records(ShardIterator=iterator, Limit=1)
        behind = int(answer.get("MillisBehindLatest", 0))
        for record in answer["Records"]:
            arrived = record["ApproximateArrivalTimestamp"].timestamp() * 1_000
            # Kinesis's figure is from after the record that came with it: of the last one, zero.
            return max(behind, now_ms - int(arrived))
        iterator = answer.get("NextShardIterator")
        if not behind or iterator is None:
            return 0
    return None


def _iterator(kinesis: Any, position: _Position) -> str:
    try:
        found = kinesis.get_shard_iterator(**position.iterator)
    except ClientError as error:
        if code(error) != _UNKNOWN or position.through is None:
            raise
        # The record was of a stream of the same name that was deleted: all of this one is to come.
        found = kinesis.get_shard_iterator(**replace(position, through=None).iterator)
    return str(found["ShardIterator"])


def _is_known(kinesis: Any, position: _Position) -> bool:
    """Whether the record is one of the stream's, by its number; True when it is too busy to say."""
    with _looking():
        try:
            kinesis.get_shard_iterator(**position.iterator)
        except ClientError as error:
            if code(error) == _BUSY:
                return True
            if code(error) in {_UNKNOWN, _ABSENT}:
                return False
            raise
    return True


class _Absent(Exception):
    """The stream or the table is not there."""


@contextmanager
def _looking() -> Iterator[None]:
    """Make what can be told apart an error of its own, every other failure as `failures` does."""
    with failures():
        try:
            yield
        except ClientError as error:
            if code(error) == _ABSENT:
                raise _Absent from error
            if is_denied(error):
                raise SettingsError(
                    f"These credentials may not do {denied_action(error)}: allow them {_ACTIONS}."
                ) from error
            raise
