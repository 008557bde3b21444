"""A store that tells of each object it took: what S3's notifications do on AWS."""

from collections.abc import Callable, Iterator

from transform.store import Entry, Part, Store


class NotifyingStore:
    """`store`, and after each put `notify(key, data)`.

    The put succeeds only when `notify` does: whoever put then puts again, and the notice with it.
    """

    def __init__(self, store: Store, notify: Callable[[str, bytes], None]) -> None:
        self._store = store
        self._notify = notify

    def put(self, key: str, data: bytes) -> None:
        """See `transform.store.Store.put`."""
        self._store.put(key, data)
        self._notify(key, data)

    def get(self, key: str) -> bytes:
        """See `transform.store.Store.get`."""
        return self._store.get(key)

    def get_part(self, key: str, start: int, length: int) -> Part:
        """See `transform.store.Store.get_part`."""
        return self._store.get_part(key, start, length)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See `transform.store.Store.keys`."""
        return self._store.keys(prefix)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """See `transform.store.Store.entries`."""
        return self._store.entries(prefix)

    def delete(self, key: str) -> None:
        """See `transform.store.Store.delete`."""
        self._store.delete(key)
