"""Zips whose bytes depend on nothing but what is in them."""

import io
import os
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

# The earliest time that a zip can hold.
_TIME = (1980, 1, 1, 0, 0, 0)
_LEVEL = 6
_UNIX = 3


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of the files, given by their path in it.

    In the order of their paths, at one time, one level of compression, mode 0644, and 0755 for
    shared libraries. The bytes are the same wherever Python is built with the same zlib.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            archive.writestr(_entry(name), files[name], zipfile.ZIP_DEFLATED, _LEVEL)
    return buffer.getvalue()


def unzip(archive: Path, folder: Path) -> None:
    """Unpack a zip, modes included."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
        for entry in opened.infolist():
            (folder / entry.filename).chmod((entry.external_attr >> 16) & 0o777)


def replace(path: Path, data: bytes) -> None:
    """Write a file in one step: a build that is killed leaves the one before, whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system = _UNIX
    entry.external_attr = (stat.S_IFREG | _mode(name)) << 16
    return entry


def _mode(name: str) -> int:
    return 0o755 if ".so" in Path(name).suffixes else 0o644
