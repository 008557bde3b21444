"""One package, from its declaration to a zip that Lambda takes."""

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deploy.packaging import archive, bytecode, clean_room, libraries, pruning
from deploy.packaging.errors import PackagingError
from deploy.packaging.function import MB, Package, Target
from deploy.packaging.sources import ROOT, sources

MOST_UNZIPPED = 250 * MB
MOST_ZIPPED = 50 * MB
"""Lambda quotas, "Deployment package (.zip file archive) size": 250 MB unzipped, and 50 MB zipped
when it is uploaded directly. By way of S3 more would go, but starts late."""


@dataclass(frozen=True)
class Built:
    """A zip, and what is to be said of it."""

    name: str
    inputs: str
    """Digest of all that it is made from."""
    sha256: str
    zipped: int
    """Bytes."""
    unzipped: int
    """Bytes."""
    bytecode: bool
    """Whether what it holds is compiled; without, each cold start does that."""
    cold_import: float | None
    """Seconds; None when this machine cannot run it."""


def build(package: Package, target: Target, out: Path, root: Path = ROOT) -> Built:
    """Make `out/NAME.zip`, unless the one that is there was made from the same.

    Raises `PackagingError` when it cannot be made, when it is larger than it may be, and when its
    handler cannot be imported, where this machine can tell.
    """
    inputs = _digest(_inputs(package, target, root))
    path, note = out / package.file_name, out / f".{package.name}.json"
    if (known := _known(path, note)) and known.inputs == inputs:
        return known
    files = contents(package, target, root)
    data = archive.zipped(files)
    unzipped = sum(map(len, files.values()))
    within_limits(package, unzipped, len(data))
    out.mkdir(parents=True, exist_ok=True)
    archive.replace(path, data)
    seconds = _cold_import(package, target, path)
    compiled = clean_room.interpreter(target.python) is not None
    built = Built(package.name, inputs, _digest([data]), len(data), unzipped, compiled, seconds)
    archive.replace(note, msgspec.json.encode(built))
    return built


def contents(package: Package, target: Target, root: Path = ROOT) -> dict[str, bytes]:
    """The files of the package by their path in the zip: ours, and those of libraries; compiled
    where this machine has the target's Python.

    Raises `PackagingError` when they cannot be had.
    """
    with tempfile.TemporaryDirectory() as aside:
        libraries.install(package, target, Path(aside), root)
        theirs = pruning.pruned(Path(aside))
    ours = {name: path.read_bytes() for name, path in sources(package, root).items()}
    if both := _folders(theirs) & _folders(ours):
        raise PackagingError(f"a library has a package of our name: {', '.join(sorted(both))}")
    if python := clean_room.interpreter(target.python):
        return bytecode.libraries(theirs, python) | bytecode.ours(ours, python)
    return theirs | ours


def within_limits(package: Package, unzipped: int, zipped: int) -> None:
    """Raise `PackagingError` when a package of these sizes, in bytes, is larger than it may be."""
    limits = (
        ("unzipped", unzipped, MOST_UNZIPPED, "which is Lambda's limit"),
        ("unzipped", unzipped, package.most_unzipped, "which its start can bear"),
        ("zipped", zipped, MOST_ZIPPED, "which is Lambda's limit"),
    )
    for state, size, most, reason in limits:
        if size > most:
            raise PackagingError(
                f"{package.file_name} is {size / MB:.1f} MB {state}, and {most / MB:.1f} MB, "
                f"{reason}, is the most; cut more in deploy/packaging/pruning.py"
            )


def _folders(names: Iterable[str]) -> set[str]:
    return {name.partition("/")[0] for name in names}


def _inputs(package: Package, target: Target, root: Path) -> Iterable[bytes]:
    yield repr((package, target, clean_room.interpreter(target.python) is None)).encode()
    for name, path in sorted(sources(package, root).items()):
        yield name.encode()
        yield path.read_bytes()
    tools = sorted(Path(__file__).parent.glob("*.py"))
    for path in (root / libraries.LOCK, root / libraries.PROJECT, *tools):
        yield path.read_bytes()


def _known(path: Path, note: Path) -> Built | None:
    """What the note says of the zip, if it is still that zip."""
    try:
        built = msgspec.json.decode(note.read_bytes(), type=Built)
        return built if built.sha256 == _digest([path.read_bytes()]) else None
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _cold_import(package: Package, target: Target, path: Path) -> float | None:
    python = clean_room.interpreter(target.python)
    if python is None or not target.runs_here:
        return None
    return clean_room.cold_import(python, path, package.handler)
