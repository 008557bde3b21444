"""From a request to the bytes of its JSON text: media type, compression, size."""

import gzip
import io
import re
import zlib
from functools import lru_cache

from ingest.refusals import Refused
from ingest.request import Request

MAX_BODY_BYTES = 1024 * 1024
"""The largest body, both as sent and as inflated."""

# Browsers send text/plain, and curl and wget urlencoded, without a CORS preflight. That is safe
# here: the collector knows no cookies, so a page that posts for its visitor gains nothing by it.
_MEDIA_TYPES = {"application/json", "text/plain", "application/x-www-form-urlencoded", ""}
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)
_ENCODING_OF = {"": "identity", "identity": "identity", "gzip": "gzip", "x-gzip": "gzip"}


def read_body(request: Request) -> bytes:
    """The body, inflated. Raises Refused: 400, 413 or 415."""
    _check_content_type(request.headers.get("content-type", ""))
    encoding = _content_encoding(request.headers.get("content-encoding", ""))
    _check_size(max(len(request.body), request.declared_length))
    if encoding == "identity":
        return request.body
    body = _inflate(request.body)
    _check_size(len(body))
    return body


@lru_cache(maxsize=64)  # clients send a handful of types, and this was a tenth of a small request
def _check_content_type(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise Refused(
            "unsupported_media_type", "send Content-Type: application/json, or text/plain"
        )
    charsets = {charset.lower() for charset in _CHARSET.findall(content_type)}
    if not charsets <= {"utf-8", "utf8"}:
        raise Refused("unsupported_charset", "send the body in UTF-8: JSON has no other charset")


def _content_encoding(header: str) -> str:
    encoding = _ENCODING_OF.get(header.strip().lower())
    if encoding is None:
        raise Refused(
            "unsupported_content_encoding", "send Content-Encoding: gzip, or an uncompressed body"
        )
    return encoding


def _check_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise Refused(
            "body_too_large",
            f"the body is larger than {MAX_BODY_BYTES:,} bytes: send fewer events in one request",
        )


def _inflate(body: bytes) -> bytes:
    """Inflated up to one byte over the limit, and no further: a bomb costs no more than that."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            return file.read(MAX_BODY_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise Refused(
            "invalid_gzip", "the body is not gzip, or is cut short: compress it again"
        ) from None
