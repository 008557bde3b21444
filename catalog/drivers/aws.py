"""AWS's clients, and what their errors mean in words."""

import os
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from events.errors import SettingsError

AwsError = (BotoCoreError, ClientError)
"""Whatever a call of a client's raises: what the service answered, and what never reached it."""

# Standard mode backs off with jitter and knows every service's word for throttling, among them
# Athena's TooManyRequestsException (Boto3 guide, "Retries").
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=5, read_timeout=30
)

DENIED = {"AccessDenied", "AccessDeniedException", "AccessDeniedFault", "UnauthorizedOperation"}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
UNKNOWN_KEY = {"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"}
"""The services' codes for the same three faults."""


def client(service: str) -> Any:
    """A client of the service, in the environment's region and by its credentials.

    Raises `SettingsError` when no region is set, or the profile is none.
    """
    try:
        # boto3 reads AWS_DEFAULT_REGION only; every other SDK of AWS's this first.
        region = os.environ.get("AWS_REGION")
        return boto3.client(service, region_name=region, config=_CONFIG)
    except NoRegionError as error:
        raise SettingsError("no AWS region is set: give --region, or set AWS_REGION") from error
    except ProfileNotFound as error:
        raise SettingsError(f"{error}: `aws configure list-profiles` lists them") from error


def code(error: Exception) -> str:
    """The service's code for the error; of one that never reached the service, its class's name."""
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Code", ""))
    return type(error).__name__


def message(error: Exception) -> str:
    """The error's own words, in one line."""
    if isinstance(error, ClientError):
        return " ".join(str(error.response["Error"].get("Message", "")).split()) or code(error)
    return " ".join(str(error).split())


def cause(error: Exception) -> str:
    """What went wrong, and, where the credentials did, what to do."""
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found: name a profile with AWS_PROFILE, or log in"
    if isinstance(error, SSOError | TokenRetrievalError) or code(error) in EXPIRED:
        return "the AWS credentials have expired: log in again (`aws sso login`)"
    if code(error) in UNKNOWN_KEY:
        return f"AWS does not know these credentials: {message(error)}"
    if isinstance(error, ClientError) and code(error) in DENIED:
        return f"{error.operation_name} is not allowed: {message(error)}"
    return message(error)
