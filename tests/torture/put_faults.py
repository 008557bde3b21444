"""PutRecordBatch that fails: partly, wholly, by its quota, and after it took the records."""

from collections.abc import Callable, Iterator
from random import Random

from ingest.drivers.spool_batch import Batch
from tests.batch_double import FailRecords
from tests.torture.proxy import (
    Answer,
    Cause,
    Choose,
    Forward,
    Request,
    answer_late,
    hang_up,
    lose_answer,
    refuse_json,
)
from tests.torture.row import Row
from tests.torture.stack import ANSWER_SECONDS, Stack, part, stack

_SHARE = 0.4
"""Of the calls that meet a fault by itself."""
_OUTAGES = 0.02
"""Of the calls that begin an outage."""
_OUTAGE_CALLS = (12, 24)
"""More than a put tries in its six seconds: the client is answered 503."""
_REQUESTS = 15
"""Before Firehose delivers what it has."""

_WHOLLY = (
    refuse_json(500, "InternalFailure"),
    refuse_json(503, "ServiceUnavailableException"),
    hang_up,
)
# Firehose API reference, "PutRecordBatch" and "Common errors".
_THROTTLED = (
    refuse_json(503, "ServiceUnavailableException"),
    refuse_json(400, "LimitExceededException"),
    refuse_json(400, "ThrottlingException"),
)
_TAKEN = (answer_late(1.2 * ANSWER_SECONDS), lose_answer)


def put_partly(times: int, seed: int) -> Iterator[Row]:
    """A 200 whose `FailedPutCount` is not 0."""
    rng = Random(seed)
    with stack(seed) as deployed:
        yield _strike("put-partly", times, rng, deployed, [_some(rng, deployed)])


def put_wholly(times: int, seed: int) -> Iterator[Row]:
    """500, 503, and a connection that ends."""
    with stack(seed) as deployed:
        yield _strike("put-wholly", times, Random(seed), deployed, _WHOLLY)


def put_throttled(times: int, seed: int) -> Iterator[Row]:
    """The service's words for "slower"."""
    with stack(seed) as deployed:
        yield _strike("put-throttled", times, Random(seed), deployed, _THROTTLED)


def put_timed_out(times: int, seed: int) -> Iterator[Row]:
    """The records are taken, and nobody says so: the driver sends them again."""
    with stack(seed) as deployed:
        yield _strike("put-timed-out", times, Random(seed), deployed, _TAKEN)


def _some(rng: Random, deployed: Stack) -> Cause:
    """Some of the records, of however many there are, are not taken: the double's own fault."""

    def fail(request: Request, forward: Forward) -> Answer:
        failing = frozenset(index for index in range(20) if rng.random() < 0.5) | {0}
        deployed.firehose.faults.append(FailRecords(failing))
        return forward(request)

    return fail


def _choosing(rng: Random, causes: list[Cause] | tuple[Cause, ...]) -> Choose:
    """Single faults, and now and then as many on end as no put has patience for."""
    left = 0

    def choose(_request: Request) -> Cause | None:
        nonlocal left
        if not left and rng.random() < _OUTAGES:
            left = rng.randint(*_OUTAGE_CALLS)
        if left or rng.random() < _SHARE:
            left = max(0, left - 1)
            return rng.choice(causes)
        return None

    return choose


def _strike(
    fault: str,
    times: int,
    rng: Random,
    deployed: Stack,
    causes: list[Cause] | tuple[Cause, ...],
) -> Row:
    deployed.putting.choose = _choosing(rng, causes)
    recovery: list[float] = []
    while deployed.putting.caused < times:
        for _ in range(_REQUESTS):
            _timed(deployed, lambda: deployed.tracker.send(1), recovery)
        for batch in _small(rng, deployed.batch(0)):
            assert deployed.transform(batch)
        if rng.random() < 0.1:
            assert deployed.compact()
    note = f"503 answered {deployed.tracker.unstored} times"
    return deployed.row(fault, deployed.putting.caused, recovery, note)


def _small(rng: Random, batch: Batch) -> Iterator[Batch]:
    """Batches of a few records: what was put twice is hardly ever in one of them, where the
    transform would see it, and is compaction's to find."""
    first, count = 0, len(batch.records)
    while first < count:
        end = first + rng.randint(1, 6)
        yield part(batch, first, end)
        first = end


def _timed(deployed: Stack, send: Callable[[], None], recovery: list[float]) -> None:
    """Send, and note how long it took when it met faults."""
    before, began = deployed.putting.caused, deployed.clock()
    send()
    if deployed.putting.caused > before:
        recovery.append(deployed.clock() - began)
