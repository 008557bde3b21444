"""The delivery stream of a deployed stack, for whoever collects on this machine."""

from ingest.drivers.firehose import CONFIG, FirehoseStream
from playlake.deployment import Deployment
from playlake.drivers.session import Session


def opened_stream(session: Session, deployment: Deployment) -> FirehoseStream:
    """The stack's stream; it retries by itself, so that its client does not."""
    return FirehoseStream(deployment.delivery_stream, session.client("firehose", CONFIG))
