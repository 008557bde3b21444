"""Where a command looks or sends: one value, from the options that such commands share."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from events.errors import SettingsError
from playlake.cli.options import DEFAULT_DATA
from playlake.deployed.deployment import DEFAULT_STAGE, Deployed
from playlake.local.folder import DataFolder

Where = DataFolder | Deployed
"""Where there is something to look at."""


@dataclass(frozen=True, slots=True)
class Collector:
    """A collector that runs somewhere, by its URL."""

    url: str


@dataclass(frozen=True, slots=True)
class AwsOptions:
    """How AWS is asked; None is what the AWS environment says."""

    region: str | None
    profile: str | None
    stack: Deployed | None
    """The stack that is meant, if one is."""


Target = Where | Collector
"""Where events can be sent."""

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help=f"The data folder. Default: {DEFAULT_DATA}."),
]
Identifier = Annotated[
    str | None,
    typer.Option(
        "--identifier", metavar="NAME", help="A stack on AWS, as it was deployed; not with --data."
    ),
]
Stage = Annotated[
    str | None,
    typer.Option("--stage", help=f"The stage of the stack. Default: {DEFAULT_STAGE}."),
]
Region = Annotated[
    str | None, typer.Option("--region", help="Its region. Default: the AWS environment's.")
]
Profile = Annotated[
    str | None, typer.Option("--profile", help="The AWS profile. Default: the environment's.")
]
To = Annotated[
    str | None, typer.Option("--to", metavar="URL", help="Post to a running collector instead.")
]

_DEPLOYED = {"identifier": Identifier, "stage": Stage, "region": Region, "profile": Profile}
_ANYWHERE = {"data": Data, **_DEPLOYED}
_TARGET = {"to": To, **_ANYWHERE}


def anywhere(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command `where`, a data folder or a deployed stack, by the options for either."""
    return _given(command, _ANYWHERE, parse_where)


def deployed(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command `where`, a deployed stack, by the options that name one."""
    return _given(command, _DEPLOYED, parse_deployed)


def sending(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command `where`, a collector too, by the options for any of the three."""
    return _given(command, _TARGET, parse_target)


def aws(command: Callable[..., None]) -> Callable[..., None]:
    """Give the command `where`, how AWS is asked, by the options that name a stack or none."""
    return _given(command, _DEPLOYED, parse_aws)


def parse_aws(
    identifier: str | None, stage: str | None, region: str | None, profile: str | None
) -> AwsOptions:
    """How AWS is asked, and about which stack, if any."""
    stack = None
    if identifier is not None:
        stack = parse_deployed(identifier, stage, region, profile)
    elif stage is not None:
        _refuse_strays(stage, None, None)
    return AwsOptions(region, profile, stack)


def parse_target(to: str | None, data: Path | None, **deployed: str | None) -> Target:
    """The one target that the options name; raises SettingsError when they name two."""
    where = parse_where(data, **deployed)
    if to is None:
        return where
    if data is not None or isinstance(where, Deployed):
        raise SettingsError(
            f"--to {to} is a collector of its own: leave --data and --identifier out."
        )
    return Collector(to)


def parse_where(
    data: Path | None,
    identifier: str | None = None,
    stage: str | None = None,
    region: str | None = None,
    profile: str | None = None,
) -> Where:
    """The one place that the options name; raises SettingsError when they name two."""
    if identifier is None:
        _refuse_strays(stage, region, profile)
        return DataFolder(DEFAULT_DATA if data is None else data)
    if data is not None:
        raise SettingsError(
            f"--data {data} is a folder and --identifier {identifier} a stack on AWS:"
            " give one of them."
        )
    return parse_deployed(identifier, stage, region, profile)


def parse_deployed(
    identifier: str | None,
    stage: str | None = None,
    region: str | None = None,
    profile: str | None = None,
) -> Deployed:
    """The stack that the options name; raises SettingsError when they name none."""
    if identifier is None:
        raise SettingsError(
            "Name the stack with --identifier, as in `serverless deploy --identifier demo`."
        )
    return Deployed(identifier, DEFAULT_STAGE if stage is None else stage, region, profile)


def _refuse_strays(stage: str | None, region: str | None, profile: str | None) -> None:
    given = {"--stage": stage, "--region": region, "--profile": profile}
    strays = [name for name, value in given.items() if value is not None]
    if strays:
        about = f"{' and '.join(strays)} {'is' if len(strays) == 1 else 'are'}"
        raise SettingsError(f"{about} about a stack on AWS: name it with --identifier.")


def _given(
    command: Callable[..., None], options: dict[str, Any], parse: Callable[..., Target | AwsOptions]
) -> Callable[..., None]:
    """The command with the options in the stead of its parameter `where`."""
    signature = inspect.signature(command, eval_str=True)
    own = [each for name, each in signature.parameters.items() if name != "where"]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in options.items()
    ]

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        where = parse(**{name: arguments.pop(name) for name in options})
        command(where=where, **arguments)

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + shared
    # typer reads a command's options here; what it wraps would say otherwise.
    vars(run)["__signature__"] = signature.replace(parameters=parameters)
    run.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    del run.__wrapped__
    return run
