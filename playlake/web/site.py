"""The pages: the webapp's files and whatever routes stand beside them, guarded by their headers."""

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingest.collector import EVENTS_PATH

_PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; media-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
}


def site(routes: Sequence[BaseRoute] = (), pages: Path | None = None) -> ASGIApp:
    """`routes`, `/healthz` unless they have one, and the files in `pages` for all the rest.

    `pages` is the webapp that playlake ships unless another folder is given. A site that collects
    nothing is well when it answers.
    """
    folder = _webapp() if pages is None else pages
    files = Mount("/", _Files(directory=folder, html=True))
    return _Guarded(
        Starlette(
            routes=[*routes, Route("/healthz", _healthz), files],
            exception_handlers={405: _nothing_to_post_to},
        )
    )


@dataclass(frozen=True, slots=True)
class _Guarded:
    """An application whose every response says what its pages may load, and from where."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _PAGE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_guarded)


class _Files(StaticFiles):
    """Files that a browser asks for again each time, and gets again when they hold something else.

    In Lambda's package all files are of 1980, so that the same files make the same zip. Starlette's
    ETag of time and size would call a script of the same length unchanged after a deployment, and a
    browser that is told no better takes files that old for good for years (RFC 9111, 4.2.2).
    """

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, or the word that whoever asks has it already."""
        etag = _etag(os.fspath(full_path), stat_result.st_mtime_ns, stat_result.st_size)
        headers = {"etag": etag, "cache-control": "no-cache"}
        response = FileResponse(full_path, status_code, headers, stat_result=stat_result)
        asked = Headers(scope=scope)
        if "if-none-match" in asked and self.is_not_modified(response.headers, asked):
            return NotModifiedResponse(response.headers)
        return response


@lru_cache(maxsize=256)
def _etag(path: str, _mtime_ns: int, _size: int) -> str:
    with Path(path).open("rb") as file:
        return f'"{hashlib.file_digest(file, "sha256").hexdigest()[:32]}"'


async def _nothing_to_post_to(request: Request, _error: Exception) -> JSONResponse:
    """In the collector's envelope: whoever posts events to a path that they mistyped reads it."""
    message = f"{request.url.path} is only read: send events to {EVENTS_PATH} by POST"
    error = {"code": "method_not_allowed", "message": message}
    return JSONResponse({"error": error}, 405, {"allow": "GET, HEAD"})


async def _healthz(_request: Request) -> JSONResponse:
    return JSONResponse({"data": {"status": "ok"}})


def _webapp() -> Path:
    """The folder of the webapp, wherever playlake is installed."""
    spec = importlib.util.find_spec("webapp")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("playlake is installed without its webapp: install it again")
    return Path(spec.submodule_search_locations[0])
