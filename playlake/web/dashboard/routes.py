"""The routes under /api: reports, videos, what arrives."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from catalog.answer import Answer
from catalog.named import named_queries
from catalog.port import Engine
from playlake.values import csv_lines
from playlake.web.dashboard.asking import Question, ask, described
from playlake.web.dashboard.encoding import encoded
from playlake.web.dashboard.live import LiveFeed
from playlake.web.dashboard.refusing import Guard, refusal

T = TypeVar("T")

_VIDEOS = "play_time_by_video"
_LINES_AT_ONCE = 1_000
_FRESH = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Desk:
    """What answers the pages' questions."""

    engine: Engine
    """Shared by all of the pool's threads."""
    pool: Executor
    """Where queries run: the server's event loop never waits for one."""
    place: str
    """What is asked, in a word or two: a folder's path, a stack's name."""
    today: Callable[[], date]
    options: str
    """The command line's options that name the same place."""
    live: LiveFeed | None = None
    """None where events arrive elsewhere."""
    hosts: frozenset[str] | None = None
    """The names that the server goes by; None is any. See `refusing.Guard`."""


def dashboard_routes(desk: Desk) -> list[BaseRoute]:
    """The routes that the dashboard and the live page ask."""
    routes = _Routes(desk)
    guard = Guard(desk.hosts)
    return [
        Route(path, guard(endpoint), methods=["GET"])
        for path, endpoint in (
            ("/api/place", routes.place),
            ("/api/reports", routes.reports),
            ("/api/reports/{name}", routes.report),
            ("/api/videos", routes.videos),
            ("/api/live", routes.live),
            ("/api/{path:path}", _no_route),
        )
    ]


@dataclass(frozen=True, slots=True)
class _Routes:
    desk: Desk

    async def place(self, _request: Request) -> Response:
        """What is asked, what day it is there, and whether events arrive here."""
        desk = self.desk
        told = {
            "place": desk.place,
            "options": desk.options,
            "today": desk.today().isoformat(),
            "live": bool(desk.live),
        }
        return JSONResponse(told, headers=_FRESH)

    async def reports(self, _request: Request) -> Response:
        """Every report there is."""
        return JSONResponse([described(each) for each in named_queries()], headers=_FRESH)

    async def report(self, request: Request) -> Response:
        """One report's answer, as JSON or, every row of it, as CSV."""
        question = self._question(request.path_params["name"], request)
        if question.format == "csv":
            return _csv(await self._in_pool(self._answer, question), question)
        return JSONResponse(await self._in_pool(self._encoded, question), headers=_FRESH)

    async def videos(self, request: Request) -> Response:
        """The videos that were played in those days, the most played first."""
        told = await self._in_pool(self._encoded, self._question(_VIDEOS, request))
        names = [column["name"] for column in told["columns"]]
        found = [dict(zip(names, row, strict=True)) for row in told["rows"]]
        return JSONResponse({"videos": found, "scanned": told["scanned"]}, headers=_FRESH)

    async def live(self, request: Request) -> Response:
        """Server-sent events: each event as it arrives."""
        if self.desk.live is None:
            return refusal(
                404,
                "not_live",
                f"Events are not told as they arrive by this server, which looks at"
                f" {self.desk.place}. `playlake dev` shows them as they do; those that were"
                f" rejected are listed by `playlake rejected {self.desk.options}`.",
            )
        stream = self.desk.live.stream(request.headers.get("last-event-id", ""))
        return StreamingResponse(stream, media_type="text/event-stream", headers=_FRESH)

    def _question(self, name: str, request: Request) -> Question:
        return ask(name, request.query_params, self.desk.today)

    def _answer(self, question: Question) -> Answer:
        # A report always has its days; where they are all there could be, they were asked for.
        sql, arguments = question.named.sql, question.arguments
        return self.desk.engine.query(sql, parameters=arguments, full_scan=True)

    def _encoded(self, question: Question) -> dict[str, Any]:
        with self._answer(question) as answer:
            return encoded(answer, question)

    async def _in_pool(self, work: Callable[[Question], T], question: Question) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.desk.pool, work, question)


def _csv(answer: Answer, question: Question) -> StreamingResponse:
    days = f"{question.arguments['since']}_{question.arguments['until']}"
    disposition = f'attachment; filename="{question.named.name}_{days}.csv"'
    headers = {"content-disposition": disposition, **_FRESH}
    return _Download(answer, headers)


class _Download(StreamingResponse):
    """An answer's rows. It is closed at the end, whether or not they were begun: who leaves before
    the first line never lets them."""

    def __init__(self, answer: Answer, headers: dict[str, str]) -> None:
        super().__init__(_read_out(answer), media_type="text/csv", headers=headers)
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._answer.close()


def _read_out(answer: Answer) -> Iterator[str]:
    lines = csv_lines((column.name for column in answer.columns), answer)
    while chunk := "".join(islice(lines, _LINES_AT_ONCE)):
        yield chunk


async def _no_route(request: Request) -> Response:
    there = "/api/reports, /api/videos, /api/place and /api/live"
    return refusal(404, "not_found", f"There is no {request.url.path}; there are {there}.")
