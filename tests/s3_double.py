"""S3 where moto cannot be it: conflicts, overload, refusals and answers that are lost."""

from collections import deque
from dataclasses import dataclass

from tests.http_double import Handler, HttpDouble


@dataclass(frozen=True)
class Refuse:
    """Do nothing, and answer an error."""

    status: int
    code: str


@dataclass(frozen=True)
class LoseAnswer:
    """Do it, and hang up without a word."""


@dataclass(frozen=True)
class CutShort:
    """Promise the whole object, send half of it, and hang up."""


CONFLICT = Refuse(409, "ConditionalRequestConflict")
SLOW_DOWN = Refuse(503, "SlowDown")
DENIED = Refuse(403, "AccessDenied")

Fault = Refuse | LoseAnswer | CutShort


class S3Double(HttpDouble):
    """Objects by path, at `url` while its `with` lasts; each request meets the next of `faults`.

    Every PUT must be conditional, and the object that was there first stays. `requests` counts.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: deque[Fault] = deque()
        self.requests = 0
        super().__init__(_Handler)

    def fault(self) -> Fault | None:
        """What the request that comes now meets."""
        self.requests += 1
        return self.faults.popleft() if self.faults else None


class _Handler(Handler):
    def serve(self) -> None:
        {"DELETE": self._delete, "GET": self._get, "PUT": self._put}[self.command]()

    def _put(self) -> None:
        double = self.double
        data = self.body()
        assert self.headers["if-none-match"] == "*"
        match double.fault():
            case Refuse() as refuse:
                self._refuse(refuse)
            case LoseAnswer():
                double.objects[self.path] = data
                self.close_connection = True
            case _ if self.path in double.objects:
                self._refuse(Refuse(412, "PreconditionFailed"))
            case _:
                double.objects[self.path] = data
                self.answer(200, b"")

    def _get(self) -> None:
        double = self.double
        match double.fault():
            case Refuse() as refuse:
                self._refuse(refuse)
            case CutShort():
                data = double.objects[self.path]
                self.answer(200, data[: len(data) // 2], content_length=str(len(data)))
                self.close_connection = True
            case _:
                self.answer(200, double.objects[self.path])

    def _delete(self) -> None:
        match self.double.fault():
            case Refuse() as refuse:
                self._refuse(refuse)
            case _:
                self.double.objects.pop(self.path, None)
                self.answer(204, b"")

    def _refuse(self, refuse: Refuse) -> None:
        body = f"<Error><Code>{refuse.code}</Code><Message>told to</Message></Error>"
        self.answer(refuse.status, body.encode())
