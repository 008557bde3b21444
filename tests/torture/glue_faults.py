"""Glue that throttles or is away, and notices of S3 that are lost: what Athena sees in the end.

A row counts here when its object lies in a partition that Glue knows.
"""

import json
from collections.abc import Iterator
from random import Random

from catalog.drivers.keys import partition_of
from events.registry import REGISTRY
from tests.glue_double import DATABASE, errors
from tests.test_catalog_handler import eventbridge
from tests.torture.proxy import Answer, Cause, Choose, Forward, Request, hang_up, refuse_json, spare
from tests.torture.row import Row
from tests.torture.stack import SCHEDULED, Stack, stack

_HOUR = 3600.0
_PAUSES = (60.0, 120.0)
"""Before Lambda's second and third try of an asynchronous invocation (Lambda developer guide,
"How Lambda handles errors and retries with asynchronous invocation")."""
_MOST_SYNCS = 3

_DOWN = (
    refuse_json(500, "InternalServiceException"),
    refuse_json(503, "ServiceUnavailable"),
    hang_up,
)
_THROTTLED = refuse_json(400, "ThrottlingException")


def throttled(times: int, seed: int) -> Iterator[Row]:
    """Half of Glue's calls are refused, or some of their partitions are."""
    rng, recovery = Random(seed), list[float]()
    with stack(seed) as deployed:
        while deployed.cataloging.caused < times:
            deployed.cataloging.choose = _halving(rng)
            began = deployed.clock()
            _tell(deployed, _write_new_day(rng, deployed))
            recovery += _recover(deployed, began)
        yield _row(deployed, "glue-throttled", deployed.cataloging.caused, recovery)


def down(times: int, seed: int) -> Iterator[Row]:
    """Glue is away for an hour in which objects come, and the hourly sync fails once."""
    rng, recovery = Random(seed), list[float]()
    with stack(seed) as deployed:
        for _ in range(times):
            deployed.cataloging.choose = lambda _request: rng.choice(_DOWN)
            began = deployed.clock()
            while deployed.clock() - began < _HOUR:
                _tell(deployed, _write_new_day(rng, deployed))
                deployed.clock.sleep(_HOUR / 4)
            assert not deployed.catalog(SCHEDULED)
            deployed.cataloging.choose = spare
            recovery += _recover(deployed, began)
        yield _row(deployed, "glue-down", times, recovery)


def behind(times: int, seed: int) -> Iterator[Row]:
    """A day's notices are lost, and the sync that is to find its objects meets faults too."""
    rng, recovery = Random(seed), list[float]()
    with stack(seed) as deployed:
        for _ in range(times):
            began = deployed.clock()
            for _ in range(2):
                _write_new_day(rng, deployed)
            deployed.cataloging.choose = _failing_entries(rng)
            recovery += _recover(deployed, began)
        yield _row(deployed, "catalog-behind", times, recovery)


def _write_new_day(rng: Random, deployed: Stack) -> list[str]:
    """A batch of events of a day without a partition; gives the objects that S3 tells of."""
    deployed.tracker.sleep_over()
    before = set(deployed.objects())
    assert deployed.transform(deployed.batch(rng.randint(2, 5)))
    return sorted(set(deployed.objects()) - before)


def _tell(deployed: Stack, keys: list[str]) -> None:
    """Invoke the catalog's function for each object, up to three times."""
    waiting = [eventbridge(key) for key in keys]
    for pause in (*_PAUSES, 0.0):
        waiting = [event for event in waiting if not deployed.catalog(event)]
        deployed.clock.sleep(pause if waiting else 0.0)


def _recover(deployed: Stack, began: float) -> list[float]:
    """Let hours strike until Glue knows all; the seconds since it `began`, if it ever does."""
    for _ in range(_MOST_SYNCS):
        if not _unknown(deployed):
            return [deployed.clock() - began]
        deployed.clock.sleep(_HOUR - (deployed.clock() - began) % _HOUR)
        deployed.catalog(SCHEDULED)
    return [] if _unknown(deployed) else [deployed.clock() - began]


def _known(deployed: Stack) -> set[tuple[str, str]]:
    """Glue's partitions: table and day."""
    pages = deployed.glue.get_paginator("get_partitions")
    return {
        (table.name, each["Values"][0])
        for table in REGISTRY.tables
        for page in pages.paginate(DatabaseName=DATABASE, TableName=table.name)
        for each in page["Partitions"]
    }


def _unknown(deployed: Stack) -> set[tuple[str, str]]:
    """What has objects and no partition."""
    return {_partition(key) for key in deployed.objects()} - _known(deployed)


def _partition(key: str) -> tuple[str, str]:
    found = partition_of(key.removeprefix("lake/"))
    assert found, key
    return found.table, found.dt


def _row(deployed: Stack, fault: str, times: int, recovery: list[float]) -> Row:
    known = _known(deployed)
    return deployed.row(fault, times, recovery, seen=lambda key: _partition(key) in known)


def _halving(rng: Random) -> Choose:
    entries = _failing_entries(rng)

    def choose(request: Request) -> Cause | None:
        return entries(request) or (_THROTTLED if rng.random() < 0.5 else None)

    return choose


def _failing_entries(rng: Random) -> Choose:
    def choose(request: Request) -> Cause | None:
        creating = request.headers.get("x-amz-target", "").endswith(".BatchCreatePartition")
        return fail if creating and rng.random() < 0.5 else None

    def fail(request: Request, forward: Forward) -> Answer:
        """Make some of the partitions, and say of the others that they failed."""
        asked = json.loads(request.body)
        inputs = asked["PartitionInputList"]
        failing = {each["Values"][0] for each in inputs if rng.random() < 0.5}
        asked["PartitionInputList"] = [each for each in inputs if each["Values"][0] not in failing]
        body = json.dumps(asked).encode()
        done = forward(Request(request.method, request.path, request.headers, body))
        answer = json.loads(done.body)
        more = errors("InternalServiceException", *sorted(failing))  # type: ignore[no-untyped-call]
        answer["Errors"] = [*answer.get("Errors", ()), *more["Errors"]]
        return Answer(done.status, json.dumps(answer).encode(), done.headers)

    return choose
