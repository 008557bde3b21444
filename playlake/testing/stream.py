"""The stream in memory."""

from collections.abc import Sequence
from concurrent.futures import Future

from events.errors import StreamUnavailable


class MemoryStream:
    """A stream that remembers what was put on it, and fails when it is told to."""

    def __init__(self, max_record_bytes: int = 1_024_000) -> None:
        self.max_record_bytes = max_record_bytes
        self.records: list[bytes] = []
        self._failures = 0

    def fail_next(self, puts: int = 1) -> None:
        """Take nothing from the next `puts` puts, and raise StreamUnavailable."""
        self._failures = puts

    def put(self, records: Sequence[bytes]) -> None:
        """See `ingest.stream.Stream.put`. A record over the limit is the caller's fault."""
        if any(len(record) > self.max_record_bytes for record in records):
            raise ValueError(f"a record exceeds {self.max_record_bytes} bytes")
        if self._failures:
            self._failures -= 1
            raise StreamUnavailable("told to fail")
        self.records.extend(records)

    def submit(self, records: Sequence[bytes]) -> Future[None]:
        """`put`, as a future that is done: what the local server awaits."""
        future: Future[None] = Future()
        try:
            self.put(records)
        except StreamUnavailable as error:
            future.set_exception(error)
        else:
            future.set_result(None)
        return future
