"""What the transform is given and what it answers, whatever stream the records come from."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as the stream hands it over: JSON lines, in base64."""

    record_id: str
    data: str | bytes
    arrived_at: int | None
    """When the stream took it, in epoch ms; None where the stream does not say."""


class Result(Enum):
    """Firehose's results but `Dropped`: to Firehose that is a success without a trace, so that what
    is bad would be gone (Firehose, "Transform source data", status of the transformed record)."""

    OK = "Ok"
    FAILED = "ProcessingFailed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record. OK: each of its events is in a table, its own or the rejected."""

    record_id: str
    result: Result
