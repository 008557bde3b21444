"""The pages: the webapp's files and whatever routes stand beside them, guarded by their headers."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; media-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
}


def site(routes: Sequence[BaseRoute] = (), pages: Path | None = None) -> ASGIApp:
    """`/healthz`, `routes`, and the files in `pages` for all the rest.

    `pages` is the webapp that playlake ships unless another folder is given.
    """
    folder = _webapp() if pages is None else pages
    files = Mount("/", StaticFiles(directory=folder, html=True))
    return _Guarded(Starlette(routes=[Route("/healthz", _healthz), *routes, files]))


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


async def _healthz(_request: Request) -> JSONResponse:
    return JSONResponse({"data": {"status": "ok"}})


def _webapp() -> Path:
    """The folder of the webapp, wherever playlake is installed."""
    spec = importlib.util.find_spec("webapp")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("playlake is installed without its webapp: install it again")
    return Path(spec.submodule_search_locations[0])
