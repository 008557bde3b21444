"""The page's Lambda: the site of the local server, behind an HTTP API."""

from typing import Any, cast

from aws_lambda_powertools import Logger, Tracer
from mangum import Mangum

from playlake.site import site

logger, tracer = Logger(), Tracer()
# The two libraries say "an ASGI application" in types that do not match.
_serve = Mangum(cast("Any", site()), lifespan="off")


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def page(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request for a page or a file of the webapp."""
    return _serve(event, context)
