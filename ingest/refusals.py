"""Every way in which the collector says no."""

from typing import Self

from events.errors import PlaylakeError

STATUS_OF = {
    "empty_body": 400,  # there is nothing in the body
    "invalid_gzip": 400,  # Content-Encoding says gzip, the body is not, or was cut short
    "invalid_utf8": 400,  # the body is not UTF-8
    "invalid_json": 400,  # the body is not JSON as RFC 8259 has it
    "not_an_object": 400,  # an event is some other JSON value
    "nested_too_deep": 400,  # an event has too many levels of objects and arrays
    "number_out_of_range": 400,  # an integer beyond 64 bits, or a number beyond a double
    "not_found": 404,  # another path than /events
    "method_not_allowed": 405,  # neither POST nor OPTIONS; Allow says which are
    "body_too_large": 413,  # the body, as sent or as inflated
    "too_many_events": 413,  # more events than one request may carry
    "event_too_large": 413,  # one event
    "unsupported_media_type": 415,  # Content-Type is none that carries JSON
    "unsupported_charset": 415,  # Content-Type names another charset than UTF-8
    "unsupported_content_encoding": 415,  # Content-Encoding is neither gzip nor identity
    "stream_unavailable": 503,  # the stream did not acknowledge; Retry-After says when to try again
}
"""The HTTP status of each error code. Codes are part of the interface: they do not change."""


class Refused(PlaylakeError):
    """A request that is not accepted. It ends in a response and never leaves the collector.

    `message` says what is wrong and what to do, and repeats nothing that the client sent.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS_OF[self.code]

    def at(self, place: str) -> Self:
        """The same refusal, its message beginning with where the fault is."""
        return type(self)(self.code, f"{place} {self.message}")
