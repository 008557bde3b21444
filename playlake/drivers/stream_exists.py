"""Whether there is a stream, before a daemon is started that would look for it forever."""

from botocore.exceptions import ClientError

from catalog.drivers.aws import code
from events.errors import SettingsError
from playlake.drivers.session import Session, failures


def shards_of(session: Session, stream: str) -> int:
    """How many open shards the stream has.

    Raises SettingsError when there is no such stream, otherwise as `failures` does.
    """
    with failures():
        try:
            found = session.client("kinesis").describe_stream_summary(StreamName=stream)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
            raise SettingsError(
                f"There is no Kinesis stream {stream!r} in {session.region}: check --stream and"
                " --region."
            ) from None
    return int(found["StreamDescriptionSummary"]["OpenShardCount"])
