"""The transform's settings, read from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from events.errors import SettingsError
from transform.store import Archive


@dataclass(frozen=True, slots=True)
class TransformSettings:
    """`lake_uri` is where tables lie, `file:///...` or `s3://bucket/prefix`."""

    lake_uri: str
    max_late_days: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "TransformSettings":
        """From PLAYLAKE_LAKE_URI and, optional, PLAYLAKE_MAX_LATE_DAYS; raises SettingsError."""
        lake_uri = environment.get("PLAYLAKE_LAKE_URI")
        if lake_uri is None:
            raise SettingsError("PLAYLAKE_LAKE_URI is not set; set it to file:///... or s3://....")
        return cls(lake_uri, _days(environment.get("PLAYLAKE_MAX_LATE_DAYS")))


def open_store(uri: str) -> Archive:
    """The store at `uri`; raises SettingsError where there can be none."""
    parts = urlsplit(uri)
    plain = not (parts.query or parts.fragment)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/") and plain:
        from transform.drivers.file_store import FileStore  # noqa: PLC0415 (only what is used)

        return FileStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc and plain:
        from transform.drivers.s3_store import S3Store  # noqa: PLC0415 (botocore takes 0.4 s)

        return S3Store(parts.netloc, parts.path.strip("/"))
    raise SettingsError(f"{uri!r} is no lake; give file:///an/absolute/path or s3://bucket/prefix.")


def _days(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isdecimal() and len(text) <= 5):
        raise SettingsError(f"PLAYLAKE_MAX_LATE_DAYS is {text!r}; give whole days, such as 30.")
    return int(text)
