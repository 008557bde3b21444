"""The store on a local filesystem."""

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from events.errors import StoreUnavailable
from transform.store import Entry, Part, Stale, Version

# Half-written objects wait here, outside every table's folder: DuckDB, unlike Athena, reads what a
# glob finds, and a torn file under it breaks every query.
_WRITING = ".writing"


class FileStore:
    """Objects as files under `root`: written aside, synced, then renamed into place."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, data: bytes) -> None:
        """See `transform.store.Store.put`. Durable: the file and its folder are fsynced."""
        path = self.root / key
        try:
            _make_folder(path.parent)
            if path.exists():
                _sync_folder(path.parent)
            else:
                self._write_aside(data).replace(path)
                _sync_or_take_back(path)
        except OSError as error:
            raise StoreUnavailable(f"cannot write {path}: {error.strerror}") from error

    def get(self, key: str) -> bytes:
        """See `transform.store.Store.get`."""
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None
        except OSError as error:
            raise StoreUnavailable(f"cannot read {self.root / key}: {error.strerror}") from error

    def get_part(self, key: str, start: int, length: int) -> Part:
        """See `transform.store.Store.get_part`."""
        try:
            with (self.root / key).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(start if start >= 0 else max(0, size + start))
                return Part(file.read(length), size)
        except FileNotFoundError:
            raise KeyError(key) from None
        except OSError as error:
            raise StoreUnavailable(f"cannot read {self.root / key}: {error.strerror}") from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See `transform.store.Store.keys`."""
        return (each.key for each in self.entries(prefix))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """See `transform.store.Store.entries`."""
        # The folder part narrows the walk; the rest of the prefix is matched on each key.
        folder = self.root / prefix.rpartition("/")[0]
        for key in sorted(key for key in self._below(folder) if key.startswith(prefix)):
            status = self._status(key)
            if status is not None and stat.S_ISREG(status.st_mode):
                yield Entry(key, status.st_size, status.st_mtime)

    def delete(self, key: str) -> None:
        """See `transform.store.Store.delete`."""
        try:
            (self.root / key).unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"cannot delete {self.root / key}: {error.strerror}") from error

    def copy(self, source: str, target: str) -> None:
        """See `transform.store.Archive.copy`."""
        self.put(target, self.get(source))

    def load(self, key: str) -> Version | None:
        """See `transform.store.VersionedStore.load`."""
        try:
            data = self.get(key)
        except KeyError:
            return None
        return Version(data, hashlib.sha256(data).hexdigest())

    def save(self, key: str, data: bytes, seen: Version | None) -> Version:
        """See `transform.store.VersionedStore.save`; writers wait for one another."""
        path = self.root / key
        try:
            with self._alone():
                if self.load(key) != seen:
                    raise Stale(key)
                _make_folder(path.parent)
                self._write_aside(data).replace(path)
                _sync_folder(path.parent)
        except OSError as error:
            raise StoreUnavailable(f"cannot write {path}: {error.strerror}") from error
        return Version(data, hashlib.sha256(data).hexdigest())

    def _below(self, folder: Path) -> Iterator[str]:
        # Not by rglob: it takes a folder that it may not list for an empty one.
        for place, _, names in os.walk(folder, onerror=_fail):
            inside = Path(place).relative_to(self.root)
            if inside.parts[:1] != (_WRITING,):
                yield from ((inside / name).as_posix() for name in names)

    def _status(self, key: str) -> os.stat_result | None:
        """None of a file that was deleted since the walk: it is not listed."""
        try:
            return (self.root / key).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailable(f"cannot list {self.root / key}: {error.strerror}") from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While inside, no other process is; one that dies there lets the next in."""
        folder = self.root / _WRITING
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write_aside(self, data: bytes) -> Path:
        folder = self.root / _WRITING
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / secrets.token_hex(8)
        try:
            with aside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            # A full disk must not stay full of what did not fit on it.
            aside.unlink(missing_ok=True)
            raise
        return aside


def _fail(error: OSError) -> None:
    """What cannot be listed is not empty; what is no folder, or none any more, holds nothing."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise StoreUnavailable(f"cannot list {error.filename}: {error.strerror}") from error


def _make_folder(folder: Path) -> None:
    """Create `folder`, syncing each parent that got a new entry, so that the path survives too."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync_folder(path.parent)


def _sync_or_take_back(path: Path) -> None:
    """Once a sync has failed, the next may succeed though the entry is on no disk: whoever tries
    again must not find it there."""
    try:
        _sync_folder(path.parent)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
