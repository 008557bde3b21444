"""A workshop whose changes go nowhere: the same work is done, and nothing is different after it."""

from collections.abc import Iterator
from heapq import merge

from playlake.mending.workshop import Workshop
from transform.store import Archive, Entry, Part, Stale, Version


def rehearsed(shop: Workshop, lake: Archive, archive: Archive) -> Workshop:
    """The workshop as it is, its changes kept in `lake` and `archive`, which are empty."""
    return Workshop(
        shop.name,
        Overlaid(shop.lake, lake),
        Overlaid(shop.archive, archive),
        lambda _keys: None,
        lambda _removed, _added: None,
        lambda: None,
    )


class Overlaid:
    """A store that is only read, under what would have changed in it."""

    def __init__(self, under: Archive, changes: Archive) -> None:
        self._under = under
        self._changes = changes
        self._changed: set[str] = set()
        """What was put here or deleted: here it is, or it is not."""

    def put(self, key: str, data: bytes) -> None:
        """See `transform.store.Store.put`."""
        if key not in self.keys(key):
            self._changes.put(key, data)
            self._changed.add(key)

    def get(self, key: str) -> bytes:
        """See `transform.store.Store.get`."""
        return self._of(key).get(key)

    def get_part(self, key: str, start: int, length: int) -> Part:
        """See `transform.store.Store.get_part`."""
        return self._of(key).get_part(key, start, length)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See `transform.store.Store.keys`."""
        return (each.key for each in self.entries(prefix))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """See `transform.store.Store.entries`."""
        unchanged = (each for each in self._under.entries(prefix) if each.key not in self._changed)
        return merge(unchanged, self._changes.entries(prefix))

    def copy(self, source: str, target: str) -> None:
        """See `transform.store.Archive.copy`."""
        self.put(target, self.get(source))

    def delete(self, key: str) -> None:
        """See `transform.store.Store.delete`."""
        self._changes.delete(key)
        self._changed.add(key)

    def load(self, key: str) -> Version | None:
        """See `transform.store.VersionedStore.load`."""
        return self._of(key).load(key)

    def save(self, key: str, data: bytes, seen: Version | None) -> Version:
        """See `transform.store.VersionedStore.save`."""
        if self.load(key) != seen:
            raise Stale(key)
        self._changed.add(key)
        return self._changes.save(key, data, self._changes.load(key))

    def _of(self, key: str) -> Archive:
        return self._changes if key in self._changed else self._under
