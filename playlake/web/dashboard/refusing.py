"""Every error in the envelope that the collector's have, and who may ask at all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from events.errors import PlaylakeError, QueryFailed, Unavailable, UnknownName

Endpoint = Callable[[Request], Awaitable[Response]]

_KINDS: tuple[tuple[type[PlaylakeError], int, str], ...] = (
    (UnknownName, 404, "unknown_name"),
    (QueryFailed, 400, "query_failed"),
    (Unavailable, 503, "unavailable"),
    (PlaylakeError, 400, "bad_request"),
)
"""The first that an error is one of tells its status and its code."""


def refusal(status: int, code: str, message: str) -> JSONResponse:
    """An error, as every route answers it."""
    return JSONResponse({"error": {"code": code, "message": message}}, status)


def refused(error: PlaylakeError) -> JSONResponse:
    """The error in the envelope; its sentence is the command line's."""
    status, code = next((s, c) for kind, s, c in _KINDS if isinstance(error, kind))
    return refusal(status, code, str(error))


@dataclass(frozen=True, slots=True)
class Guard:
    """An endpoint's errors in the envelope, for whoever calls the server by a name it goes by.

    A page of somebody else's whose name was pointed at 127.0.0.1 (DNS rebinding) asks as its own
    origin, and would read who watched what; its name is in the request's Host.
    """

    hosts: frozenset[str] | None
    """None is any: who listens on a network has other doors to lock."""

    def __call__(self, endpoint: Endpoint) -> Endpoint:
        async def guarded(request: Request) -> Response:
            host = urlsplit(f"//{request.headers.get('host', '')}").hostname
            if self.hosts is not None and host not in self.hosts:
                return refusal(
                    403,
                    "unknown_host",
                    f"This server answers to {', '.join(sorted(self.hosts))}, not to {host}:"
                    " open it by one of those.",
                )
            try:
                return await endpoint(request)
            except PlaylakeError as error:
                return refused(error)

        return guarded
