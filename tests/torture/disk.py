"""A disk that can be made full and empty again: a tmpfs whose size is set."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.torture.calls import Lacking

_TRIES = 200


@dataclass(frozen=True, slots=True)
class Disk:
    """A tmpfs that is mounted at `path`."""

    path: Path
    megabytes: int

    def fill(self, spare_bytes: int) -> None:
        """Leave no more space than that, rounded up to pages, besides what is written meanwhile."""
        for _ in range(_TRIES):
            if not self._resized(str(shutil.disk_usage(self.path).used + spare_bytes)):
                return
        raise Lacking(f"{self.path} cannot be made as small as what lies on it")

    def clear(self) -> None:
        """Give it its space back."""
        if fault := self._resized(f"{self.megabytes}m"):
            raise Lacking(f"{self.path} cannot be made larger: {fault}")

    def _resized(self, size: str) -> str:
        """What went wrong: what lies on it does not fit if somebody has written meanwhile."""
        return _fault_of("mount", "-o", f"remount,size={size}", str(self.path))


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """Mount one meanwhile; a process in it must have ended before. Raises Lacking."""
    with tempfile.TemporaryDirectory(prefix="playlake-disk-") as folder:
        fault = _fault_of("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "playlake", folder)
        if fault:
            raise Lacking(f"no small disk can be mounted: {fault}")
        try:
            yield Disk(Path(folder), megabytes)
        finally:
            _fault_of("umount", "--lazy", folder)


def _fault_of(*command: str) -> str:
    """What a command complains of; empty when it succeeds."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return f"there is no {command[0]}"
    return done.stderr.strip() or "it failed" if done.returncode else ""
