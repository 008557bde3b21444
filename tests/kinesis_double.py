"""Kinesis, as far as the producer meets it: PutRecords over HTTP, with its limits and faults.

moto takes every record of a call or none; this one takes some, and holds calls to the limits.
"""

from hashlib import md5
from typing import Any, NamedTuple

from tests.batch_double import BatchDouble, FailRecords, Refuse, constraint, data_of

# PutRecords' own limits, data before base64 and keys together.
MAX_RECORDS = 500
MAX_BYTES = 5 * 1024 * 1024
MAX_RECORD_BYTES = 1024 * 1024
MAX_KEY_CHARACTERS = 256
SHARDS = 4

SLOW_DOWN = "Rate exceeded for shard shardId-000000000000 in stream playlake-demo-dev"
THROTTLED = Refuse(400, "ProvisionedThroughputExceededException", SLOW_DOWN)


def throttle(*indexes: int) -> FailRecords:
    """A 200 whose shard had no room for the records at these indexes."""
    return FailRecords(frozenset(indexes), THROTTLED.code, SLOW_DOWN)


class Entry(NamedTuple):
    """A record as it was put."""

    key: str
    data: bytes

    @property
    def size(self) -> int:
        """What counts towards the limits."""
        return len(self.key.encode()) + len(self.data)

    @property
    def shard(self) -> int:
        """Equal ranges of the key's MD5, as a new stream has them."""
        return (
            int.from_bytes(md5(self.key.encode(), usedforsecurity=False).digest()) * SHARDS >> 128
        )


class KinesisDouble(BatchDouble):
    """One stream's PutRecords. `entries` are those it has taken, in order."""

    operation = "Kinesis_20131202.PutRecords"

    def __init__(self, name: str = "playlake-demo-dev") -> None:
        self.entries: list[Entry] = []
        super().__init__(name)

    @property
    def data(self) -> list[bytes]:
        """The records it has taken, as they were before base64."""
        return [entry.data for entry in self.entries]

    def clear(self) -> None:
        """Forget everything, as if just begun."""
        super().clear()
        self.entries = []

    def broken_limit(self, request: dict[str, Any], _body: bytes) -> Refuse | None:
        """See `BatchDouble.broken_limit`."""
        name = request["StreamName"]
        entries = [Entry(each["PartitionKey"], data_of(each)) for each in request["Records"]]
        if name != self.name:
            problem = f"Stream {name} under account 123456789012 not found."
            return Refuse(400, "ResourceNotFoundException", problem)
        if not 0 < len(entries) <= MAX_RECORDS:
            return constraint("records", f"less than or equal to {MAX_RECORDS}")
        for index, entry in enumerate(entries, 1):
            if not 0 < len(entry.key) <= MAX_KEY_CHARACTERS:
                where = f"records.{index}.member.partitionKey"
                return constraint(where, f"from 1 to {MAX_KEY_CHARACTERS}")
            if entry.size > MAX_RECORD_BYTES:
                limit = f"less than or equal to {MAX_RECORD_BYTES}"
                return constraint(f"records.{index}.member.data", limit)
        if sum(entry.size for entry in entries) > MAX_BYTES:
            return Refuse(400, "InvalidArgumentException", "Records size exceeds 5 MB limit")
        return None

    def keep(self, record: dict[str, Any], data: bytes) -> dict[str, str]:
        """See `BatchDouble.keep`."""
        entry = Entry(record["PartitionKey"], data)
        self.entries.append(entry)
        number = 49_546_986_683_135_544_286_507_457_936_321_625_675_700_192_471_156_785_154
        return {
            "ShardId": f"shardId-{entry.shard:012}",
            "SequenceNumber": str(number + len(self.entries)),
        }

    def results(self, results: list[dict[str, str]], failures: int) -> dict[str, Any]:
        """See `BatchDouble.results`."""
        return {"FailedRecordCount": failures, "Records": results}
