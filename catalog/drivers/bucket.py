"""The lake in a bucket: in which days of a table something lies."""

from dataclasses import dataclass
from typing import Any

from catalog.drivers.aws import AwsError, cause
from catalog.drivers.folder import HIDDEN
from events.errors import CatalogUnavailable
from events.table import PARTITION_KEY

_DAY = f"{PARTITION_KEY}="


@dataclass(frozen=True, slots=True)
class Bucket:
    """Every method raises `CatalogUnavailable`, with the place that could not be listed."""

    s3: Any
    name: str
    prefix: str
    """Empty, or ending in `/`."""

    def days(self, table: str) -> tuple[set[str], list[str]]:
        """The days that have an object, and what else lies beside them, hidden names left out.

        One listed page holds a thousand days, however many objects they have.
        """
        folder = f"{self.prefix}{table}/"
        days, others = set(), []
        for found in self._below(folder):
            name = found.removeprefix(folder)
            if name.startswith(_DAY) and name.endswith("/"):
                days.add(name[len(_DAY) : -1])
            elif name and not name.startswith(HIDDEN):
                others.append(found)
        return days, others

    def holds(self, table: str, dt: str) -> bool:
        """Whether anything lies in that day now."""
        folder = f"{self.prefix}{table}/{_DAY}{dt}/"
        try:
            found = self.s3.list_objects_v2(Bucket=self.name, Prefix=folder, MaxKeys=1)
        except AwsError as error:
            raise self._unavailable(folder, error) from error
        return bool(found.get("KeyCount"))

    def _below(self, folder: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2")
        found: list[str] = []
        try:
            for page in pages.paginate(Bucket=self.name, Prefix=folder, Delimiter="/"):
                found += [each["Prefix"] for each in page.get("CommonPrefixes", ())]
                found += [each["Key"] for each in page.get("Contents", ())]
        except AwsError as error:
            raise self._unavailable(folder, error) from error
        return found

    def _unavailable(self, folder: str, error: Exception) -> CatalogUnavailable:
        return CatalogUnavailable(f"cannot list s3://{self.name}/{folder}: {cause(error)}")
