"""Whether there is a stream, before a daemon is started that would look for it forever."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from catalog.drivers.aws import code
from events.errors import SettingsError
from playlake.drivers.session import Session, denied_action, failures, is_denied


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that is there."""

    arn: str
    shards: int
    """Those that are open."""


def find_stream(session: Session, name: str) -> Stream:
    """The stream of this name, in the session's region and account.

    Raises SettingsError when there is none or the credentials may not look, otherwise as
    `failures` does.
    """
    with failures():
        found = _described(session, name)
    return Stream(found["StreamARN"], int(found["OpenShardCount"]))


def _described(session: Session, name: str) -> dict[str, Any]:
    try:
        answer = session.client("kinesis").describe_stream_summary(StreamName=name)
    except ClientError as error:
        if code(error) == "ResourceNotFoundException":
            raise SettingsError(
                f"There is no Kinesis stream {name!r} in {session.region}: check --stream and"
                " --region."
            ) from None
        if is_denied(error):
            raise SettingsError(
                f"These credentials may not do {denied_action(error)} on the stream {name}: give"
                " them the consumers' policy, the stack's output ConsumerPolicyArn"
                " (docs/kinesis.md)."
            ) from error
        raise
    summary: dict[str, Any] = answer["StreamDescriptionSummary"]
    return summary
