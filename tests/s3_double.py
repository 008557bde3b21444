"""S3 where moto cannot be it: conflicts, overload, refusals and answers that are lost."""

import hashlib
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

    Every PUT must be conditional: on there being no object, or on the one that has the tag.
    `requests` counts, `signed` is the last one's signature.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: deque[Fault] = deque()
        self.requests = 0
        self.signed = ""
        super().__init__(_Handler)

    def fault(self) -> Fault | None:
        """What the request that comes now meets."""
        self.requests += 1
        return self.faults.popleft() if self.faults else None


class _Handler(Handler):
    def serve(self) -> None:
        self.double.signed = self.headers.get("authorization", "")
        {"DELETE": self._delete, "GET": self._get, "PUT": self._put}[self.command]()

    def _put(self) -> None:
        double = self.double
        data = self.body()
        there = double.objects.get(self.path)
        expected = self.headers["if-match"]
        assert expected or self.headers["if-none-match"] == "*"
        fits = there is None if expected is None else there is not None and _tag(there) == expected
        match double.fault():
            case Refuse() as refuse:
                self._refuse(refuse)
            case LoseAnswer():
                double.objects[self.path] = data
                self.close_connection = True
            case _ if expected and there is None:
                self._refuse(Refuse(404, "NoSuchKey"))
            case _ if not fits:
                self._refuse(Refuse(412, "PreconditionFailed"))
            case _:
                double.objects[self.path] = data
                self.answer(200, b"", etag=_tag(data))

    def _get(self) -> None:
        double = self.double
        match double.fault():
            case Refuse() as refuse:
                self._refuse(refuse)
            case CutShort():
                data = double.objects[self.path]
                half = data[: len(data) // 2]
                self.answer(200, half, content_length=str(len(data)), etag=_tag(data))
                self.close_connection = True
            case _ if self.path not in double.objects:
                self._refuse(Refuse(404, "NoSuchKey"))
            case _:
                data = double.objects[self.path]
                self.answer(200, data, etag=_tag(data))

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


def _tag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'
