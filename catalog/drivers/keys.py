"""Which keys are of data files that a catalog keeps."""

from collections.abc import Callable, Iterable

from catalog.data_file import Partition, Reason, Skipped
from events.layout import parse_key
from events.registry import REGISTRY

FOREIGN = "it is no data file of a known table"

_TABLES = frozenset(table.name for table in REGISTRY.tables)


def partition_of(key: str) -> Partition | None:
    """The partition of the data file that a key, relative to the lake, is of; None for no such."""
    parsed = parse_key(key)
    return None if parsed is None or parsed[0] not in _TABLES else Partition(*parsed)


def sort_keys(
    keys: Iterable[str], partition_of: Callable[[str], Partition | None] = partition_of
) -> tuple[dict[str, Partition], list[Skipped]]:
    """The keys of data files, each with its partition, in order; and what is none."""
    ours: dict[str, Partition] = {}
    foreign = []
    for key in keys:
        partition = partition_of(key)
        if partition is None:
            foreign.append(Skipped(key, Reason.FOREIGN, FOREIGN))
        else:
            ours[key] = partition
    return ours, foreign
