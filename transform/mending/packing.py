"""Which of a partition's files become one, by their names and sizes alone, and in what memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from events.layout import is_compacted

FILE_BYTES = 256 * 2**20
"""About what a file is to have: large enough that a query opens few of them, small enough that a
worker of Athena's reads a whole one. Source: Athena's user guide, "Optimize file sizes"."""
_MOST_FILES = 500
"""So many are open at once."""

Sized = tuple[str, int]
"""A file: its key and its bytes."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a compaction may hold at once."""

    rows: int
    """What becomes one file: of each its id and its place are known at once."""
    arrow_bytes: int
    """Of a stretch of them, where events repeat themselves and a small file is large in memory."""

    @classmethod
    def of(cls, megabytes: int) -> Self:
        """For a process that may take so many. Measured: six million rows, 210 MB of files, took
        1.8 GB; of a file beside them the ids of half a million rows at once."""
        return cls(2_000 * megabytes, megabytes * 2**20 // 8)


DEFAULT_MEGABYTES = 3_008
"""The largest function that an account may have from its first day (AWS Lambda quotas)."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A partition's files, as compaction takes them."""

    full: tuple[str, ...]
    """Compacted, and large enough to be left as they are."""
    groups: tuple[tuple[Sized, ...], ...]
    """What each becomes one file."""


def packed(files: Sequence[Sized], file_bytes: int = FILE_BYTES) -> Packed:
    """Sort a partition's files into what is done and what is to do.

    A file over half of `file_bytes` that compaction made is done: whatever became one with it would
    be too large. A lone file is: it holds each event once, or once more as another file.
    """
    full = tuple(key for key, size in files if is_compacted(key) and size > file_bytes // 2)
    rest = [each for each in sorted(files) if each[0] not in full]
    groups = [group for group in _filled(rest, file_bytes) if _is_worth_it(group, len(files))]
    return Packed(full, tuple(groups))


def halves(group: Sequence[Sized]) -> Iterator[tuple[Sized, ...]]:
    """The group in two of about the same size, without a half that leaves nothing to do."""
    half, size = sum(size for _, size in group) / 2, 0
    middle = 0
    while middle < len(group) - 1 and (middle == 0 or size + group[middle][1] <= half):
        size += group[middle][1]
        middle += 1
    for part in (group[:middle], group[middle:]):
        if len(part) > 1:
            yield tuple(part)


def _filled(files: Sequence[Sized], file_bytes: int) -> Iterator[tuple[Sized, ...]]:
    group, size = list[Sized](), 0
    for each in files:
        if group and (size + each[1] > file_bytes or len(group) == _MOST_FILES):
            yield tuple(group)
            group, size = [], 0
        group.append(each)
        size += each[1]
    if group:
        yield tuple(group)


def _is_worth_it(group: Sequence[Sized], files: int) -> bool:
    # Alone in its group, a file that compaction did not make may repeat what others hold.
    return len(group) > 1 or (files > 1 and not is_compacted(group[0][0]))
