"""Which pages may read the collector's answers (CORS)."""

ANY_ORIGIN = "*"

_PREFLIGHT = {
    "access-control-allow-methods": "POST, OPTIONS",
    "access-control-allow-headers": "content-type, content-encoding",
    "access-control-max-age": "86400",
}

# Without it a page of another origin cannot read how long a 503 asks it to wait.
_READABLE = {"access-control-expose-headers": "retry-after"}


def cors_headers(origin: str, allowed: frozenset[str]) -> dict[str, str]:
    """The response headers that let the page at the request's Origin, "" for none, read the answer.

    A page that is not allowed gets none, and its events are accepted all the same: CORS is how a
    browser guards its reader, not a way to authenticate a sender, who can leave Origin out.
    """
    if ANY_ORIGIN in allowed:
        return {"access-control-allow-origin": ANY_ORIGIN} | _READABLE
    # A shared cache must not give one origin's answer to another, nor the lack of one.
    vary = {"vary": "Origin"}
    if origin not in allowed:
        return vary
    return vary | {"access-control-allow-origin": origin} | _READABLE


def preflight_headers(origin: str, allowed: frozenset[str]) -> dict[str, str]:
    """The answer to OPTIONS: `cors_headers`, and what the page may send if it may at all."""
    headers = cors_headers(origin, allowed)
    readable = "access-control-allow-origin" in headers
    return headers | _PREFLIGHT if readable else headers
