"""Swapping files in a folder, where the catalog says which of them count."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from catalog.data_file import Reason, Skipped
from playlake.local.upkeep import GRACE_SECONDS
from transform.mending.compaction import Built
from transform.store import Store


@dataclass(slots=True)
class FolderSwap:
    """A `transform.mending.sweep.Swap` by one transaction of the catalog."""

    store: Store
    replace: Callable[[Sequence[str], Sequence[str]], object]
    sleep: Callable[[float], object] = time.sleep
    _replaced: list[str] = field(default_factory=list)

    def swap(self, built: Built) -> bool:
        """See `transform.mending.sweep.Swap.swap`."""
        built.put(self.store)
        self.replace(built.done.replaced, built.done.added)
        self._replaced += built.done.replaced
        return True

    def finish(self) -> None:
        """See `transform.mending.sweep.Swap.finish`: what was replaced goes once queries that were
        planned before have ended."""
        if self._replaced:
            self.sleep(GRACE_SECONDS)
        for key in self._replaced:
            self.store.delete(key)
        self._replaced.clear()


def delete_outlived(
    store: Store, skipped: Iterable[Skipped], sleep: Callable[[float], object] = time.sleep
) -> None:
    """Delete the files that do not count any more, by what a catalog's `sync` left out.

    Whoever dropped, forgot or replaced them was killed before they were gone, and a sweep takes
    whatever lies in a lake for rows that count.
    """
    outlived = [each.key for each in skipped if each.reason is Reason.SUPERSEDED]
    if outlived:
        sleep(GRACE_SECONDS)
    for key in outlived:
        store.delete(key)
