"""The consumer of one shard: gathers its records, and commits them batch by batch, each once.

What drives it is KCL's record processor (`playlake.drivers.kcl`); everything here is the same for
any reader that hands a shard's records over in order, maybe some of them again.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from events.errors import PlaylakeError
from transform.gathering import Before, Gathered, Gathering, StreamRecord
from transform.ledger import NOTHING, Ledger, Place, Standing, Totals
from transform.process import Processor

_logger = logging.getLogger("playlake.consumer")


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is full. Athena reads files of 128 MB best (AWS, "Top 10 performance tuning
    tips for Amazon Athena"); as Parquet the default is about a tenth of that, in memory a third
    of a gigabyte."""

    size: int = 128 * 2**20
    """The bytes of the records' data."""
    seconds: float = 60.0
    """Since its first record was read."""
    held: int = 160 * 2**20
    """The bytes that they are as columns and gzipped lines. Of ordinary events about as many as
    came, of tiny ones several times that: sorting and writing them takes as much again."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A batch that is in the lake."""

    shard: str
    through: Place
    records: int
    size: int
    """The bytes of the records' data, before base64."""
    written: Totals
    rejected: int
    """How many of the batch's events broke their types' rules."""
    again: bool
    """A writer before had begun it, and may have written some or all of it."""
    seconds: float
    """From its first object to the ledger's last word."""
    lag_ms: int
    """How long ago the stream took its first record."""


Write = Callable[[Gathered, Before], Totals]
"""Makes a batch durable and known, `transform.committing.Writer`."""

_CLOCKS_DIFFER_MS = 15 * 60_000
"""At most: S3 takes no request of a clock that is further off (Amazon S3 API reference, "Error
responses", RequestTimeTooSkewed)."""


class Misplaced(PlaylakeError):
    """By the checkpoint or the ledger records were read that this lake does not have."""


