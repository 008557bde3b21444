"""How long a bucket keeps what lies under a prefix, by the lifecycle that the template gives it."""

from datetime import date, timedelta
from typing import Any

from botocore.exceptions import ClientError

from catalog.drivers.aws import code
from playlake.drivers.session import Session, failures

_NONE = "NoSuchLifecycleConfiguration"


def kept_since(session: Session, bucket: str, prefix: str, today: date) -> date:
    """The first UTC day of which everything that was put under `prefix` is still there.

    S3 removes an object at the first midnight, UTC, that is so many days after it was put (Amazon
    S3 user guide, "Expiring objects"). `date.min` where nothing expires. Raises what `failures`
    does.
    """
    days = [
        each["Expiration"]["Days"]
        for each in _rules(session, bucket)
        if each["Status"] == "Enabled"
        and prefix.startswith(_prefix(each))
        and "Days" in each.get("Expiration", {})
    ]
    return today - timedelta(days=min(days)) if days else date.min


def _rules(session: Session, bucket: str) -> list[dict[str, Any]]:
    client = session.client("s3")
    with failures():
        try:
            answer = client.get_bucket_lifecycle_configuration(Bucket=bucket)
        except ClientError as error:
            if code(error) == _NONE:
                return []
            raise
    rules: list[dict[str, Any]] = answer["Rules"]
    return rules


def _prefix(rule: dict[str, Any]) -> str:
    found: str = rule.get("Filter", {}).get("Prefix", rule.get("Prefix", ""))
    return found
