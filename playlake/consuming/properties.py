"""The properties file of KCL's MultiLangDaemon.

What there is: `MultiLangDaemonConfiguration` of amazon-kinesis-client-multilang, and Amazon Kinesis
Data Streams Developer Guide, "KCL configurations".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from events.errors import SettingsError
from playlake.consuming.settings import ConsumerSettings

OVERRIDES = "PLAYLAKE_KCL_PROPERTIES"
"""The environment variable with any properties of the daemon: `name=value`, separated by commas."""
STOP_SECONDS = 20.0
"""What an end may take: the issue's promise, and what service managers are told to wait longer than
(docs/kinesis.md)."""
_GRACE_MS = int((STOP_SECONDS - 2) * 1_000)

ENDPOINTS = {
    "kinesisEndpoint": "KINESIS",
    "dynamoDBEndpoint": "DYNAMODB",
    "cloudWatchClient.endpointOverride": "CLOUDWATCH",
}
"""The daemon's property for a service's endpoint -> the service, as AWS's SDKs name it in
`AWS_ENDPOINT_URL_<SERVICE>` (AWS SDKs and Tools Reference Guide, "Service-specific endpoints")."""


@dataclass(frozen=True, slots=True)
class Aws:
    """Where AWS is, and what the daemon is told beside that."""

    region: str
    endpoints: Mapping[str, str] = field(default_factory=dict)
    """By the daemon's property."""
    overrides: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, region: str, environment: Mapping[str, str]) -> "Aws":
        """With the endpoints of AWS_ENDPOINT_URL and the properties of PLAYLAKE_KCL_PROPERTIES.

        Raises SettingsError.
        """
        every = environment.get("AWS_ENDPOINT_URL", "")
        named = {
            name: environment.get(f"AWS_ENDPOINT_URL_{service}") or every
            for name, service in ENDPOINTS.items()
        }
        endpoints = {name: url for name, url in named.items() if url}
        return cls(region, endpoints, parse_overrides(environment.get(OVERRIDES, "")))


def parse_overrides(text: str) -> dict[str, str]:
    """Properties as PLAYLAKE_KCL_PROPERTIES has them; raises SettingsError."""
    found = {}
    for each in filter(None, map(str.strip, text.split(","))):
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise SettingsError(
                f"{OVERRIDES} has {each!r}: write name=value, such as failoverTimeMillis=10000."
            )
        found[name.strip()] = value.strip()
    return found


def properties(settings: ConsumerSettings, executable: str, aws: Aws) -> dict[str, str]:
    """What one worker's daemon is told; `executable` is its child, which it splits at spaces."""
    return {
        "executableName": executable,
        "streamName": settings.stream,
        "applicationName": settings.application,
        # The leases of a daemon that died come back at once to one of the same name.
        "workerId": settings.worker,
        "AwsCredentialsProvider": "DefaultCredentialsProvider",
        "regionName": aws.region,
        # A shard that was never read begins with its oldest record: what is there is not skipped.
        "initialPositionInStream": "TRIM_HORIZON",
        # Without polling settings it would be enhanced fan-out, which is paid for.
        "retrievalMode": "POLLING",
        # A batch is also committed by age: somebody has to look, about each second.
        "callProcessRecordsEvenForEmptyRecordList": "true",
        # A worker counts as alive, and is given leases, for twice this after its last report (in
        # `LeaseAssignmentManager`). By default it is 30 s, and new workers wait a minute for what
        # one that has ended had.
        "workerMetricsReporterFreqInMillis": "5000",
        # A lease that is handed over in two steps hangs for ever when its first owner dies between
        # them and comes back by the same name (awslabs/amazon-kinesis-client, pull request 1743).
        # One that is taken at once costs reading a batch twice: the ledger keeps it from being
        # written twice.
        "isGracefulLeaseHandoffEnabled": "false",
        # 5 s by default, after which the daemon ends whatever its children do.
        "shutdownGraceMillis": str(_GRACE_MS),
        # Custom metrics of each shard would cost more than the shard.
        "metricsLevel": "NONE",
        **aws.endpoints,
        **aws.overrides,
    }


def encode(given: Mapping[str, str]) -> str:
    """The text of the file. Source: Java SE API, `Properties.load(InputStream)`."""
    return "".join(f"{name}={_escaped(value)}\n" for name, value in given.items())


def _escaped(value: str) -> str:
    plain = value.replace("\\", "\\\\")
    return "".join(each if each.isascii() else _utf_16(each) for each in plain)


def _utf_16(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
