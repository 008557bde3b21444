"""From which stream into which lake `playlake consume` goes, by its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from events.errors import SettingsError
from playlake.cli.opening import find_stack, open_session
from playlake.local.folder import DataFolder

if TYPE_CHECKING:
    from pathlib import Path

    from playlake.cli.where import AwsOptions
    from playlake.deployed.deployment import Deployed
    from playlake.drivers.session import Session


@dataclass(frozen=True, slots=True)
class Named:
    """What was named by options, one by one."""

    stream: str | None
    lake: str | None
    catalog: str | None
    data: Path | None


@dataclass(frozen=True, slots=True)
class Source:
    """What is consumed into what, and the session that reaches it."""

    stream: str
    lake: str
    catalog: str
    session: Session


def find_source(named: Named, aws: AwsOptions) -> Source:
    """The one source that the options name. Raises SettingsError."""
    if aws.stack is not None:
        return _of_stack(named, aws.stack)
    if named.stream is None:
        raise SettingsError(
            "Name the stream with --stream, or a stack that has one with --identifier."
        )
    lake, catalog = _lake(named)
    return Source(named.stream, lake, catalog, open_session(aws.region, aws.profile))


def _of_stack(named: Named, where: Deployed) -> Source:
    given = {
        "--stream": named.stream,
        "--lake": named.lake,
        "--catalog": named.catalog,
        "--data": named.data,
    }
    strays = [name for name, value in given.items() if value is not None]
    if strays:
        raise SettingsError(
            f"--identifier {where.identifier} names a stack, which has all of that: leave"
            f" {' and '.join(strays)} out."
        )
    found = find_stack(where)
    deployment = found.deployment
    if deployment.stream is None:
        raise SettingsError(
            f"The stack {where} delivers by Firehose and has no stream to consume; docs/kinesis.md"
            " says when to deploy it with --param delivery=kinesis."
        )
    lake = f"s3://{deployment.bucket}/lake"
    return Source(deployment.stream, lake, f"glue://{deployment.database}", found.session)


def _lake(named: Named) -> tuple[str, str]:
    """The URIs of lake and catalog."""
    if named.data is not None:
        if named.lake is not None or named.catalog is not None:
            raise SettingsError(
                f"--data {named.data} is a folder with its own lake and catalog: leave --lake and"
                " --catalog out."
            )
        folder = DataFolder(named.data.resolve())
        return folder.lake.as_uri(), f"sqlite://{folder.catalog.as_uri().removeprefix('file://')}"
    if named.lake is None:
        raise SettingsError(
            "Say where to: --lake s3://bucket/lake --catalog glue://database, or --data DIR for a"
            " folder on this machine."
        )
    return named.lake, named.catalog or _catalog_beside(named.lake)


def _catalog_beside(lake: str) -> str:
    from playlake.consuming.settings import beside

    above = urlsplit(beside(lake))
    if above.scheme != "file":
        raise SettingsError(f"--lake {lake} needs a catalog: give --catalog glue://database.")
    return f"sqlite://{above.path}/catalog.db"
