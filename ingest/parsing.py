"""Strict JSON: from a body's bytes to its events, or to where it is wrong."""

import re
from itertools import accumulate
from math import isfinite
from typing import Any, NamedTuple

import msgspec

from events.limits import MAX_DEPTH, MAX_EVENT_BYTES
from events.surrogates import LONE_SURROGATE, has_lone_surrogate
from ingest.refusals import Refused

MAX_EVENTS = 500
"""How many events one request may carry."""

_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_OFFSET = re.compile(r" \((byte \d+)\)$")
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRINGS = re.compile(_STRING)
_NUMBERS = re.compile(_STRING + rb"|(?P<number>-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_INTEGER = b"0" * 19  # the digits of the largest 64-bit integer

_decode = msgspec.json.Decoder().decode
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Event(NamedTuple):
    """One event of a request: the bytes that the client wrote, and what they say."""

    text: bytes
    fields: dict[str, Any]


def parse(body: bytes) -> list[Event]:
    """The events of a body that is a JSON object or an array of objects, in order.

    Stricter than Python's own json: no NaN, no lone surrogates, no number that 64 bits cannot
    hold. Of a key that comes twice the last one counts. Raises Refused with the place of the
    first fault; one bad event refuses them all, so that a client never has to guess which went in.
    """
    texts = _split(_text(body))
    if len(texts) > MAX_EVENTS:
        raise Refused(
            "too_many_events",
            f"the body holds {len(texts):,} events, and {MAX_EVENTS} fit: send several requests",
        )
    return [_event_at(index, texts) for index in range(len(texts))]


def place(index: int, total: int) -> str:
    """How a message names the event at `index`."""
    return "the event" if total == 1 else f"event {index + 1} of {total}"


def _text(body: bytes) -> bytes:
    """The body, known to be UTF-8, its byte order mark blanked so that offsets stay true."""
    if body.startswith(_BOM):
        body = b"   " + body[3:]
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Refused(
            "invalid_utf8", f"the body is not UTF-8 at byte {error.start}: send UTF-8"
        ) from None
    return body


def _split(body: bytes) -> list[bytes]:
    """The JSON text of each event."""
    text = body.strip(_SPACE)
    if not text:
        raise Refused("empty_body", "the body is empty: send a JSON object or an array of them")
    if not text.startswith(b"["):
        return [text]
    try:
        return [bytes(raw) for raw in _decode_array(body)]
    except msgspec.DecodeError as error:
        raise _malformed(error, body).at("the body") from None
    except RecursionError:
        raise _too_deep().at("the body") from None


def _event_at(index: int, texts: list[bytes]) -> Event:
    try:
        return _event(texts[index])
    except Refused as refused:
        raise refused.at(place(index, len(texts))) from None


def _event(text: bytes) -> Event:
    if len(text) > MAX_EVENT_BYTES:
        raise Refused(
            "event_too_large", f"is larger than {MAX_EVENT_BYTES:,} bytes: send a smaller one"
        )
    fields = _strict(text)
    if not isinstance(fields, dict):
        raise Refused("not_an_object", "is not a JSON object: send {...}, or an array of them")
    _check_depth(text)
    if _LONG_INTEGER in text.translate(_DIGITS_TO_ZERO):
        _check_numbers(text)
    return Event(text, fields)


def _strict(text: bytes) -> object:
    try:
        return _decode(text)
    except msgspec.ValidationError:  # the only one that an untyped value can have
        raise _out_of_range(_number_out_of_range(text)) from None
    except msgspec.DecodeError as error:
        raise _malformed(error, text) from None
    except RecursionError:
        raise _too_deep() from None


def _check_depth(text: bytes) -> None:
    # Most events have too few brackets to be deep, and counting those is a hundred times cheaper.
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise _too_deep()


def _depth(text: bytes) -> int:
    """The levels of objects and arrays in a valid JSON text."""
    brackets = _STRINGS.sub(b"", text).translate(None, _NO_BRACKETS)
    return max(accumulate(_STEP[bracket] for bracket in brackets))


def _check_numbers(text: bytes) -> None:
    offset = _number_out_of_range(text)
    if offset is not None:
        raise _out_of_range(offset)


def _number_out_of_range(text: bytes) -> int | None:
    """The offset of the first number that neither an int64 nor a double holds."""
    for match in _NUMBERS.finditer(text):
        number = match["number"]
        if number is not None and not _fits(number):
            return match.start()
    return None


def _fits(number: bytes) -> bool:
    if number.removeprefix(b"-").isdigit():
        return len(number) <= 20 and -(2**63) <= int(number) < 2**63
    return isfinite(float(number))


def _malformed(error: msgspec.DecodeError, text: bytes) -> Refused:
    if has_lone_surrogate(text):
        return Refused("invalid_json", f"has a text that holds {LONE_SURROGATE}")
    reason = str(error).removeprefix("JSON is malformed: ")
    reason = _OFFSET.sub(r" at \1", reason.replace("Input data was truncated", "it ends too early"))
    return Refused("invalid_json", f"is not valid JSON: {reason}")


def _out_of_range(offset: int | None) -> Refused:
    where = "" if offset is None else f" at its byte {offset}"
    return Refused(
        "number_out_of_range",
        f"has a number{where} that neither a 64-bit integer nor a double holds: send it as text",
    )


def _too_deep() -> Refused:
    return Refused("nested_too_deep", f"is nested deeper than {MAX_DEPTH} levels: flatten it")
