"""One table of the Glue Data Catalog: its partitions, made and dropped until every one is done."""

import hashlib
import itertools
import json
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from catalog.drivers.aws import AwsError, cause, code
from events.errors import CatalogUnavailable
from events.table import PARTITION_KEY

_CREATED_AT_ONCE = _UPDATED_AT_ONCE = 100
_DELETED_AT_ONCE = 25
"""Glue API: BatchCreatePartition, BatchUpdatePartition, BatchDeletePartition."""

SCHEMA = "playlake.schema"
"""The partition's parameter that says by which of the table's descriptors it was made."""

_ATTEMPTS = 6
_LONGEST_SECONDS = 4.0
_EXISTS = "AlreadyExistsException"
_NOT_THERE = "EntityNotFoundException"
# An entry's errors that say "later"; botocore tries again only when the whole call is refused.
_PASSING = {
    "InternalServiceException",
    "OperationTimeoutException",
    "ConcurrentModificationException",
    "ThrottlingException",
    "InternalFailure",
}


class Fault(NamedTuple):
    """Why Glue did not do what was asked of one partition."""

    code: str
    message: str


class Known(NamedTuple):
    """What Glue has of a partition."""

    digest: str | None
    """Of the shape that it was made by."""
    location: str


class _Action(NamedTuple):
    """What is done to partitions, a batch of days at a time."""

    words: str
    at_once: int
    call: Callable[[list[str]], Mapping[str, Any]]
    needless: str
    """The code of an entry's fault that says that it was done already."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table's partitions are to be read: its own StorageDescriptor, for each day's folder."""

    descriptor: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """What tells this shape from another, short enough for a parameter."""
        text = json.dumps(self.descriptor, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def home(self, dt: str) -> str:
        """Where a day's files lie."""
        return f"{self.descriptor['Location'].rstrip('/')}/{PARTITION_KEY}={dt}/"

    def partition(self, dt: str, location: str | None = None) -> dict[str, Any]:
        """The `PartitionInput` of a day, read from its home or from another location."""
        return {
            "Values": [dt],
            "StorageDescriptor": {**self.descriptor, "Location": location or self.home(dt)},
            "Parameters": {SCHEMA: self.digest},
        }


@dataclass(frozen=True, slots=True)
class GlueTable:
    """Every method raises `CatalogUnavailable`, with the table's name and what to do."""

    glue: Any
    database: str
    name: str
    sleep: Callable[[float], None] = time.sleep

    def shape(self) -> Shape:
        """The table's shape as it is deployed now."""
        try:
            found = self.glue.get_table(DatabaseName=self.database, Name=self.name)
        except AwsError as error:
            raise self._unavailable("read the columns", error) from error
        return Shape(found["Table"]["StorageDescriptor"])

    def partitions(self) -> dict[str, Known]:
        """What is known of each partition, by day, oldest first."""
        pages = self.glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.database, TableName=self.name, ExcludeColumnSchema=True
        )
        try:
            found = {
                partition["Values"][0]: _known(partition)
                for page in pages
                for partition in page["Partitions"]
            }
        except AwsError as error:
            raise self._unavailable("list the partitions", error) from error
        return dict(sorted(found.items()))

    def create(self, dts: Collection[str], shape: Shape) -> set[str]:
        """Make the partitions, and say which of them are new."""

        def call(batch: list[str]) -> Mapping[str, Any]:
            inputs = [shape.partition(dt) for dt in batch]
            answer: Mapping[str, Any] = self.glue.batch_create_partition(
                DatabaseName=self.database, TableName=self.name, PartitionInputList=inputs
            )
            return answer

        return set(dts) - self._do(_Action("make", _CREATED_AT_ONCE, call, _EXISTS), dts)

    def location(self, dt: str) -> str | None:
        """Where the partition is read from; None when there is no such partition."""
        try:
            found = self.glue.get_partition(
                DatabaseName=self.database, TableName=self.name, PartitionValues=[dt]
            )
        except AwsError as error:
            if code(error) == _NOT_THERE:
                return None
            raise self._unavailable("find a partition", error) from error
        return _known(found["Partition"]).location

    def update(self, dts: Collection[str], shape: Shape, location: str | None = None) -> set[str]:
        """Let the partitions be read by the table's present shape, from their homes or from another
        location; gives those that are gone, and stay gone."""

        def call(batch: list[str]) -> Mapping[str, Any]:
            entries = [
                {"PartitionValueList": [dt], "PartitionInput": shape.partition(dt, location)}
                for dt in batch
            ]
            answer: Mapping[str, Any] = self.glue.batch_update_partition(
                DatabaseName=self.database, TableName=self.name, Entries=entries
            )
            return answer

        return self._do(_Action("update", _UPDATED_AT_ONCE, call, _NOT_THERE), dts)

    def delete(self, dts: Collection[str]) -> None:
        """Drop the partitions; what is gone already is success."""

        def call(batch: list[str]) -> Mapping[str, Any]:
            values = [{"Values": [dt]} for dt in batch]
            answer: Mapping[str, Any] = self.glue.batch_delete_partition(
                DatabaseName=self.database, TableName=self.name, PartitionsToDelete=values
            )
            return answer

        self._do(_Action("drop", _DELETED_AT_ONCE, call, _NOT_THERE), dts)

    def _do(self, action: _Action, dts: Collection[str]) -> set[str]:
        """Call until every partition is done; gives those for which there was nothing to do."""
        pending, needless = sorted(dts), set[str]()
        for attempt in itertools.count(1):
            faults: dict[str, Fault] = {}
            for batch in _batches(pending, action.at_once):
                faults |= self._call(action, batch)
            needless |= {dt for dt, fault in faults.items() if fault.code == action.needless}
            pending = [dt for dt in pending if dt in faults and dt not in needless]
            if not pending:
                break
            self._wait_or_raise(action, attempt, [faults[dt] for dt in pending])
        return needless

    def _call(self, action: _Action, batch: list[str]) -> dict[str, Fault]:
        try:
            return _faults(action.call(batch))
        except AwsError as error:
            if code(error) != _EXISTS:
                raise self._unavailable(f"{action.words} partitions", error) from error
        # BatchCreatePartition may be refused as a whole too (Glue API, "Errors"), for one of many.
        if len(batch) == 1:
            return {batch[0]: Fault(_EXISTS, "")}
        return {dt: fault for each in batch for dt, fault in self._call(action, [each]).items()}

    def _wait_or_raise(self, action: _Action, attempt: int, faults: list[Fault]) -> None:
        lasting = [fault for fault in faults if fault.code not in _PASSING]
        if lasting or attempt == _ATTEMPTS:
            fault = (lasting or faults)[0]
            raise CatalogUnavailable(
                f"Glue did not {action.words} {len(faults)} partitions of"
                f" {self.database}.{self.name}: {fault.code}: {fault.message}"
            )
        # Full jitter: two functions that were throttled together do not come back together.
        self.sleep(random.uniform(0.1, min(_LONGEST_SECONDS, 0.2 * 2**attempt)))  # noqa: S311

    def _unavailable(self, action: str, error: Exception) -> CatalogUnavailable:
        if code(error) == _NOT_THERE:
            return CatalogUnavailable(
                f"Glue has no table {self.database}.{self.name}: deploy first"
                " (`npx serverless deploy`), or again if a deployment failed half way"
            )
        return CatalogUnavailable(
            f"Glue did not {action} of {self.database}.{self.name}: {cause(error)}"
        )


def _known(partition: Mapping[str, Any]) -> Known:
    location = str(partition["StorageDescriptor"]["Location"])
    return Known(partition.get("Parameters", {}).get(SCHEMA), f"{location.rstrip('/')}/")


def _faults(answer: Mapping[str, Any]) -> dict[str, Fault]:
    # Creating and deleting name the partition by one word, updating by another.
    return {
        (each.get("PartitionValues") or each["PartitionValueList"])[0]: Fault(
            each["ErrorDetail"].get("ErrorCode", ""), each["ErrorDetail"].get("ErrorMessage", "")
        )
        for each in answer.get("Errors", ())
    }


def _batches(dts: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(dts)
    while batch := list(itertools.islice(remaining, size)):
        yield batch
