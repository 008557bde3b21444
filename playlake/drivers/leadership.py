"""Who of an application's workers assigns leases: KCL's lock, in its table of coordinator state."""

from botocore.config import Config
from botocore.exceptions import ClientError

from catalog.drivers.aws import code
from playlake.drivers.session import Session, failures

_TABLE = "{}-CoordinatorState"
_LEADER = {"key": {"S": "Leader"}}
# The supervisor waits for it, when it is asked to end too: nothing hangs on it but two minutes.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1.0, read_timeout=1.0
)
_NOT_ITS_OWN = {"ConditionalCheckFailedException", "ResourceNotFoundException"}


def resign(session: Session, application: str, worker: str) -> bool:
    """Give the leadership up in the name of a worker whose process is known to be gone.

    A leader that ends as it should deletes its lock; one that was killed keeps it for two minutes
    (`DynamoDBLockBasedLeaderDecider`, lease duration), in which nobody is given a lease that ran
    out, nor the shards that a split or merge makes. Gives whether the worker was the leader; raises
    as `failures` does.
    """
    with failures():
        try:
            session.client("dynamodb", _CONFIG).delete_item(
                TableName=_TABLE.format(application),
                Key=_LEADER,
                ConditionExpression="ownerName = :worker",
                ExpressionAttributeValues={":worker": {"S": worker}},
            )
        except ClientError as error:
            if code(error) in _NOT_ITS_OWN:
                return False
            raise
    return True
