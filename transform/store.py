"""The store port: named objects, whole or absent, and the few that change."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self


class Entry(NamedTuple):
    """An object, as a listing has it; `modified` is epoch seconds."""

    key: str
    bytes: int
    modified: float


class Part(NamedTuple):
    """Some of an object's bytes, and how many it has in all."""

    data: bytes
    size: int

    @classmethod
    def of(cls, data: bytes, start: int, length: int) -> Self:
        """What `Store.get_part` gives of an object that is `data`."""
        begin = start if start >= 0 else max(0, len(data) + start)
        return cls(data[begin : begin + length], len(data))


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

    def get_part(self, key: str, start: int, length: int) -> Part:
        """So many of the object's bytes from `start` on, a place in it or, below 0, one that is so
        far from its end; fewer where it is shorter. A key that is not there raises KeyError."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """The keys that begin with `prefix`, in lexical order."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """`keys`, each with its object's bytes and when it was written."""

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is removed already."""


@dataclass(frozen=True, slots=True)
class Version:
    """An object as it was when it was read or written; `tag` tells it from what it becomes."""

    data: bytes
    tag: str


class Stale(Exception):
    """Somebody else changed the object since it was read; nothing was written."""


class VersionedStore(Protocol):
    """Objects that change, each write naming the version that it was made from.

    Every method raises `events.errors.StoreUnavailable` when the store does not answer.
    """

    def load(self, key: str) -> Version | None:
        """The object as it is now; None where there is none."""

    def save(self, key: str, data: bytes, seen: Version | None) -> Version:
        """Make `data` the object at `key`, durably, if it still is what was `seen` (None: absent).

        Of two writers that saw the same one is stale: raises Stale. `data` must differ from what
        anybody else writes, for that is how a writer whose answer was lost finds its own again.
        """


class Archive(Store, VersionedStore, Protocol):
    """Objects that are written once, and some that change: what every driver is."""

    def copy(self, source: str, target: str) -> None:
        """`put` at `target` what `get` gives of `source`, without its bytes coming here."""
