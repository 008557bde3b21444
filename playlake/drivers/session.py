"""A session with AWS, and what its failures mean: botocore's exceptions become ours here."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError

from catalog.drivers.aws import DENIED, EXPIRED, UNKNOWN_KEY, AwsError, code, message
from events.errors import PlaylakeError, SettingsError, Unavailable

FAULTS = (*AwsError, ResponseParserError)
"""Whatever a call raises: what AWS or the way there answers, something that is not AWS included."""

# Somebody waits at a terminal: standard retries, and a host that is not there is known in seconds.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=10)

_LOG_IN = (
    "Log in with `aws sso login` or `aws login`, or name a profile with --profile or AWS_PROFILE;"
    " see docs/deploying.md."
)
_AGAIN = "Log in again with `aws sso login` or `aws login`, or get new keys for the profile."
_MEND = "Mend the AWS configuration; `aws configure list` shows what is read."


class Session:
    """The clients of one profile in one region.

    Raises SettingsError when the profile is not in the AWS configuration, or no region is named
    anywhere.
    """

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        with failures():
            self._session = boto3.Session(region_name=region, profile_name=profile)
        if self._session.region_name is None:
            raise SettingsError(
                "No region is named: give --region, set AWS_REGION, or put a region into the"
                " profile with `aws configure set region eu-west-1`."
            )
        self.region: str = self._session.region_name

    def client(self, service: str, config: Config = _CONFIG) -> Any:
        """A client of the service. Its calls belong inside `failures`."""
        try:
            with failures():
                return self._session.client(service, region_name=self.region, config=config)
        except ValueError as error:  # botocore has no error of its own for it
            raise SettingsError(
                f"{_one_line(error)}. Unset AWS_ENDPOINT_URL, or write it as http://host:port."
            ) from error

    def regions(self, service: str) -> list[str]:
        """The regions that the service is in, by botocore's own data; none for a global service.

        Raises SettingsError when this session's region is of no cloud that botocore knows.
        """
        with failures():
            cloud = self._session.get_partition_for_region(self.region)
            return list(self._session.get_available_regions(service, partition_name=cloud))


@contextmanager
def failures() -> Iterator[None]:
    """Raise what botocore raises inside as one of playlake's errors, in one sentence."""
    try:
        yield
    except FAULTS as error:
        raise meaning(error) from error


def meaning(error: Exception) -> PlaylakeError:
    """The error of ours that a botocore exception is."""
    if isinstance(error, exceptions.ClientError):
        return _refused(error)
    for kind, meant in _LOCAL.items():
        if isinstance(error, kind):
            return meant(error)
    return Unavailable(f"AWS did not answer: {_one_line(error)}")


def _no_profile(error: Exception) -> PlaylakeError:
    return SettingsError(
        f"{_one_line(error)}: name one of `aws configure list-profiles` with --profile, or unset"
        f" AWS_PROFILE."
    )


def _unreachable(error: Exception) -> PlaylakeError:
    url = getattr(error, "kwargs", {}).get("endpoint_url", "its address")
    return Unavailable(
        f"AWS does not answer at {url}: check the network, and that the region is spelled right."
    )


def _saying(advice: str) -> Callable[[Exception], PlaylakeError]:
    """botocore's own words, which name what they are about, and what to do."""
    return lambda error: SettingsError(f"{_one_line(error)}. {advice}")


def _logged_out(_: Exception) -> PlaylakeError:
    return SettingsError(f"The AWS login is missing or has expired. {_AGAIN}")


# The first that fits counts.
_LOCAL: Mapping[type[Exception], Callable[[Exception], PlaylakeError]] = MappingProxyType(
    {
        exceptions.ProfileNotFound: _no_profile,
        exceptions.InvalidRegionError: _saying("Name one such as eu-west-1 with --region."),
        exceptions.UnknownRegionError: _saying("Name one such as eu-west-1 with --region."),
        exceptions.SSOError: _logged_out,
        exceptions.TokenRetrievalError: _logged_out,
        # In botocore's words: it expired, or the caller may not, or it was never there.
        exceptions.LoginError: _saying("Log in with `aws login`; see docs/deploying.md."),
        exceptions.MissingDependencyException: lambda _: SettingsError(
            "A profile of `aws login` takes awscrt, which is not installed: install playlake[aws]."
        ),
        exceptions.InvalidConfigError: _saying(_MEND),
        exceptions.ConfigParseError: _saying(_MEND),
        exceptions.NoCredentialsError: lambda _: SettingsError(
            f"AWS credentials are missing. {_LOG_IN}"
        ),
        exceptions.PartialCredentialsError: _saying(_LOG_IN),
        exceptions.CredentialRetrievalError: _saying(_LOG_IN),
        ResponseParserError: lambda _: Unavailable(
            "What answered is not AWS: check the proxy, and AWS_ENDPOINT_URL if it is set."
        ),
        exceptions.EndpointConnectionError: _unreachable,
        exceptions.ConnectTimeoutError: _unreachable,
    }
)

_WRONG_SECRET = {"SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"}
_DENIED_ACTION = re.compile(r"not authorized to perform: (?P<action>[\w-]+:\w+)")


def is_denied(error: Exception) -> bool:
    """Whether AWS knows the caller, and does not let it do this."""
    return isinstance(error, exceptions.ClientError) and code(error) in DENIED


def denied_action(error: exceptions.ClientError) -> str:
    """The action that the caller may not do, as a policy writes it where AWS says it."""
    found = _DENIED_ACTION.search(message(error))
    return found["action"] if found else str(error.operation_name)


def _refused(error: exceptions.ClientError) -> PlaylakeError:
    found = code(error)
    if found in EXPIRED:
        return SettingsError(f"The AWS credentials have expired. {_AGAIN}")
    if found in UNKNOWN_KEY:
        return SettingsError(
            f"AWS does not know the access key, or the region is not enabled. {_LOG_IN}"
        )
    if found in _WRONG_SECRET:
        return SettingsError(
            "AWS refuses the signature: the secret key does not belong to the access key, or this"
            " machine's clock is wrong. `playlake doctor` tells which."
        )
    if found in DENIED:
        return SettingsError(
            f"These credentials may not do {denied_action(error)}: have the policy of"
            f" docs/deploying.md attached to them."
        )
    return Unavailable(f"AWS refused {error.operation_name} ({found}): {message(error)}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
