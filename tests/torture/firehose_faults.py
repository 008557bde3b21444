"""Firehose that delivers again: a batch as it was, or its records cut into others."""

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from random import Random

from ingest.drivers.spool_batch import Batch
from playlake.local.invocation import Transformed, check
from tests.torture.function import Function
from tests.torture.proxy import Cause, Choose, Forward, Request, spare
from tests.torture.row import Row
from tests.torture.stack import Stack, event, part, stack

_COMPACTIONS = 0.1
"""How often the hour strikes between two invocations."""


def again(times: int, seed: int) -> Iterator[Row]:
    """A batch's first three invocations are killed at a random PUT, or their answers lost."""
    rng = Random(seed)
    with stack(seed) as deployed, Function(os.environ) as function:
        killed = 0
        for _ in range(times):
            batch = deployed.batch(rng.randint(1, 8))
            for _ in range(3):
                killed += _unheard(rng, deployed, function, batch)
                _compact_sometimes(rng, deployed)
            assert _done(function, batch)
        yield deployed.row("firehose-again", times, note=f"{killed} invocations killed")


def recut(times: int, seed: int) -> Iterator[Row]:
    """What failed comes again in overlapping batches, out of order, to two processes at once."""
    rng = Random(seed)
    with stack(seed) as deployed, Function(os.environ) as one, Function(os.environ) as other:
        cuts = 0
        for _ in range(times):
            batch = deployed.batch(rng.randint(5, 20))
            _unheard(rng, deployed, one, batch)
            parts = _cut_anew(rng, batch)
            _invoke_at_once((one, other), parts)
            _compact_sometimes(rng, deployed)
            cuts += len(parts)
        yield deployed.row("firehose-recut", times, note=f"{cuts} overlapping batches")


def _unheard(rng: Random, deployed: Stack, function: Function, batch: Batch) -> bool:
    """An invocation whose answer, if any, Firehose does not hear; whether it was killed."""
    if rng.random() < 0.5:
        deployed.storing.choose = _killing(function, rng.randint(1, 8), done=rng.random() < 0.5)
    killed = function.invoke(event(batch)) is None
    deployed.storing.choose = spare
    return killed


def _killing(function: Function, nth: int, *, done: bool) -> Choose:
    """Kill it at its n-th PUT, before that or once it is `done`."""
    numbers = itertools.count(1)

    def kill(request: Request, forward: Forward) -> None:
        if done:
            forward(request)
        function.kill()

    def choose(request: Request) -> Cause | None:
        return kill if request.method == "PUT" and next(numbers) == nth else None

    return choose


def _cut_anew(rng: Random, batch: Batch) -> list[Batch]:
    """Batches that hold every record, most of them twice or more, in any order."""
    parts, end, count = list[Batch](), 0, len(batch.records)
    while end < count:
        first = max(0, end - rng.randrange(1 + count // 3))
        end = min(count, end + rng.randint(1, 1 + count // 3))
        parts.append(part(batch, first, end))
    rng.shuffle(parts)
    return parts


def _invoke_at_once(functions: tuple[Function, ...], parts: list[Batch]) -> None:
    """Each function takes the next batch as soon as it is free."""
    queue: SimpleQueue[Batch | None] = SimpleQueue()
    for each in [*parts, *[None] * len(functions)]:
        queue.put(each)

    def work(function: Function) -> bool:
        return all(_done(function, batch) for batch in iter(queue.get, None))

    with ThreadPoolExecutor(len(functions)) as pool:
        assert all(pool.map(work, functions))


def _done(function: Function, batch: Batch) -> bool:
    """Invoke, and look at the answer as Firehose does."""
    response = check(function.invoke(event(batch)), batch)
    return isinstance(response, Transformed) and not response.failed


def _compact_sometimes(rng: Random, deployed: Stack) -> None:
    if rng.random() < _COMPACTIONS:
        assert deployed.compact()
