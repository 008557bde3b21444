"""The child that KCL's daemon starts for each shard it leases: `python -m playlake.drivers.kcl`.

It speaks the MultiLangDaemon's protocol on its standard input and output, through `amazon_kclpy`.
That reports success to the daemon when a processor raises, and the daemon then goes on with the
next records: so every error ends this process instead. The daemon then ends too, is started again
by its supervisor, and reads on from what the lake has.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn, TextIO

from amazon_kclpy import kcl
from amazon_kclpy.checkpoint_error import CheckpointError

from events.errors import PlaylakeError
from playlake.consuming.news import Reporter, ReportingHandler
from playlake.consuming.opening import open_consumer
from playlake.consuming.settings import ConsumerSettings
from transform.consumer import Committed, ShardConsumer
from transform.gathering import StreamRecord
from transform.ledger import Place

_logger = logging.getLogger("playlake.consumer")

_LEASE_LOST = "ShutdownException"
"""Another worker has the shard, and says how far it is (KCL: "The RecordProcessor instance has been
shutdown")."""
_TRIES = 5
_PAUSE_SECONDS = 0.5
"""Between tries of a checkpoint: DynamoDB throttles for as long as an on-demand table grows."""
_READ_BYTES = 2**20
"""What one read of the daemon takes: a message is 13 MB at most, 10 MB of records in base64."""

Open = Callable[[str, Callable[[Committed], None]], ShardConsumer]
"""Makes the consumer of a shard, which tells of its commits."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the processor is told and tells, waits and ends by."""

    reporter: Reporter
    sleep: Callable[[float], object] = time.sleep
    end: Callable[[int], NoReturn] = os._exit


class RecordProcessor:
    """One shard's, as `amazon_kclpy.v3.processor.RecordProcessorBase` describes it."""

    version = 3

    def __init__(self, open_shard: Open, around: Surroundings) -> None:
        self._open = open_shard
        self._around = around
        self._consumer: ShardConsumer | None = None
        self._behind_ms = 0

    def initialize(self, given: Any) -> None:
        """The shard is this process's: find out where it stands."""
        with _Fatal(self._around):
            self._around.reporter.shard = given.shard_id
            consumer = self._open(given.shard_id, self._committed)
            standing = consumer.start(checkpoint_place(given))
            again = standing.begun is not None
            self._around.reporter.began(standing.through, again=again)
            self._consumer = consumer

    def process_records(self, given: Any) -> None:
        """Its next records; none, about once a second, when there are none."""
        with _Fatal(self._around):
            if self._consumer is not None:
                self._behind_ms = given.millis_behind_latest
                committed = self._consumer.take(stream_records(given.records))
                self._checkpoint(given.checkpointer, committed)

    def shutdown_requested(self, given: Any) -> None:
        """The daemon ends, or hands the lease over: what was read is committed first."""
        with _Fatal(self._around):
            if self._consumer is not None:
                self._checkpoint(given.checkpointer, self._consumer.flush())
            self._leave("asked to end")

    def lease_lost(self, _given: Any) -> None:
        """The shard is another's, and so are the records that were gathered."""
        with _Fatal(self._around):
            self._leave("lease lost")

    def shard_ended(self, given: Any) -> None:
        """The shard was split or merged; its children begin once this is checkpointed."""
        with _Fatal(self._around):
            if self._consumer is not None:
                self._consumer.end()
                self._checkpoint_end(given.checkpointer)
            self._leave("shard ended")

    def _committed(self, committed: Committed) -> None:
        self._around.reporter.committed(committed, self._behind_ms)

    def _leave(self, why: str) -> None:
        self._around.reporter.left(why)
        self._consumer = None

    def _checkpoint(self, checkpointer: Any, place: Place | None) -> None:
        """Tell KCL how far the lake is. A hint: without it, more is read again and skipped."""
        if place is not None:
            problem = self._tried(lambda: checkpointer.checkpoint(str(place.sequence), place.sub))
            if problem not in {None, _LEASE_LOST}:
                _logger.warning("the checkpoint at %s was not taken: %s", place, problem)

    def _checkpoint_end(self, checkpointer: Any) -> None:
        """Tell KCL that the shard's children may begin, which nobody else would."""
        problem = self._tried(checkpointer.checkpoint)
        if problem not in {None, _LEASE_LOST}:
            raise PlaylakeError(
                f"the end of the shard was not checkpointed ({problem}); it is all in the lake, and"
                " is read to its end once more."
            )

    def _tried(self, checkpoint: Callable[[], None]) -> str | None:
        """What KCL said last, the name of a Java exception; None when it has taken it."""
        problem = None
        for left in reversed(range(_TRIES)):
            try:
                checkpoint()
            except CheckpointError as error:
                problem = str(error.value)
                if problem == _LEASE_LOST:
                    return problem
            else:
                return None
            if left:
                self._around.sleep(_PAUSE_SECONDS)
        return problem


class _Fatal:
    """Whatever is raised inside is said, and ends the process before KCL hears of success."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def __enter__(self) -> None: ...

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PlaylakeError):
            _logger.error("%s", error)
        elif error is not None:
            _logger.error("the consumer failed", exc_info=error)
        if error is not None:
            self._around.end(1)


def checkpoint_place(given: Any) -> Place | None:
    """Where KCL says the shard was read to; None where it only says where to begin, such as
    TRIM_HORIZON (Java: `ExtendedSequenceNumber`)."""
    number = given.sequence_number
    if number is None or not number.isdecimal():
        return None
    return Place(int(number), given.sub_sequence_number or 0)


def stream_records(records: Iterable[Any]) -> Iterable[StreamRecord]:
    """KCL's records as the consumer's."""
    for each in records:
        place = Place(int(each.sequence_number), each.sub_sequence_number or 0)
        yield StreamRecord(place, each.data, each.timestamp_millis)


def main() -> None:
    """Be the child of a daemon, until it closes this process's standard input.

    When the daemon dies that is closed too, and what was gathered is left to whoever comes next.
    """
    # A terminal sends its signals to the whole group. Who ends what is the supervisor's to say:
    # it asks the daemon, and the daemon asks its children by the protocol.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    settings = ConsumerSettings.from_environment(os.environ)
    around = Surroundings(Reporter(settings.news, settings.worker, os.getpid()))
    _log_to(around.reporter)
    with _Fatal(around):
        processor = RecordProcessor(
            lambda shard, on_committed: open_consumer(settings, shard, on_committed), around
        )
        kcl.KCLProcess(processor, *_protocol(), sys.stderr).run()


def _protocol() -> tuple[BinaryIO, TextIO]:
    """The daemon's messages and the way to answer them, which nothing else in here may print to."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(sys.stdin.fileno(), "rb", _READ_BYTES, closefd=False), answers


def _log_to(reporter: Reporter) -> None:
    told = ReportingHandler(reporter) if reporter.heard else logging.StreamHandler()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[told])


if __name__ == "__main__":
    main()
