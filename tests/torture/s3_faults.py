"""S3 that is overloaded, falls silent, or finds somebody else at work on the same key."""

from collections.abc import Iterator, Mapping
from random import Random

from tests.torture.proxy import (
    Cause,
    Choose,
    Request,
    ask_twice,
    cut_short,
    hang_up,
    lose_answer,
    refuse_xml,
    spare,
)
from tests.torture.row import Row
from tests.torture.stack import Stack, stack

_ATTEMPTS = 4
"""Firehose's, of one batch. The last finds S3 well: what Firehose gives up on lies under
`failed/`, which `playlake replay` is for."""
_WRITING, _COMPACTING = 0.6, 0.2
"""The share of requests that meet a fault: a compaction makes many more than a batch does."""

# Amazon S3 API reference, "Error responses".
_BUSY = (
    refuse_xml(500, "InternalError"),
    refuse_xml(503, "ServiceUnavailable"),
    refuse_xml(503, "SlowDown"),
    hang_up,
)
_OVERLOAD: Mapping[str, tuple[Cause, ...]] = {
    "PUT": (*_BUSY, lose_answer),
    "GET": (*_BUSY, cut_short),  # reads and lists
    "DELETE": (*_BUSY, lose_answer),
}
_CONFLICTS: Mapping[str, tuple[Cause, ...]] = {
    # The second of two equal writes is answered 412, as botocore's is after an answer was lost.
    "PUT": (refuse_xml(409, "ConditionalRequestConflict"), ask_twice, lose_answer),
}


def overloaded(times: int, seed: int) -> Iterator[Row]:
    """5xx, broken connections, lost answers and torn ones, on every kind of request."""
    yield from _strike("s3-5xx", times, seed, _OVERLOAD)


def conflicting(times: int, seed: int) -> Iterator[Row]:
    """409 and 412 on conditional writes."""
    yield from _strike("s3-conflict", times, seed, _CONFLICTS)


def _strike(
    fault: str, times: int, seed: int, causes: Mapping[str, tuple[Cause, ...]]
) -> Iterator[Row]:
    rng, recovery, failed = Random(seed), list[float](), 0
    with stack(seed) as deployed:
        while deployed.storing.caused < times:
            batch, began = deployed.batch(rng.randint(5, 15)), deployed.clock()
            before = deployed.storing.caused
            for attempt in range(1, _ATTEMPTS + 1):
                last = attempt == _ATTEMPTS
                deployed.storing.choose = spare if last else _choosing(rng, causes, _WRITING)
                if deployed.transform(batch):
                    break
                failed += 1
            else:
                raise AssertionError("Firehose gave up, with nothing wrong")
            if deployed.storing.caused > before:
                recovery.append(deployed.clock() - began)
            failed += _compact(rng, deployed, causes)
        yield deployed.row(fault, deployed.storing.caused, recovery, f"{failed} invocations failed")


def _compact(rng: Random, deployed: Stack, causes: Mapping[str, tuple[Cause, ...]]) -> int:
    """Now and then the hour strikes, and S3 is no better; how often that failed."""
    if rng.random() < 0.7:
        return 0
    deployed.storing.choose = _choosing(rng, causes, _COMPACTING)
    return not deployed.compact()


def _choosing(rng: Random, causes: Mapping[str, tuple[Cause, ...]], share: float) -> Choose:
    def choose(request: Request) -> Cause | None:
        fitting = causes.get(request.method)
        return rng.choice(fitting) if fitting and rng.random() < share else None

    return choose
