"""Records of a shard, gathered until they are worth a file."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import pyarrow as pa
import pybase64
from isal import igzip

from events.registry import REGISTRY
from events.rejected import REJECTED_EVENTS
from transform.enrich import distinct, in_order
from transform.ledger import Place
from transform.parquet import plain
from transform.process import Processor
from transform.records import RawRecord, Result

_logger = logging.getLogger("playlake.consumer")

CHUNK_BYTES = 4 * 2**20
"""What is processed at once: as Python objects the events of a record are many times as large, as
columns about as large as they came."""
_GZIP_LEVEL = 1  # ISA-L's: five times as fast as zlib's first level, and a tenth smaller


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A record as the stream hands it over: JSON lines, in base64."""

    place: Place
    data: str
    arrived_ms: int
    """When the stream took it, in epoch ms."""


@dataclass(frozen=True, slots=True)
class Unprocessable:
    """A record that the transform could not process, and why."""

    record: StreamRecord
    problem: str


class Before(Enum):
    """What a writer before, that died, may have put of a batch."""

    NOTHING = "nothing"
    SAME = "the same objects, all or some"
    MORE = "objects of more records: the stream has lost the first of them since"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A batch: what will be written and committed as one."""

    after: Place | None
    """The last record before it; None at the shard's first."""
    through: Place
    records: int
    size: int
    """The bytes of the records' data, before base64."""
    arrived_ms: int
    """When the stream took its first record."""
    tables: dict[str, pa.Table]
    """As `transform.process.Processed.tables`: distinct, sorted, each with its column `dt`."""
    raw: bytes
    """The lines of every record that was processed, gzipped; none where they are not kept."""
    failed: tuple[Unprocessable, ...]

    @property
    def rows(self) -> int:
        """In all its tables."""
        return sum(len(table) for table in self.tables.values())

    @property
    def rejected(self) -> int:
        """The rows of `rejected_events` among them."""
        return len(self.tables.get(REJECTED_EVENTS.name, ()))


class Gathering:
    """One batch in the making. The same records give the same batch, however they were handed in.

    In memory it keeps columns and gzipped lines, and what came last as it came.
    """

    def __init__(
        self,
        processor: Processor,
        after: Place | None,
        *,
        keep_raw: bool = True,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        """After the record `after`; `keep_raw` is whether the lines are kept beside the rows."""
        self._keep_raw = keep_raw
        self._processor = processor
        self._after = after
        self._chunk_bytes = chunk_bytes
        self._chunk: list[StreamRecord] = []
        self._waiting = 0
        self._tables: dict[str, list[pa.Table]] = {}
        self._raw: list[bytes] = []
        self._failed: list[Unprocessable] = []
        self._arrived_ms = 0
        self.through: Place | None = None
        self.records = 0
        self.size = 0
        self.held = 0
        """The bytes of the columns and the gzipped lines that are kept."""

    def add(self, record: StreamRecord) -> None:
        """Take one record, the shard's next."""
        if not self.records:
            self._arrived_ms = record.arrived_ms
        size = len(record.data) * 3 // 4
        self._chunk.append(record)
        self._waiting += size
        self.size += size
        self.records += 1
        self.through = record.place
        if self._waiting >= self._chunk_bytes:
            self._process()

    def finish(self) -> Gathered:
        """The batch of every record that was taken, at least one."""
        assert self.through is not None, "a batch has a record"
        self._process()
        return Gathered(
            self._after,
            self.through,
            self.records,
            self.size,
            self._arrived_ms,
            {name: _merged(name, parts) for name, parts in self._tables.items()},
            b"".join(self._raw),
            tuple(self._failed),
        )

    def _process(self) -> None:
        chunk, self._chunk, self._waiting = self._chunk, [], 0
        if not chunk:
            return
        try:
            good = self._take(chunk)
        except MemoryError:
            raise  # no record's fault: whoever reads them next has more
        except Exception:
            # Data never raises. If it does, it is one record's, and its neighbours are not lost.
            _logger.exception("%d records could not be processed together", len(chunk))
            good = [record for record in chunk if self._taken_alone(record)]
        if not self._keep_raw:
            return
        lines = b"".join(map(_lines, good))
        # Members of one gzip file are read as one. No clock: the same records, the same bytes.
        self._raw.append(igzip.compress(lines, _GZIP_LEVEL, mtime=0))
        self.held += len(self._raw[-1])

    def _take(self, records: Sequence[StreamRecord]) -> list[StreamRecord]:
        """Keep the records' rows; gives those whose lines can be archived."""
        raw = [RawRecord(str(each.place), each.data, each.arrived_ms) for each in records]
        processed = self._processor.process(raw, now_ms=records[0].arrived_ms)
        for name, found in processed.tables.items():
            table = plain(found)
            self._tables.setdefault(name, []).append(table)
            self.held += table.nbytes
        outcomes = zip(records, processed.outcomes, strict=True)
        return [record for record, outcome in outcomes if outcome.result is Result.OK]

    def _taken_alone(self, record: StreamRecord) -> bool:
        try:
            return bool(self._take([record]))
        except MemoryError:
            raise
        except Exception as error:
            _logger.exception("record %s cannot be processed", record.place)
            self._failed.append(Unprocessable(record, f"{type(error).__name__}: {error}"))
            return False


def _lines(record: StreamRecord) -> bytes:
    """A record's lines as the archive has them. The last one of a record that no collector made may
    lack its end, and would become one with the next record's first."""
    lines = pybase64.b64decode(record.data)
    return lines + b"\n" if lines and not lines.endswith(b"\n") else lines


def _merged(name: str, parts: Sequence[pa.Table]) -> pa.Table:
    """Chunks of one table as if they had been processed as one."""
    if len(parts) == 1:
        return parts[0]
    return in_order(distinct(pa.concat_tables(parts)), REGISTRY.table(name).sort_by)
