"""The store on S3."""

from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from events.errors import StoreUnavailable

# Somebody put the object already; its key derives from its content, so that theirs is ours (S3,
# "Conditional writes": 412 when it exists; 409, when a write to it is under way, is tried again).
_ALREADY = {"PreconditionFailed"}


class S3Store:
    """Objects under `prefix` of a bucket; a put is atomic to readers by S3's own contract."""

    def __init__(self, bucket: str, prefix: str, client: Any = None) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = boto3.client("s3") if client is None else client

    def put(self, key: str, data: bytes) -> None:
        """See `transform.store.Store.put`."""
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=data, IfNoneMatch="*"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ALREADY:
                raise self._unavailable("write", key, error) from error
        except BotoCoreError as error:
            raise self._unavailable("write", key, error) from error

    def get(self, key: str) -> bytes:
        """See `transform.store.Store.get`."""
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            return bytes(found["Body"].read())
        except self._client.exceptions.NoSuchKey:
            raise KeyError(key) from None
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable("read", key, error) from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See `transform.store.Store.keys`. S3 lists in the order of UTF-8 bytes."""
        pages = self._client.get_paginator("list_objects_v2")
        try:
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for found in page.get("Contents", ()):
                    yield found["Key"].removeprefix(self._prefix)
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable("list", prefix, error) from error

    def delete(self, key: str) -> None:
        """See `transform.store.Store.delete`."""
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)
        except (ClientError, BotoCoreError) as error:
            raise self._unavailable("delete", key, error) from error

    def _unavailable(self, verb: str, key: str, error: Exception) -> StoreUnavailable:
        return StoreUnavailable(f"cannot {verb} s3://{self._bucket}/{self._prefix}{key}: {error}")