def _wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` gives seconds, `wall_ms` epoch milliseconds."""

    monotonic: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = _wall_clock_ms


@dataclass(frozen=True, slots=True)
class Habits:
    """When a consumer commits, by which clock, and who hears of it."""

    limits: Limits = Limits()
    clock: Clock = Clock()
    on_committed: Callable[[Committed], None] = lambda _committed: None
    keep_raw: bool = True
    """Archive the lines as they came, as Firehose does: replay starts from them."""


class ShardConsumer:
    """Not for more than one thread. Any error ends its use: what it gathered is not committed, and
    whoever reads the shard next starts from what is."""

    def __init__(
        self, ledger: Ledger, processor: Processor, write: Write, habits: Habits = Habits()
    ) -> None:
        self._shard = ledger.shard
        self._ledger = ledger
        self._processor = processor
        self._write = write
        self._habits = habits
        self._clock = habits.clock
        self._gathering = self._gather(None)
        self._since = 0.0
        self._arrived_ms = 0

    @property
    def standing(self) -> Standing:
        """Of the shard, as this consumer knows it."""
        return self._ledger.standing

    def start(self, checkpoint: Place | None) -> Standing:
        """Find out where the shard stands; `checkpoint` is what the reader believes was read.

        Raises Misplaced when that is beyond what the lake has: records in between would be missing.
        Raises `transform.ledger.OtherStream`, and `events.errors.StoreUnavailable`.
        """
        standing = self._ledger.load()
        if checkpoint and (standing.through is None or standing.through < checkpoint):
            raise Misplaced(
                f"{self._shard} was read through {checkpoint}, but this lake has it through"
                f" {standing.through or 'nothing'}. The checkpoints are another lake's: name this"
                " lake's consumers another --application, and they read what the stream still has."
            )
        self._gathering = self._gather(standing.through)
        return standing

    def take(self, records: Iterable[StreamRecord]) -> Place | None:
        """Take the shard's next records; gives where to checkpoint, if something was committed.

        Also to be called with none, about each second: a batch that is old enough is committed.
        Raises `events.errors.Unavailable`, `transform.ledger.Overtaken` and Misplaced.
        """
        committed = None
        for record in records:
            if self._was_committed(record) or self._was_gathered(record):
                continue
            if self._beyond(record.place):
                committed = self._commit()
            self._add(record)
            if self._full(record.place):
                committed = self._commit()
        if self.standing.begun is None and self._old():
            committed = self._commit()
        return committed

    def flush(self) -> Place | None:
        """Commit what was gathered, whatever its size; gives where to checkpoint, as `take`."""
        if self._gathering.records and self.standing.begun is None:
            return self._commit()
        # Half of a batch that another began is not committed: it would be another batch.
        return None

    def end(self) -> None:
        """Commit the rest of a shard of which no record comes any more."""
        if self._gathering.records or self.standing.begun is not None:
            self._commit()
        self._ledger.end()

    def _gather(self, after: Place | None) -> Gathering:
        return Gathering(self._processor, after, keep_raw=self._habits.keep_raw)

    def _was_committed(self, record: StreamRecord) -> bool:
        standing = self.standing
        if standing.through is None or record.place > standing.through:
            return False
        if record.arrived_ms - standing.committed_ms > _CLOCKS_DIFFER_MS:
            # Kinesis's numbers grow with time, a stream's that is made anew too; an emulator's
            # may begin again.
            raise Misplaced(
                f"{self._shard}'s record {record.place} is numbered below {standing.through}, which"
                " is in this lake, and came later: it is of another stream, or of one made anew by"
                " the same name. Nothing of it was skipped for good: delete that shard's object"
                " under consumed/, and it is read."
            )
        return True

    def _was_gathered(self, record: StreamRecord) -> bool:
        # An event without an id of its own would get two of them in one batch.
        through = self._gathering.through
        return through is not None and record.place <= through

    def _before(self, gathered: Gathered) -> Before:
        standing = self.standing
        if standing.begun is None:
            return Before.NOTHING
        counted = standing.begun_records in (0, gathered.records)
        if counted and gathered.through == standing.begun:
            return Before.SAME
        self._expired(standing.begun)
        return Before.MORE

    def _add(self, record: StreamRecord) -> None:
        if not self._gathering.records:
            self._since = self._clock.monotonic()
        self._arrived_ms = max(self._arrived_ms, record.arrived_ms)
        self._gathering.add(record)

    def _beyond(self, place: Place) -> bool:
        """Whether this record is after the end of the batch that was begun, which never came."""
        begun = self.standing.begun
        return begun is not None and place > begun

    def _expired(self, begun: Place) -> None:
        _logger.error(
            "%s: records through %s, of a batch that was begun, are no longer in the stream."
            " Of those, what lies in the lake stays; the others are lost. Raise the stream's"
            " retention above the time that its consumers may be down.",
            *(self._shard, begun),
        )

    def _full(self, place: Place) -> bool:
        if self.standing.begun is not None:
            return place == self.standing.begun
        limits = self._habits.limits
        return self._gathering.size >= limits.size or self._gathering.held >= limits.held

    def _old(self) -> bool:
        waited = self._clock.monotonic() - self._since
        return self._gathering.records > 0 and waited >= self._habits.limits.seconds

    def _commit(self) -> Place:
        """See the batch into the lake: begun, written, registered, and only then completed."""
        began, begun = self._clock.monotonic(), self.standing.begun
        if not self._gathering.records:
            # Nothing of what was begun can be read any more.
            assert begun is not None
            self._expired(begun)
            self._ledger.complete(begun, self._clock.wall_ms(), NOTHING)
            self._gathering = self._gather(begun)
            return begun
        gathered = self._gathering.finish()
        self._gathering = self._gather(begun or gathered.through)
        before = self._before(gathered)
        if begun is None:
            self._ledger.begin(gathered.through, gathered.records)
        written = self._write(gathered, before)
        through = begun or gathered.through
        # By a clock that is behind, what is committed would be older than its own records.
        now_ms = max(self._clock.wall_ms(), self._arrived_ms)
        self._ledger.complete(through, now_ms, written)
        self._habits.on_committed(
            Committed(
                self._shard,
                through,
                gathered.records,
                gathered.size,
                written,
                gathered.rejected,
                begun is not None,
                self._clock.monotonic() - began,
                self._clock.wall_ms() - gathered.arrived_ms,
            )
        )
        return through
