"""A person by one id, and the events that name them: by columns, by JSON, by bare text."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from events.errors import SettingsError
from events.limits import INT64_MAX, INT64_MIN

FIELDS = ("user_id", "viewer_id", "play_id")
"""The fields that can name a person. In JSON text their camelCase counts too: userId, playID."""

_TEXTS_AT_ONCE = 10_000
"""As Python objects: all of a large file's would take many times its memory."""

_UNPLAIN = re.compile(rb'd"\s*:\s*(?:\[|-?[0-9.]+e)', re.IGNORECASE)
"""Of a field whose name ends in id, a list or a number with an exponent."""


@dataclass(frozen=True)
class Person:
    """Whoever has this id: `field` is one of `FIELDS`, `value` the id, decimal for a `user_id`.

    Raises SettingsError for an id that nothing stored can have.
    """

    field: str
    value: str

    def __post_init__(self) -> None:
        if not self.value or not _is_text(self.value):
            raise SettingsError(f"No {self.field} is {self.value!r}: give the id as it was sent.")
        if self.field == "user_id" and not INT64_MIN <= int(self.value) <= INT64_MAX:
            raise SettingsError(f"No user_id is {self.value}: it has more than 64 bits.")

    def named_in(self, text: bytes) -> bool:
        """Whether this JSON text names the person: in a field of this name at any depth, as a text
        or as a number, and of a key that is there twice in either value.

        Text that is no JSON, or JSON without an object, has no fields: there the id's characters
        count, wherever they stand alone. A JSON string is read as the text that it holds.
        """
        if not self._may_name(text):
            return False
        found: list[bool] = []

        def look(pairs: list[tuple[str, Any]]) -> None:
            found.append(any(self._is_in(name, value) for name, value in pairs))

        try:
            whole = json.loads(text, object_pairs_hook=look)
        except (ValueError, RecursionError):
            return any(map(self._bare.search, (text, _without_escapes(text))))
        if isinstance(whole, str):
            return self.named_in(whole.encode("utf-8", "surrogatepass"))
        return any(found) if found else self._bare.search(text) is not None

    def among(self, rows: pa.Table) -> pa.ChunkedArray:
        """Which of a table's rows name the person, by whichever columns are there: a boolean
        without nulls for each. It is a `transform.mending.rewriting.Drop`."""
        nobody = pa.chunked_array([pa.repeat(False, len(rows))])
        return reduce(pc.or_, self._masks(rows), nobody)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that `among` looks at."""
        return frozenset({self.field, "properties", "payload", "payload_encoding"})

    def _masks(self, rows: pa.Table) -> Iterator[pa.ChunkedArray]:
        names = rows.column_names
        if self.field in names:
            wanted = int(self.value) if self.field == "user_id" else self.value
            yield pc.fill_null(pc.equal(rows[self.field], wanted), False)
        if "properties" in names:
            yield self._naming(rows.select(["properties"]))
        if "payload" in names:
            yield self._naming(rows.select(["payload", "payload_encoding"]))

    def _naming(self, texts: pa.Table) -> pa.ChunkedArray:
        found = [self.named_in(text) for text in _texts(texts)]
        return pa.chunked_array([pa.array(found, pa.bool_())])

    def _is_in(self, name: str, value: Any) -> bool:
        plain = name.replace("_", "").replace("-", "").lower()
        if plain != self.field.replace("_", ""):
            return False
        return any(map(self._is, value if isinstance(value, list) else [value]))

    def _is(self, value: Any) -> bool:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return not isinstance(value, bool) and str(value) == self.value

    def _may_name(self, text: bytes) -> bool:
        """Whether it is worth parsing. JSON can write the id with escapes, and a number with an
        exponent; all else that names the person has the id in it as it is."""
        return (
            self._bytes in text
            or b"\\" in text
            or (self.value.lstrip("-").isdecimal() and _UNPLAIN.search(text) is not None)
        )

    @cached_property
    def _bytes(self) -> bytes:
        return self.value.encode()

    @cached_property
    def _bare(self) -> re.Pattern[bytes]:
        forms = {self._bytes, json.dumps(self.value)[1:-1].encode()}
        either = b"|".join(map(re.escape, sorted(forms)))
        return re.compile(rb"(?<![0-9A-Za-z_])(?:" + either + rb")(?![0-9A-Za-z_])")


_ESCAPES = re.compile(rb'(?:\\u[0-9a-fA-F]{4})+|\\["\\/]')


def _without_escapes(text: bytes) -> bytes:
    """The text with each escape of JSON's as the character that it stands for."""

    def character(found: re.Match[bytes]) -> bytes:
        escape = found[0]
        if not escape.startswith(b"\\u"):
            return escape[1:]
        units = bytes.fromhex(escape.replace(b"\\u", b"").decode())
        return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")

    return _ESCAPES.sub(character, text)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(table: pa.Table) -> Iterator[bytes]:
    """The table's first column as bytes, a null as none; its second says which are base64."""
    for start in range(0, len(table), _TEXTS_AT_ONCE):
        columns = [column.to_pylist() for column in table.slice(start, _TEXTS_AT_ONCE).columns]
        encodings = columns[1] if len(columns) > 1 else [None] * len(columns[0])
        for text, encoding in zip(columns[0], encodings, strict=True):
            data = (text or "").encode()
            yield base64.b64decode(data) if encoding == "base64" else data
