"""The page's Lambda: the site of the local server, behind an HTTP API."""

from typing import Any, cast

from aws_lambda_powertools import Logger
from mangum import Mangum
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from playlake.web.site import site

logger = Logger()

# Whoever has the page's address would read who watched what, and each question costs: nobody
# answers here.
_NOT_ASKED_HERE = {
    "code": "not_asked_here",
    "message": "This address collects events and serves the pages; it shows nobody's numbers."
    " Whoever may read the lake asks it from their own machine, through Athena:"
    " `playlake dashboard --identifier NAME`.",
}


async def _not_asked_here(_request: Request) -> JSONResponse:
    return JSONResponse({"error": _NOT_ASKED_HERE}, 404, {"cache-control": "no-store"})


# The two libraries say "an ASGI application" in types that do not match.
_serve = Mangum(cast("Any", site([Route("/api/{path:path}", _not_asked_here)])), lifespan="off")


@logger.inject_lambda_context
def page(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request for a page or a file of the webapp."""
    return _serve(event, context)
