"""The store port: named objects, whole or absent."""

from collections.abc import Iterator
from typing import Protocol


class Store(Protocol):
    """Objects under one root, by key: relative, `/`-separated, as in S3.

    Every method raises `events.errors.StoreUnavailable` when the store does not answer.
    """

    def put(self, key: str, data: bytes) -> None:
        """Make `data` the object at `key`, durably; a reader sees all of it or none of it.

        Keys derive from content, so an object that is there already is the same object, and
        putting it again is success.
        """

    def get(self, key: str) -> bytes:
        """The object's bytes. A key that is not there raises KeyError."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with `prefix`, in lexical order."""

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """`keys`, each with its object's bytes."""

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is removed already."""
