"""Shared libraries read and written as bytes, whichever machine they are for.

`strip` and `patchelf` may not be installed, and `strip` knows its own machine's libraries only,
while a build for arm64 runs on x86-64. What they would do is little: the dynamic loader reads the
program headers and the dynamic section, and never the section headers (System V gABI, chapter 5).
"""

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

from deploy.packaging.errors import PackagingError

AARCH64 = 183
X86_64 = 62
"""`e_machine` (System V gABI, "Machine")."""

_MAGIC = b"\x7fELF"
_64_BIT_LITTLE_ENDIAN = b"\x02\x01"
_SHARED = 3
_LOAD, _DYNAMIC = 1, 2
_END, _NEEDED, _STRINGS = 0, 1, 5
_SYMBOLS = 11
_UNDEFINED = 0
_LOCAL, _GLOBAL = 0, 1

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_ENTRY = struct.Struct("<QQ")
_SECTIONS_AT = 0x28
_SECTION_COUNT_AT = 0x3C


class _Segment(NamedTuple):
    kind: int
    flags: int
    offset: int
    address: int
    physical_address: int
    size: int
    size_in_memory: int
    alignment: int

    @property
    def end(self) -> int:
        return self.offset + self.size


class _Symbol(NamedTuple):
    name: bytes
    binding: int
    defined: bool


@dataclass(frozen=True)
class Library:
    """A 64-bit little-endian shared library."""

    data: bytes

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """The library in a file's bytes; None when they are no ELF file.

        Raises `PackagingError` when it is one that Lambda could not load, or is cut short.
        """
        if not data.startswith(_MAGIC):
            return None
        if len(data) < _HEADER.size or data[4:6] != _64_BIT_LITTLE_ENDIAN:
            raise PackagingError("an ELF file is not 64-bit little-endian: Lambda cannot load it")
        library = cls(data)
        if library._header[1] != _SHARED or library._header[9] != _SEGMENT.size:
            raise PackagingError("an ELF file is no shared library: leave it out of the package")
        if library._end > len(data):
            raise PackagingError(
                f"a shared library of {len(data)} bytes lacks those up to {library._end}; clear "
                "uv's cache (uv cache clean) and build again"
            )
        return library

    @cached_property
    def machine(self) -> int:
        """What it is for: `AARCH64` or `X86_64`, where Lambda is to load it."""
        return int(self._header[2])

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The libraries that the loader loads with it."""
        return tuple(self._string(value) for tag, value in self._dynamic if tag == _NEEDED)

    @cached_property
    def defined(self) -> frozenset[bytes]:
        """The symbols that it has for others. Known until it is stripped."""
        return frozenset(each.name for each in self._symbols if each.defined)

    @cached_property
    def undefined(self) -> frozenset[bytes]:
        """The symbols without which it cannot be loaded. Known until it is stripped."""
        strong = (each for each in self._symbols if each.binding == _GLOBAL and not each.defined)
        return frozenset(each.name for each in strong)

    def stripped(self) -> "Library":
        """Without what follows the last byte that a program header refers to.

        Linkers put there what only they and debuggers read: the symbol table, the debug sections,
        the section headers.
        """
        kept = bytearray(self.data[: self._end])
        struct.pack_into("<Q", kept, _SECTIONS_AT, 0)
        struct.pack_into("<HH", kept, _SECTION_COUNT_AT, 0, 0)
        return Library(bytes(kept))

    def without_needed(self, names: Collection[str]) -> "Library":
        """With those names gone from `needed`, as `patchelf --remove-needed` does it."""
        kept = [
            entry
            for entry in self._dynamic
            if entry[0] != _NEEDED or self._string(entry[1]) not in names
        ]
        kept += [(_END, 0)] * (len(self._dynamic) - len(kept))
        data = bytearray(self.data)
        at = self._dynamic_segment.offset
        data[at : at + len(kept) * _ENTRY.size] = b"".join(_ENTRY.pack(*entry) for entry in kept)
        return Library(bytes(data))

    @cached_property
    def _header(self) -> tuple[int, ...]:
        return _HEADER.unpack_from(self.data)

    @cached_property
    def _segments(self) -> tuple[_Segment, ...]:
        table = self._table(_SEGMENT, at=self._header[5], count=self._header[10])
        return tuple(_Segment(*fields) for fields in table)

    @cached_property
    def _end(self) -> int:
        """Where the last byte that the loader reads ends."""
        table_end = self._header[5] + self._header[10] * _SEGMENT.size
        if table_end > len(self.data):
            return table_end
        return max(table_end, *(segment.end for segment in self._segments))

    @property
    def _dynamic_segment(self) -> _Segment:
        return next(each for each in self._segments if each.kind == _DYNAMIC)

    @cached_property
    def _dynamic(self) -> list[tuple[int, int]]:
        segment = self._dynamic_segment
        count = segment.size // _ENTRY.size
        return [(tag, value) for tag, value in self._table(_ENTRY, segment.offset, count)]

    @cached_property
    def _strings_at(self) -> int:
        address = next(value for tag, value in self._dynamic if tag == _STRINGS)
        holds = (
            address - each.address + each.offset
            for each in self._segments
            if each.kind == _LOAD and each.address <= address < each.address + each.size
        )
        return next(holds)

    def _string(self, index: int) -> str:
        return self._bytes(self._strings_at + index).decode()

    def _bytes(self, at: int) -> bytes:
        return self.data[at : self.data.index(b"\0", at)]

    @cached_property
    def _symbols(self) -> tuple[_Symbol, ...]:
        """The dynamic symbols. Only the section headers say how many there are."""
        sections = self._table(_SECTION, at=self._header[6], count=self._header[12])
        found = next((each for each in sections if each[1] == _SYMBOLS), None)
        if found is None:
            return ()
        at, size = found[4], found[5]
        symbols = self._table(_SYMBOL, at, size // _SYMBOL.size)
        return tuple(
            _Symbol(self._bytes(self._strings_at + name), info >> 4, section != _UNDEFINED)
            for name, info, _, section, _, _ in symbols
            if info >> 4 != _LOCAL
        )

    def _table(self, entry: struct.Struct, at: int, count: int) -> Iterator[tuple[int, ...]]:
        return entry.iter_unpack(self.data[at : at + count * entry.size])
