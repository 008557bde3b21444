"""The store on S3."""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from events.errors import SettingsError, StoreUnavailable
from transform.store import Entry, Part, Stale, Version

# botocore's standard mode tries again what may pass: SlowDown and other 5xx, throttling, timeouts,
# broken connections. Five calls that time out and the pauses between them come to 75 s at most, of
# the 300 that Firehose gives a transform. A put whose answer was lost finds its own object there,
# which is success.
CONFIG = Config(
    connect_timeout=2.0,
    read_timeout=10.0,
    retries={"mode": "standard", "total_max_attempts": 5},
)

# A conditional write's answers. Source: Amazon S3 User Guide, "Prevent object overwrites with
# conditional writes". Where the key derives from the content, an object that is there is this one.
_EXISTS = "PreconditionFailed"
# Of a write that expects a version: the object was deleted meanwhile.
_GONE = "NoSuchKey"
# 409: another write or a delete of the key is under way; S3 says to upload again. botocore does
# not: it takes a 409 for the caller's fault.
_UNDER_WAY = "ConditionalRequestConflict"
_NO_RANGE = "InvalidRange"
_LONGEST_PAUSES_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0)  # full jitter: half on average

_ACTIONS = {
    "write": "s3:PutObject on it",
    # Without leave to list, S3 answers a missing key as a forbidden one.
    "read": "s3:GetObject on it, and s3:ListBucket on its bucket",
    "copy": "s3:GetObject and s3:PutObject there",
    "list": "s3:ListBucket on the bucket",
    "delete": "s3:DeleteObject on it",
}
"""What S3 wants allowed, by what this store was about to do."""


class S3Store:
    """Objects under `prefix` of a bucket; a put is atomic to readers by S3's own contract."""

    def __init__(
        self,
        bucket: str,
        prefix: str,
        client: Any = None,
        *,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        """`client` is botocore's, made here of the AWS environment when there is none.

        `sleep` takes seconds, `random` gives a number from 0 to 1: for the pauses between writes
        that conflict with others. Raises SettingsError when no client can be made.
        """
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = _open_client() if client is None else client
        self._sleep = sleep
        self._random = random

    def put(self, key: str, data: bytes) -> None:
        """See `transform.store.Store.put`."""
        self._write(key, data, {"IfNoneMatch": "*"})

    def load(self, key: str) -> Version | None:
        """See `transform.store.VersionedStore.load`. S3 reads what was written last."""
        try:
            return self._read(key)
        except KeyError:
            return None

    def save(self, key: str, data: bytes, seen: Version | None) -> Version:
        """See `transform.store.VersionedStore.save`."""
        tag = self._write(key, data, {"IfMatch": seen.tag} if seen else {"IfNoneMatch": "*"})
        if tag is not None:
            return Version(data, tag)
        # botocore tries again by itself, and then meets what its first try wrote.
        found = self.load(key)
        if found is None or found.data != data:
            raise Stale(key)
        return found

    def get(self, key: str) -> bytes:
        """See `transform.store.Store.get`."""
        return self._read(key).data

    def get_part(self, key: str, start: int, length: int) -> Part:
        """See `transform.store.Store.get_part`: a request, of a range of bytes (RFC 9110, 14.1.2).
        Of a place below 0 S3 gives what is behind it, to the end."""
        wanted = f"bytes={start}" if start < 0 else f"bytes={start}-{start + length - 1}"
        try:
            data, found = self._request(key, Range=wanted)
        except _NoSuchRange:
            return Part(b"", 0)  # an empty object; nobody reads behind the end of another
        if "ContentRange" not in found:  # who serves no ranges gives it all
            return Part.of(data, start, length)
        return Part(data[:length], int(found["ContentRange"].rpartition("/")[2]))

    def _read(self, key: str) -> Version:
        data, found = self._request(key)
        return Version(data, found["ETag"])

    def _request(self, key: str, **wanted: str) -> tuple[bytes, Mapping[str, Any]]:
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **wanted)
            return bytes(found["Body"].read()), found
        except self._client.exceptions.NoSuchKey:
            raise KeyError(key) from None
        except ClientError as error:
            if _code(error) == _NO_RANGE:
                raise _NoSuchRange from error
            raise self._unavailable("read", key, error) from error
        except BotoCoreError as error:
            raise self._unavailable("read", key, error) from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See `transform.store.Store.keys`. S3 lists in the order of UTF-8 bytes."""
        return (each.key for each in self.entries(prefix))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """See `transform.store.Store.entries`."""
        pages = self._client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._prefix)
                    yield Entry(key, found["Size"], found["LastModified"].timestamp())
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable("list", prefix, error) from error

    def copy(self, source: str, target: str) -> None:
        """See `transform.store.Archive.copy`. S3 copies up to 5 GB in one call."""
        try:
            self._client.copy_object(
                Bucket=self._bucket,
                Key=self._prefix + target,
                CopySource={"Bucket": self._bucket, "Key": self._prefix + source},
            )
        except ClientError as error:
            if _code(error) == _GONE:
                raise KeyError(source) from None
            raise self._unavailable("copy", source, error) from error
        except BotoCoreError as error:
            raise self._unavailable("copy", source, error) from error

    def delete(self, key: str) -> None:
        """See `transform.store.Store.delete`."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable("delete", key, error) from error

    def _write(self, key: str, data: bytes, condition: Mapping[str, str]) -> str | None:
        """The tag of the object that is there now, None when the condition did not hold."""
        for longest in _LONGEST_PAUSES_SECONDS:
            with suppress(_UnderWay):
                return self._write_once(key, data, condition)
            self._sleep(self._random() * longest)
        try:
            return self._write_once(key, data, condition)
        except _UnderWay:
            raise StoreUnavailable(
                f"cannot write {self._url(key)}: other writes to it stay under way"
                f" ({_UNDER_WAY}). Find out what else writes to this prefix."
            ) from None

    def _write_once(self, key: str, data: bytes, condition: Mapping[str, str]) -> str | None:
        try:
            written = self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=data, **condition
            )
        except ClientError as error:
            if _code(error) == _UNDER_WAY:
                raise _UnderWay from error
            if _code(error) in (_EXISTS, _GONE):
                return None
            raise self._unavailable("write", key, error) from error
        except BotoCoreError as error:
            raise self._unavailable("write", key, error) from error
        return str(written["ETag"])

    def _unavailable(self, verb: str, key: str, error: Exception) -> StoreUnavailable:
        problem = f"cannot {verb} {self._url(key)}: {error}"
        if isinstance(error, ClientError) and _code(error) == "AccessDenied":
            problem += f". Allow this role {_ACTIONS[verb]}."
        return StoreUnavailable(problem)

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"


class _NoSuchRange(Exception):
    """The object has no byte there."""


class _UnderWay(Exception):
    """Another write of the key is under way."""


def _open_client() -> Any:
    # Not by boto3: it imports its resources and transfers, and this is a cold start.
    try:
        # botocore reads AWS_DEFAULT_REGION only; every other SDK of AWS's this first.
        region = os.environ.get("AWS_REGION")
        return Session().create_client("s3", region_name=region, config=CONFIG)
    except BotoCoreError as error:
        raise SettingsError(f"S3 cannot be reached: {error}") from error


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
