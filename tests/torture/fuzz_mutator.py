"""Mutations that know JSON: what random bytes hardly ever find, a text of the same grammar does."""

import json
import re
from random import Random

from events.registry import REGISTRY
from tests.records import ARRIVED
from tests.torture.hostile import strings, texts

_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|\{\}|\[\]')

_OTHER_NAMES = ("type", "event", "action", "event_id", "received_at", "user_agent", "referer", "")
_NAMES = tuple(
    json.dumps(name).encode()
    for name in dict.fromkeys(
        (
            *_OTHER_NAMES,
            *(field.name for each in REGISTRY.types for field in each.fields),
            *(each.name for each in REGISTRY.types),
        )
    )
)
_NUMBERS = (
    *(b"0", b"-1", b"1", b"14000", b"1.5", b"-0.0", b"1e3", b"1e-7", b"1e308", b"1e400", b"5e-324"),
    *(b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"1" * 30),
    *(b"18446744073709551616", b"0.1000000000000000055511151231257827", b"1" * 4301),
    *(b"%d" % time for time in (ARRIVED, ARRIVED // 1000, ARRIVED + 601_000, 946_684_799_999)),
    *(b"1535523716.167", b"1535523716167", b"253402300799999", b"253402300800000"),
)
_ODD = (b"null", b"true", b"false", b"[]", b"{}", b"NaN", b"[1,[2]]", b'{"a":{"b":null}}', b'"a')
_STRINGS = tuple(json.dumps(each).encode() for each in strings()) + tuple(
    json.dumps(each, ensure_ascii=False).encode() for each in strings()
)
_TEXTS = tuple(text.encode() for text in texts().values())


def mutated(text: bytes, rng: Random) -> bytes:
    """The text with one to three changes that its grammar suggests."""
    for _ in range(rng.randint(1, 3)):
        text = rng.choice(_CHANGES)(text, rng)
    return text


def _value(rng: Random) -> bytes:
    return rng.choice(rng.choice((_NUMBERS, _STRINGS, _ODD, _NAMES)))


def _replace(text: bytes, rng: Random) -> bytes:
    """Another value, or another key, in place of one."""
    found = [match.span() for match in _VALUE.finditer(text)]
    if not found:
        return _value(rng)
    start, end = rng.choice(found)
    return text[:start] + _value(rng) + text[end:]


def _add_member(text: bytes, rng: Random) -> bytes:
    """One more member in an object, often of a name that is there already."""
    braces = [at for at, byte in enumerate(text) if byte == ord("{")]
    member = b"%b:%b" % (rng.choice(_NAMES), _value(rng))
    if not braces:
        return b"{%b}" % member
    at = rng.choice(braces) + 1
    separator = b"" if text[at : at + 1] == b"}" else b","
    return text[:at] + member + separator + text[at:]


def _drop_member(text: bytes, rng: Random) -> bytes:
    commas = [at for at, byte in enumerate(text) if byte == ord(",")]
    if len(commas) < 2:
        return text
    first = rng.randrange(len(commas) - 1)
    return text[: commas[first]] + text[commas[first + 1] :]


def _wrap(text: bytes, rng: Random) -> bytes:
    """Into an array, an object, or many of them."""
    depth = rng.choice((1, 1, 2, 30, 31, 32, 33, 500))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return opening * depth + text + closing * depth


def _several(text: bytes, rng: Random) -> bytes:
    parts = [text, rng.choice(_TEXTS)]
    rng.shuffle(parts)
    return rng.choice((b"[%b,%b]", b"%b\n%b", b"%b,%b", b"[%b, %b\n]")) % tuple(parts)


def _unwrap(text: bytes, _rng: Random) -> bytes:
    return text.strip()[1:-1]


def _escape(text: bytes, rng: Random) -> bytes:
    """A letter written as its escape: the same key to a parser, another to a search for bytes."""
    letters = [at for at, byte in enumerate(text) if byte in b"tevr_"]
    if not letters:
        return text
    at = rng.choice(letters)
    return text[:at] + b"\\u%04x" % text[at] + text[at + 1 :]


_CHANGES = (*(_replace,) * 5, *(_add_member,) * 4, _drop_member, _wrap, _several, _unwrap, _escape)
