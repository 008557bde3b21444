"""The collector's settings, and what they are wired to."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from events.errors import SettingsError
from ingest.collector import Collector
from ingest.cors import ANY_ORIGIN
from ingest.stream import Stream

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s,*?#@]+")
# The services' own rules (API references, "PutRecordBatch", DeliveryStreamName, and "PutRecords",
# StreamName).
_DELIVERY_STREAM = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_KINESIS_STREAM = re.compile(r"[a-zA-Z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the records go, and which pages may read the answers."""

    stream: str
    """`firehose://name`, a delivery stream, or `kinesis://name`, a Kinesis stream, in the region
    and account that the AWS environment names as for any AWS client, or
    `spool:///absolute/path/spool.db` (PLAYLAKE_STREAM)."""
    allowed_origins: frozenset[str] = frozenset({ANY_ORIGIN})
    """Exact origins, or "*" for any (PLAYLAKE_ALLOWED_ORIGINS, separated by commas)."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings in `environment`. Raises SettingsError."""
        stream = environment.get("PLAYLAKE_STREAM", "")
        if not stream:
            raise SettingsError(
                "PLAYLAKE_STREAM is not set: name a stream, as firehose://name, kinesis://name"
                " or spool:///path/to.db"
            )
        origins = environment.get("PLAYLAKE_ALLOWED_ORIGINS")
        return cls(stream) if origins is None else cls(stream, parse_origins(origins))


def parse_origins(text: str) -> frozenset[str]:
    """The origins in a comma-separated list; none at all when it is empty."""
    origins = (origin.strip().lower() for origin in text.split(","))
    return frozenset(_origin(origin) for origin in origins if origin)


def _origin(text: str) -> str:
    if text != ANY_ORIGIN and not _ORIGIN.fullmatch(text):
        raise SettingsError(
            f"PLAYLAKE_ALLOWED_ORIGINS has {text!r}: write an origin as https://example.com, "
            'without a path, or "*" for any'
        )
    return text


@cache
def wire(settings: Settings) -> tuple[Collector, Stream]:
    """The collector and its stream, made once for the same settings. Raises SettingsError."""
    stream = open_stream(settings.stream)
    return Collector(stream.max_record_bytes, settings.allowed_origins), stream


def open_stream(url: str) -> Stream:
    """The stream that a URL names by its scheme. Raises SettingsError."""
    parts = urlsplit(url)
    opener = OPENERS.get(parts.scheme)
    if opener is None:
        known = ", ".join(f"{scheme}://" for scheme in sorted(OPENERS))
        raise SettingsError(f"PLAYLAKE_STREAM is {url!r}, and streams are known by {known}")
    return opener(parts)


def _open_spool(url: SplitResult) -> Stream:
    if url.netloc or not url.path.strip("/"):
        raise SettingsError(f"{url.geturl()!r} names no file: write spool:///absolute/path.db")
    from ingest.drivers.spool import Spool  # noqa: PLC0415  (a driver is loaded when it is named)

    return Spool(Path(unquote(url.path)))


def _open_firehose(url: SplitResult) -> Stream:
    if not _is_name(url, _DELIVERY_STREAM):
        raise _nameless(url, "delivery stream", 64)
    from ingest.drivers.firehose import FirehoseStream  # noqa: PLC0415  (botocore takes 0.4 s)

    return FirehoseStream(url.netloc)


def _open_kinesis(url: SplitResult) -> Stream:
    if not _is_name(url, _KINESIS_STREAM):
        raise _nameless(url, "Kinesis stream", 128)
    from ingest.drivers.kinesis import KinesisStream  # noqa: PLC0415  (botocore takes 0.4 s)

    return KinesisStream(url.netloc)


def _is_name(url: SplitResult, rule: re.Pattern[str]) -> bool:
    return not (url.path or url.query or url.fragment) and bool(rule.fullmatch(url.netloc))


def _nameless(url: SplitResult, noun: str, longest: int) -> SettingsError:
    return SettingsError(
        f"{url.geturl()!r} names no {noun}: write {url.scheme}://name, the name"
        f" of 1 to {longest} letters, digits, dots, dashes and underscores; the region is"
        " AWS_DEFAULT_REGION"
    )


OPENERS: dict[str, Callable[[SplitResult], Stream]] = {
    "firehose": _open_firehose,
    "kinesis": _open_kinesis,
    "spool": _open_spool,
}
"""What opens a stream, by the scheme of its URL."""
