"""The token that a server on a network asks for, and what it is not asked for."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from events.errors import SettingsError
from ingest.collector import EVENTS_PATH

TOKEN_VARIABLE = "PLAYLAKE_TOKEN"  # noqa: S105 (its name)
TOKEN_PARAMETER = "token"  # noqa: S105 (its name)

SHORTEST = 16
"""A token of fewer characters can be tried out; one that is made has 43, of 256 random bits."""

OPEN = frozenset(
    {
        ("POST", EVENTS_PATH),  # trackers send without being asked who they are,
        ("OPTIONS", EVENTS_PATH),
        ("GET", "/tracker.js"),  # pages of others load this,
        ("HEAD", "/tracker.js"),
        ("GET", "/healthz"),  # and a probe has no secrets.
        ("HEAD", "/healthz"),
    }
)
"""What needs no token. The path is compared as the routes compare it, percent-decoded."""

_UNTOLD = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_REFUSED = {**_UNTOLD, "www-authenticate": "Bearer", "x-content-type-options": "nosniff"}
_REQUIRED = {
    "code": "token_required",
    "message": "This server asks for its token, as `Authorization: Bearer TOKEN` or once as"
    f" ?token=TOKEN in a browser. Whoever started it was told it, or gave it by {TOKEN_VARIABLE}.",
}
_COOKIE_DAYS = 7


@dataclass(frozen=True, slots=True)
class Key:
    """What opens a server. It is never part of a log, an error or this object's `repr`."""

    token: str = field(repr=False)
    made: bool
    """Whether nobody knows it yet: it was made here, and has to be told once."""

    def opens(self, offered: str) -> bool:
        """Whether that is the token, in a time that does not tell how near to it that is."""
        return hmac.compare_digest(_digest(offered), _digest(self.token))

    @property
    def cookie(self) -> str:
        """What a browser keeps: no token, and of characters that a cookie can have."""
        return _digest(f"playlake cookie {self.token}").hex()


def key_from(
    environment: Mapping[str, str],
    *,
    exposed: bool,
    make: Callable[[], str] = secrets.token_urlsafe,
) -> Key | None:
    """The key of a server: that of PLAYLAKE_TOKEN, else, where others reach it, a new one.

    None, nothing is asked, only for a server that is not `exposed` and was given none. Raises
    SettingsError for a token that is too short or that a header cannot carry.
    """
    token = environment.get(TOKEN_VARIABLE)
    if token is None:
        return Key(make(), made=True) if exposed else None
    if len(token) < SHORTEST or not (token.isascii() and token.isprintable()) or " " in token:
        raise SettingsError(
            f"{TOKEN_VARIABLE} holds {len(token)} characters: give at least {SHORTEST}, printable"
            " ASCII without spaces, or none and one is made."
        )
    return Key(token, made=False)


def guarded(app: ASGIApp, key: Key | None) -> ASGIApp:
    """The application for whoever has the key; for everybody when there is none."""
    return app if key is None else _Guarded(app, key)


@dataclass(frozen=True, slots=True)
class _Guarded:
    app: ASGIApp
    key: Key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = None if _is_open(scope) else self._stopped(Request(scope))
        await (answer or self.app)(scope, receive, send)

    def _stopped(self, request: Request) -> Response | None:
        """What is answered in the application's place; None for whoever may pass."""
        if self._offered_in_url(request):
            return self._welcome(request)
        if self._offered_in_header(request) or self._offered_in_cookie(request):
            return None
        return JSONResponse({"error": _REQUIRED}, 401, _REFUSED)

    def _offered_in_url(self, request: Request) -> bool:
        offered = request.query_params.get(TOKEN_PARAMETER, "")
        return request.method in {"GET", "HEAD"} and self.key.opens(offered)

    def _offered_in_header(self, request: Request) -> bool:
        scheme, _, offered = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.key.opens(offered.strip())

    def _offered_in_cookie(self, request: Request) -> bool:
        offered = request.cookies.get(_cookie_name(request), "")
        return hmac.compare_digest(offered.encode(), self.key.cookie.encode())

    def _welcome(self, request: Request) -> Response:
        """The same page without the token in its address, where the history and what the page
        loads would have it. The browser keeps a cookie instead."""
        answer = RedirectResponse(_without_token(request), 303, _UNTOLD)
        answer.set_cookie(
            _cookie_name(request),
            self.key.cookie,
            max_age=_COOKIE_DAYS * 86_400,
            httponly=True,
            samesite="strict",
        )
        return answer


def _is_open(scope: Scope) -> bool:
    return scope["type"] != "http" or (scope["method"], scope["path"]) in OPEN


def _without_token(request: Request) -> str:
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != TOKEN_PARAMETER]
    # One slash: "//elsewhere.example/" would be a redirect to another server.
    path = "/" + quote(request.scope["path"].lstrip("/"))
    return f"{path}?{urlencode(kept)}" if kept else path


def _cookie_name(request: Request) -> str:
    """One a port: cookies do not know ports (RFC 6265, 8.5), and each server has its own key."""
    _, port = request.scope.get("server") or ("", None)
    return f"playlake-{port}"


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()
