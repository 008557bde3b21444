"""A store in memory, and work on one that is stopped at each of its calls, or killed there."""

import threading
from collections.abc import Callable, Iterator

from transform.store import Entry, Part, Stale, Version


class Memory(dict[str, bytes]):
    """A store as S3 is one: a put is conditional, what is there first stays."""

    def __init__(self, *objects: object, **named: bytes) -> None:
        super().__init__(*objects, **named)
        self.modified: dict[str, float] = {}
        """Epoch seconds; of what a test does not date, the beginning of time."""

    def put(self, key: str, data: bytes) -> None:
        self.setdefault(key, data)

    def get(self, key: str) -> bytes:
        return self[key]

    def get_part(self, key: str, start: int, length: int) -> Part:
        return Part.of(self[key], start, length)

    def keys(self, prefix: str = "") -> Iterator[str]:
        return (each.key for each in self.entries(prefix))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        keys = [key for key in sorted(self) if key.startswith(prefix)]
        return iter([Entry(key, len(self[key]), self.modified.get(key, 0)) for key in keys])

    def copy(self, source: str, target: str) -> None:
        self.put(target, self.get(source))

    def delete(self, key: str) -> None:
        self.pop(key, None)

    def load(self, key: str) -> Version | None:
        return Version(self[key], repr(self[key])) if key in self else None

    def save(self, key: str, data: bytes, seen: Version | None) -> Version:
        if self.load(key) != seen:
            raise Stale(key)
        self[key] = data
        return Version(data, repr(data))


class Killed(BaseException):
    """The process is no more."""


class Stepped:
    """Work that halts before each call of its store; `step` lets it make that call.

    Its `calls`-th call is never made: it is killed there.
    """

    def __init__(self, store: object, calls: int, work: Callable[["Stepped"], object]) -> None:
        self.over = False
        self.error: Exception | None = None
        self._store = store
        self._calls = calls
        self._turn, self._halted = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, args=(work,), daemon=True).start()
        self._wait()

    def step(self) -> None:
        self._turn.release()
        self._wait()

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            self._halted.release()
            self._turn.acquire()
            self._calls -= 1
            if self._calls < 0:
                raise Killed
            return getattr(self._store, name)(*arguments)

        return call

    def _run(self, work: Callable[["Stepped"], object]) -> None:
        try:
            work(self)
        except Killed:
            pass
        except Exception as error:  # noqa: BLE001 (the test says which it may be)
            self.error = error
        finally:
            self.over = True
            self._halted.release()

    def _wait(self) -> None:
        assert self._halted.acquire(timeout=10)
