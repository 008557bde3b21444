"""A lake that is opened to be mended: what replay, erasure and retention work on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from transform.mending.rewriting import Rewritten
from transform.store import Archive


@dataclass(frozen=True, slots=True)
class Workshop:
    """A data folder's lake, or a deployed stack's."""

    name: str
    """The folder's path, or the stack's name."""
    lake: Archive
    archive: Archive
    """Rooted where `lake/`, `raw/`, `failed/` and `consumed/` lie."""
    register: Callable[[Iterable[str]], object]
    """Makes new files, by keys relative to the lake, known to the catalog."""
    replace: Callable[[Sequence[str], Sequence[str]], object]
    """Swaps files, `removed` for `added`, in the catalog: where it keeps files, in one transaction,
    so that a query sees the one or the other."""
    sync: Callable[[], object]
    """Makes the catalog agree with what lies in the lake: partitions without a file go."""

    def settle(self, rewritten: Rewritten) -> None:
        """Make a rewritten file's successor count, and delete it."""
        self.replace([rewritten.replaced], rewritten.added)
        self.lake.delete(rewritten.replaced)
