"""JSON lines kept whole: cut only where somebody wants one."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import overload

_BEGINS, _ENDS = b"{}"
_AT_LINE = re.compile(r" - at `\$\[(\d+)\]")
_AT_BYTE = re.compile(r"\(byte (\d+)\)$")


def plain_objects(data: bytes, start: int) -> tuple[int, int]:
    """How many lines from `start` on begin as an object does, end as one, and in "\\n"; and where
    the first one begins that does not.

    No value spans two of them: within one, an object that ends is not followed by another, and a
    string holds no raw newline (RFC 8259).
    """
    lines = 0
    # Byte by byte memchr is many times as fast as any search for more than one.
    while (end := data.find(b"\n", start)) >= 0:
        if data[start] != _BEGINS or data[end - 1] != _ENDS:
            break
        start = end + 1
        lines += 1
    return lines, start


def line_at_fault(data: bytes, complaint: str) -> tuple[int, int] | None:
    """Where the line begins and ends of which msgspec, decoding them all, says `complaint`."""
    if found := _AT_BYTE.search(complaint):
        start = data.rfind(b"\n", 0, int(found[1])) + 1
    elif numbers := _AT_LINE.findall(complaint):
        start = _beginning(data, int(numbers[-1]))
    else:
        return None
    end = data.find(b"\n", start)
    return None if end < 0 else (start, end + 1)


def _beginning(data: bytes, line: int) -> int:
    start = 0
    for _ in range(line):
        start = data.find(b"\n", start) + 1
    return start


class Lines(Sequence[bytes]):
    """Lines of a batch by their place, without their ends; whole blocks are cut when one is asked
    for."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._blocks: list[bytes | list[bytes]] = []
        self._count = 0

    def add(self, line: bytes) -> None:
        """Append one line."""
        if not self._blocks or not isinstance(self._blocks[-1], list):
            self._begin([])
        block = self._blocks[-1]
        assert isinstance(block, list), "as it was just begun"
        block.append(line)
        self._count += 1

    def add_block(self, data: bytes, count: int) -> None:
        """Append so many lines, each ending in "\\n"."""
        if count:
            self._begin(data)
            self._count += count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        for number in range(len(self._blocks)):
            yield from self._cut(number)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[bytes]: ...
    def __getitem__(self, place: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(place, slice):
            return list(self)[place]
        number = bisect_right(self._starts, place) - 1
        return self._cut(number)[place - self._starts[number]]

    def _begin(self, block: bytes | list[bytes]) -> None:
        self._starts.append(self._count)
        self._blocks.append(block)

    def _cut(self, number: int) -> list[bytes]:
        block = self._blocks[number]
        if isinstance(block, bytes):
            block = block[:-1].split(b"\n")
            self._blocks[number] = block
        return block
