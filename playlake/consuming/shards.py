"""How far a stream's consumers are: shards, their leases, and what of each is in the lake."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from transform.ledger import Standing

SHARD_END = "SHARD_END"
"""KCL's checkpoint of a shard that was read to its end."""


class State(Enum):
    """What is still to come of a shard."""

    OPEN = "open"
    READING = "closed, being read"
    READ = "closed, all read"
    GONE = "gone"
    """Somebody still leases it, and the stream has it no longer: its records are past retention."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that the stream lists."""

    id: str
    closed: bool
    """It was split or merged: it takes no records any more, and keeps those it has."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who of an application reads a shard, as KCL's lease table has it."""

    owner: str | None
    """The worker that took it last; one that died stays until another takes the lease. None when
    nobody has it."""
    checkpoint: str | None
    """A sequence number, `SHARD_END`, or where to begin, such as TRIM_HORIZON."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a shard is."""

    standing: Standing
    behind_ms: int | None
    """How long its first record that is not in the lake has been waiting; 0 when there is none,
    None when the stream did not say."""


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """All that is known of a shard."""

    shard: str
    state: State
    lease: Lease | None
    """None when the application has none for it."""
    progress: Progress

    @property
    def owner(self) -> str | None:
        """The worker that has its lease, if one does."""
        return None if self.lease is None else self.lease.owner

    @property
    def finished(self) -> bool:
        """Whether nothing of it is left to read."""
        return self.state is State.READ


def join(
    shards: Sequence[Shard], leases: Mapping[str, Lease], progress: Mapping[str, Progress]
) -> list[ShardStatus]:
    """A status for each shard, in the stream's order, and then for each that is leased but gone.

    `progress` has each of them.
    """
    states = {each.id: _state(each, progress[each.id]) for each in shards}
    for gone in vanished(shards, leases):
        states[gone] = _state_of_gone(leases[gone], progress[gone])
    return [
        ShardStatus(id_, state, leases.get(id_), progress[id_]) for id_, state in states.items()
    ]


def vanished(shards: Iterable[Shard], leases: Iterable[str]) -> list[str]:
    """The leased shards that the stream no longer lists."""
    return sorted(set(leases) - {each.id for each in shards})


def _state(shard: Shard, progress: Progress) -> State:
    if not shard.closed:
        return State.OPEN
    return State.READ if progress.standing.ended else State.READING


def _state_of_gone(lease: Lease, progress: Progress) -> State:
    read = progress.standing.ended or lease.checkpoint == SHARD_END
    return State.READ if read else State.GONE


def summary(statuses: Sequence[ShardStatus]) -> Iterator[str]:
    """The whole stream in a few words: shards, those that are leased, the furthest behind."""
    unfinished = [each for each in statuses if not each.finished]
    owned = sum(each.owner is not None for each in unfinished)
    finished = len(statuses) - len(unfinished)
    yield f"{len(statuses)} shard{'' if len(statuses) == 1 else 's'}"
    if finished:
        yield f"{finished} read to the end"
    yield f"{owned} of {len(unfinished)} to read are leased"


def furthest_behind(statuses: Iterable[ShardStatus]) -> ShardStatus | None:
    """The shard whose records have waited longest; None when none is known to wait."""
    waiting = [each for each in statuses if each.progress.behind_ms]
    return max(waiting, key=lambda each: each.progress.behind_ms or 0, default=None)
