"""Which of our own files a function needs: what its handler imports, and so on from there."""

import ast
from collections.abc import Iterator
from pathlib import Path

from deploy.packaging.errors import PackagingError
from deploy.packaging.function import Package

ROOT = Path(__file__).parents[2]
_OURS = ("events", "ingest", "transform", "catalog", "playlake")
# A folder's own words and tools are not served.
_NO_ASSETS = {".md", ".sh"}


def sources(package: Package, root: Path = ROOT) -> dict[str, Path]:
    """The files of our own that the package holds, by their path in the zip.

    Imports inside functions count like any other. Raises `PackagingError` when the handler, or a
    module to leave out, is not there.
    """
    for name in (package.handler, *package.leaves_out):
        if _file(root, name) is None:
            raise PackagingError(
                f"the package {package.name} names the module {name}, which is not there; "
                "mend it in deploy/packaging/function.py"
            )
    files = [*_modules(package, root).values(), *_assets(package, root)]
    return {file.relative_to(root).as_posix(): file for file in files}


def _modules(package: Package, root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    pending = [package.handler]
    while pending:
        name = pending.pop()
        file = _file(root, name)
        if file is None or name in found or name in package.leaves_out:
            continue
        found[name] = file
        pending += [*_parents(name), *_imports(file)]
    return found


def _file(root: Path, name: str) -> Path | None:
    if name.partition(".")[0] not in _OURS:
        return None
    path = root.joinpath(*name.split("."))
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((each for each in candidates if each.is_file()), None)


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _imports(file: Path) -> Iterator[str]:
    """The modules that a file may import; `from a import b` may mean `a.b`, so that both are."""
    for node in ast.walk(ast.parse(file.read_bytes(), str(file))):
        match node:
            case ast.Import(names):
                yield from (each.name for each in names)
            case ast.ImportFrom(str(module), names, 0):
                yield module
                yield from (f"{module}.{each.name}" for each in names)


def _assets(package: Package, root: Path) -> Iterator[Path]:
    for folder in package.assets:
        files = sorted(path for path in (root / folder).rglob("*") if path.is_file())
        yield from (file for file in files if file.suffix not in _NO_ASSETS)
