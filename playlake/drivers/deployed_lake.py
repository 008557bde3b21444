"""The lake of a deployed stack: Glue's partitions, Athena's answers, S3's list of files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from catalog.drivers.athena import AthenaEngine
from catalog.drivers.glue import GlueCatalog
from catalog.port import Catalog
from events.layout import parse_key
from playlake.deployed.deployment import Deployment
from playlake.drivers.session import Session, failures
from playlake.lake import Day, Lake

LAKE_PREFIX = "lake"


@contextmanager
def opened_lake(
    session: Session, deployment: Deployment, tell: Callable[[Any], None]
) -> Iterator[Lake]:
    """The stack's lake; `tell` hears of a query's progress while Athena works on it."""
    s3 = session.client("s3")
    catalog = GlueCatalog(
        deployment.database, deployment.bucket, LAKE_PREFIX, session.client("glue"), s3
    )
    with AthenaEngine(
        catalog, deployment.database, deployment.workgroup, session.client("athena"), tell
    ) as engine:
        yield Lake(catalog, engine, lambda table: _days(catalog, s3, deployment.bucket, table))


def _days(catalog: Catalog, s3: Any, bucket: str, table: str) -> list[Day]:
    """The table's partitions, with the files that lie in each; Glue does not count their rows."""
    held: dict[str, list[int]] = {dt: [] for dt in catalog.partitions(table)}
    for dt, size in _objects(s3, bucket, table):
        if dt in held:
            held[dt].append(size)
    return [Day(table, dt, len(sizes), None, sum(sizes)) for dt, sizes in held.items()]


def _objects(s3: Any, bucket: str, table: str) -> Iterator[tuple[str, int]]:
    """The (dt, bytes) of each of the table's data files."""
    pages = s3.get_paginator("list_objects_v2")
    with failures():
        for page in pages.paginate(Bucket=bucket, Prefix=f"{LAKE_PREFIX}/{table}/"):
            for found in page.get("Contents", ()):
                partition = parse_key(found["Key"].removeprefix(f"{LAKE_PREFIX}/"))
                if partition is not None:
                    yield partition[1], found["Size"]
