"""The stream of a deployed stack, for whoever collects on this machine."""

from ingest.drivers import firehose, kinesis
from ingest.drivers.batch_stream import BatchStream
from playlake.deployed.deployment import Deployment
from playlake.drivers.session import Session


def opened_stream(session: Session, deployment: Deployment) -> BatchStream:
    """The stack's stream; it retries by itself, so that its client does not."""
    if deployment.stream is not None:
        client = session.client("kinesis", kinesis.CONFIG)
        return kinesis.KinesisStream(deployment.stream, client)
    assert deployment.delivery_stream is not None  # Deployment.of refuses a stack without either
    client = session.client("firehose", firehose.CONFIG)
    return firehose.FirehoseStream(deployment.delivery_stream, client)
