"""The call by which a service takes many records at once, and what its faults mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

Entry = Mapping[str, Any]
"""One record as the service's API writes it, its `Data` bytes."""

_TRANSIENT_CODES = frozenset(
    {
        "InternalFailure",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
CHECK_CREDENTIALS = "Check the credentials, the region and the clock of this machine."
_REMEDIES = {
    "ExpiredTokenException": CHECK_CREDENTIALS,
    "IncompleteSignature": CHECK_CREDENTIALS,
    "InvalidSignatureException": CHECK_CREDENTIALS,
    "MissingAuthenticationTokenException": CHECK_CREDENTIALS,
    "ResourceNotFoundException": "Deploy the stack, or correct PLAYLAKE_STREAM or the region.",
    "UnrecognizedClientException": CHECK_CREDENTIALS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCall:
    """A service's call that may take some records of a batch and not others, inside one 200."""

    service: str
    """botocore's name of it, which is the scheme of the stream's URL too."""
    action: str
    """As IAM and the API reference write it."""
    stream_noun: str
    """What the service calls a stream."""
    send: Callable[[Any, str, Sequence[Entry]], Mapping[str, Any]]
    """By this client, to the stream of this name, these entries: the service's answer."""
    results: str
    """Where the answer has one result for each entry, in their order."""
    receipt: str
    """What a result has when its entry was taken."""
    max_entries: int
    max_bytes: int
    """Of all entries of one call, as `entry_bytes` counts them."""
    entry_bytes: Callable[[Entry], int]
    transient_codes: frozenset[str] = frozenset()
    """Errors of a whole call that may pass, besides those that every service has."""
    remedies: Mapping[str, str]
    """What to do about an error that will not pass, by its code."""
    when_throttled: str
    """What to look at when it goes on."""

    def is_transient(self, error: ClientError) -> bool:
        """Whether the same call may yet be taken."""
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        return status >= 500 or status == 429 or code in _TRANSIENT_CODES | self.transient_codes

    def remedy(self, error: ClientError) -> str:
        """What a person can do about a call that was refused."""
        look_it_up = f"Look the code up in {self.service.title()}'s API reference, under"
        remedies = _REMEDIES | dict(self.remedies)
        return remedies.get(error.response["Error"]["Code"], f"{look_it_up} {self.action}.")
