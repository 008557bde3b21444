"""Which lines of some modules run: counted by the interpreter's own tracing, after the fuzzing."""

import sys
from collections.abc import Iterable, Iterator
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, Self

Line = tuple[str, int]


class Lines:
    """Within it, the lines of functions of these modules that are reached.

    A module's and a class's own lines ran when it was imported: they are not counted.
    """

    def __init__(self, modules: Iterable[ModuleType]) -> None:
        files = [str(module.__file__) for module in modules]
        self._files = frozenset(files)
        self.all = {(file, line) for file in files for line in _lines_of(file)}
        self._seen: set[Line] = set()

    @property
    def reached(self) -> set[Line]:
        """Those of all lines that ran."""
        return self._seen & self.all

    def __enter__(self) -> Self:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self._seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line


def _lines_of(file: str) -> Iterator[int]:
    yield from _within(compile(Path(file).read_bytes(), file, "exec"))


def _within(code: CodeType) -> Iterator[int]:
    if code.co_flags & CO_OPTIMIZED:
        own = {line for _, _, line in code.co_lines() if line is not None}
        yield from own - {code.co_firstlineno} if len(own) > 1 else own
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _within(constant)
