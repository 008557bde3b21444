"""How far a shard is in the lake: one object beside the lake, changed by one writer at a time.

KCL's checkpoints say what was read; only this says what was written. A batch is begun here before
its first object is written, with where it ends. Whoever comes after a writer that died in between
reads the same records again, ends the batch at the same place and so writes the same objects: none
is missing and none is there twice. Of two writers that believe the shard to be theirs, one begins
the batch, and the other is told that it is overtaken.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import msgspec

from events.errors import PlaylakeError
from transform.store import Archive, Stale, Version, VersionedStore

FORMAT = 1
_FOLDER = "consumed"


class Place(NamedTuple):
    """Where a record is in its shard. Places of one shard compare as their records came."""

    sequence: int
    """Kinesis's sequence number: up to 128 bits, growing within the shard."""
    sub: int = 0
    """Of records that one record of the stream aggregates (as the KPL does), which."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`."""
        sequence, _, sub = text.partition(".")
        return cls(int(sequence), int(sub or 0))

    def __str__(self) -> str:
        return f"{self.sequence}.{self.sub}" if self.sub else str(self.sequence)


class Totals(msgspec.Struct, frozen=True):
    """What was committed of a shard in all."""

    batches: int = 0
    records: int = 0
    rows: int = 0
    objects: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.batches + other.batches,
            self.records + other.records,
            self.rows + other.rows,
            self.objects + other.objects,
        )


NOTHING = Totals()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a shard stands."""

    through: Place | None = None
    """The last record whose rows are in the lake; None before the first."""
    begun: Place | None = None
    """Where the batch ends that was begun and not yet completed; its objects may lie in the lake
    already, all or some. None when there is none."""
    ended: bool = False
    """Nothing comes any more: the shard was split or merged, and all of it is in the lake."""
    committed_ms: int = 0
    """When it was last committed, in epoch ms; 0 before the first time."""
    totals: Totals = NOTHING
    begun_records: int = 0
    """How many records the batch has that was begun; 0 where nobody said."""
    arn: str = ""
    """Of the stream; empty where nobody said. Streams of two regions may have one name, and their
    shards always do."""


class Overtaken(PlaylakeError):
    """Somebody else wrote this shard meanwhile: what was gathered is theirs to write."""


class OtherStream(PlaylakeError):
    """The standing is of another stream's shard: by it, records that nobody read are skipped."""


class Ledger:
    """The standing of one shard of a stream, as this process last saw it."""

    def __init__(self, store: VersionedStore, stream: str, shard: str, arn: str = "") -> None:
        """`store` is rooted where `lake/`, `raw/` and `failed/` lie; `arn` is the stream's, empty
        where it is not known."""
        self._store = store
        self._arn = arn
        self.shard = shard
        self._key = ledger_key(stream, shard)
        self._seen: Version | None = None
        self.standing = Standing()

    def load(self) -> Standing:
        """The standing as it is now. Raises OtherStream, and `events.errors.StoreUnavailable`."""
        self._seen = self._store.load(self._key)
        self.standing = Standing() if self._seen is None else decode(self._seen.data, self._key)
        if self._arn and self.standing.arn not in ("", self._arn):
            raise OtherStream(
                f"{self._key} says how far {self.standing.arn} is in this lake, and this is"
                f" {self._arn}. Streams of one name cannot share a lake: give this one a lake of"
                " its own. Where the other is gone for good, delete its objects under consumed/."
            )
        return self.standing

    def begin(self, through: Place, records: int = 0) -> None:
        """Fix where the next batch ends, and of how many records it is, before anything of it is
        written.

        Raises Overtaken, and `events.errors.StoreUnavailable`.
        """
        # A shard that had ended and has records is that of a stream made anew by the same name.
        self._save(replace(self.standing, begun=through, begun_records=records, ended=False))

    def complete(self, through: Place, now_ms: int, written: Totals) -> None:
        """Everything through there is in the lake. Raises as `begin` does."""
        self._save(
            replace(
                self.standing,
                through=through,
                begun=None,
                begun_records=0,
                committed_ms=now_ms,
                totals=self.standing.totals + written,
            )
        )

    def end(self) -> None:
        """The shard has ended, and all of it is in the lake. Raises as `begin` does."""
        self._save(replace(self.standing, ended=True))

    def _save(self, standing: Standing) -> None:
        standing = replace(standing, arn=self._arn or standing.arn)
        try:
            self._seen = self._store.save(self._key, encode(standing), self._seen)
        except Stale:
            raise Overtaken(
                f"{self._key} was changed by another consumer of the shard: this one's lease is"
                " lost, or two applications write one stream to one lake."
            ) from None
        self.standing = standing


class _Formatted(msgspec.Struct):
    format: int


class _Written(msgspec.Struct, omit_defaults=True):
    """A standing as JSON. `nonce` makes each write differ from every other."""

    format: int
    nonce: str
    through: str | None = None
    begun: str | None = None
    ended: bool = False
    committed_ms: int = 0
    totals: Totals = NOTHING
    begun_records: int = 0
    arn: str = ""


def ledger_key(stream: str, shard: str) -> str:
    """The object that holds a shard's standing."""
    return f"{_FOLDER}/{stream}/{shard}.json"


def encode(standing: Standing) -> bytes:
    """The standing as JSON, unlike any that was written before."""
    written = _Written(
        FORMAT,
        secrets.token_hex(8),
        None if standing.through is None else str(standing.through),
        None if standing.begun is None else str(standing.begun),
        standing.ended,
        standing.committed_ms,
        standing.totals,
        standing.begun_records,
        standing.arn,
    )
    return msgspec.json.encode(written)


def shards_under_way(store: Archive) -> Iterator[str]:
    """The keys of the standings that say that a batch is begun. Raises PlaylakeError."""
    for key in store.keys(f"{_FOLDER}/"):
        found = store.load(key)
        if found is not None and decode(found.data, key).begun is not None:
            yield key


def decode(data: bytes, key: str) -> Standing:
    """The inverse of `encode`, of the object `key`. Raises PlaylakeError for what a newer playlake
    wrote, or nobody."""
    try:
        # Its format first: a newer one may have other things under the same names.
        made = msgspec.json.decode(data, type=_Formatted).format
        if made != FORMAT:
            raise PlaylakeError(
                f"{key} has the format {made}; this playlake knows {FORMAT}: run the newer one that"
                " wrote it."
            )
        found = msgspec.json.decode(data, type=_Written)
        through, begun = map(_place, (found.through, found.begun))
    except (msgspec.DecodeError, ValueError) as error:
        raise PlaylakeError(
            f"{key}, which says how far its shard is in this lake, cannot be read: {error}. Put"
            " back what it was. Where nobody knows, delete it and give this lake's consumers"
            " another --application: what the stream still has is read again, and compaction drops"
            " what is there twice."
        ) from error
    return Standing(
        through,
        begun,
        found.ended,
        found.committed_ms,
        found.totals,
        found.begun_records,
        found.arn,
    )


def _place(text: str | None) -> Place | None:
    return None if text is None else Place.parse(text)
