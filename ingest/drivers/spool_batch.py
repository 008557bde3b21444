"""What lies in the spool, as values: records, the batches they are cut into, and what waits."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

MAX_BATCH_BYTES = 3 * 1024 * 1024
"""The largest buffering size hint Firehose takes for a transform, in bytes before base64.
Source: Amazon Data Firehose Developer Guide, "Transform source data"."""

MAX_BATCH_RECORDS = 10_000
"""With this many records and MAX_BATCH_BYTES of data, base64 (4 for 3, padded) and at most 160
bytes of JSON around each record come to 5.9 MB: under the 6 MB that Lambda takes and gives."""


@dataclass(frozen=True, slots=True)
class Buffering:
    """When a batch is cut: its data reaches `max_bytes` (before base64, as Firehose's size hint
    counts), its first record has waited `max_age_ms`, or it has MAX_BATCH_RECORDS."""

    max_bytes: int = MAX_BATCH_BYTES
    max_age_ms: int = 1_000

    def __post_init__(self) -> None:
        if not 0 < self.max_bytes <= MAX_BATCH_BYTES:
            raise ValueError(f"max_bytes is {self.max_bytes}; give 1 to {MAX_BATCH_BYTES}")
        if self.max_age_ms < 0:
            raise ValueError(f"max_age_ms is {self.max_age_ms}; give 0 or more")


DEFAULT_BUFFERING = Buffering()


class SpooledRecord(NamedTuple):
    """A record as it lies in the spool; `sequence` grows by one a record and is never reused."""

    sequence: int
    arrived_ms: int
    data: bytes

    @property
    def record_id(self) -> str:
        """Digits only, as Firehose's; with the time in it, unique even across spools."""
        return f"{self.arrived_ms:013d}{self.sequence:020d}"


@dataclass(frozen=True)
class Batch:
    """Records that are delivered together: the same ones at every attempt.

    `attempts` counts those begun, also by a process that did not live to end one.
    """

    records: tuple[SpooledRecord, ...]
    attempts: int = 0

    @property
    def first(self) -> int:
        """The sequence of its first record."""
        return self.records[0].sequence

    @property
    def last(self) -> int:
        """The sequence of its last record."""
        return self.records[-1].sequence

    @property
    def arrived_ms(self) -> int:
        """When its first record arrived, in epoch milliseconds."""
        return self.records[0].arrived_ms

    @property
    def size(self) -> int:
        """The bytes of its records, before base64."""
        return sum(len(record.data) for record in self.records)

    @cached_property
    def name(self) -> str:
        """Names what is in it, so that objects named by it are the same at every attempt."""
        digest = sha256()
        for record in self.records:
            digest.update(b"%d %d\n" % (record.arrived_ms, len(record.data)))
            digest.update(record.data)
        return f"{self.first:020d}-{self.last:020d}-{digest.hexdigest()[:16]}"


class Backlog(NamedTuple):
    """What waits: records, their bytes, and when the oldest arrived (None when nothing waits)."""

    records: int = 0
    bytes: int = 0
    oldest_ms: int | None = None

    def age_ms(self, now_ms: int) -> int:
        """How long the oldest has waited; 0 when nothing waits."""
        return 0 if self.oldest_ms is None else max(0, now_ms - self.oldest_ms)

    def due_in_ms(self, now_ms: int, buffering: Buffering) -> int | None:
        """Milliseconds until a batch is to be cut of this, 0 for now; None when nothing waits."""
        if self.oldest_ms is None:
            return None
        if self.bytes >= buffering.max_bytes or self.records >= MAX_BATCH_RECORDS:
            return 0
        waited = now_ms - self.oldest_ms
        # An arrival ahead of the clock means that the clock was set back: do not wait for it.
        return max(0, buffering.max_age_ms - waited) if waited >= 0 else 0
