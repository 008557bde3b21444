"""The transform's target: bytes → raw records → one outcome each, one row an event, twice the same.

A case's first byte says how it becomes a record: as it is, torn in two, or as something that is no
base64. `python -m tests.torture.fuzz_run fuzz_transform` runs it.
"""

from collections.abc import Iterator

import pybase64

from events import arrow, declaration, registry, validation
from tests.records import ARRIVED
from tests.torture.fuzz_collect import bodies
from tests.torture.fuzz_oracle import Batch, fields_of, lines_of
from tests.torture.hostile import strings
from transform import (
    decode,
    enrich,
    formula,
    identity,
    parquet,
    process,
    records,
    rejects,
    times,
    triage,
)
from transform.devices import device, rules, tokens

COVERED = (
    *(arrow, declaration, validation),
    *(decode, enrich, formula, identity, parquet, process, records, rejects, times, triage),
    *(device, rules, tokens),
)
"""The modules whose lines are counted."""
HEAD = 1
"""How many bytes of a case say how it becomes a record."""

_SURELY_SHALLOW = 200
"""The transform takes what its parser's recursion takes, and so does the oracle's: where either
ends is not promised, but that neither an exception nor a second event comes of it is."""
_WHOLE, _TORN, _SENT_TWICE = 9, 10, 13
"""What a case's first byte may say, up to and with; beyond is no base64."""
_ARRIVALS = (ARRIVED, None, 0, 253402300799999)


class Target:
    """Takes cases, whose batch goes through the transform when it is asked to settle."""

    def __init__(self) -> None:
        self.batch = Batch()
        self._decoder = decode.Decoder(validation.Validator(registry.REGISTRY))

    def take(self, case: bytes) -> None:
        """Add the case's records to the batch, and see how each is decoded alone."""
        how, data = case[0] % 16 if case else 0, case[1:]
        if data.count(b"[") + data.count(b"{") > _SURELY_SHALLOW:
            deep = records.RawRecord("deep", pybase64.b64encode(data), ARRIVED)
            self._decode([deep], data, _WHOLE)
            return
        before = len(self.batch.records)
        if how <= _WHOLE:
            self.batch.add(data, _ARRIVALS[how % 4])
        elif how == _TORN:
            middle = len(data) // 2
            self.batch.add(data[:middle])
            self.batch.add(data[middle:])
        elif how <= _SENT_TWICE:
            self.batch.add(data + b"\n" + data)
        else:
            self.batch.add_undecodable(
                b"\xff" + data if how % 2 else "\ud800" + data.decode("latin")
            )
        self._decode(self.batch.records[before:], data, how)

    def _decode(self, found: list[records.RawRecord], data: bytes, how: int) -> None:
        """Alone, for the fuzzer to see which lines of the decoder this case reaches."""
        decoded = self._decoder.decode(found, ARRIVED)
        assert len(decoded.outcomes) == len(found)
        events = sum(len(each) for each in decoded.by_type) + len(decoded.rejects)
        if how <= _WHOLE:
            assert events == len(lines_of(data)), data


def seeds() -> Iterator[bytes]:
    """Cases to begin with: raw records, right and broken."""
    for number, body in enumerate(bodies()):
        text = body.strip()
        # An array's events become lines, as the collector makes them; what is no JSON stays so.
        if text.startswith(b"[{") and fields_of(text) is None:
            text = text[1:-1].replace(b"},{", b"}\n{")
        yield bytes((number // 2 % 16,)) + text.replace(b"}, {", b"}\n{")
    for number, string in enumerate(strings()):
        yield bytes((number % 16,)) + string.encode()
        yield b"\0" + string.encode("utf-16")
