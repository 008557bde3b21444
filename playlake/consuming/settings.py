"""What the child of a shard has to know, handed down to it in one environment variable."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from events.errors import SettingsError
from transform.consumer import Limits

_DEFAULTS = Limits()

VARIABLE = "PLAYLAKE_CONSUMER"
"""The environment variable. What the daemon has in its environment, its children have too."""


_APPLICATION = re.compile(r"[A-Za-z0-9_.-]{3,237}")
"""A table's name has up to 255 characters, and KCL's longest is the application's with
`-WorkerMetricStats` (DynamoDB Developer Guide, "Supported data types and naming rules")."""


class ConsumerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """From which stream into which lake, and when a batch is full."""

    stream: str
    lake: str
    """`s3://bucket/prefix` or `file:///path/folder`; archive and ledgers lie beside it."""
    catalog: str
    """As `catalog.settings.Settings.catalog`."""
    arn: str = ""
    """The stream's, by which one of the same name elsewhere is told apart; empty when not known."""
    application: str
    """KCL's: the name that workers who share the stream have in common, and of the lease table."""
    worker: str = ""
    """What the daemon calls itself to KCL, and its children to the supervisor."""
    news: str = ""
    """The path of the socket that hears of commits; empty for none."""
    max_bytes: int = _DEFAULTS.size
    max_seconds: float = _DEFAULTS.seconds
    keep_raw: bool = True
    max_late_days: int | None = None

    def __post_init__(self) -> None:
        beside(self.lake)
        if not _APPLICATION.fullmatch(self.application):
            raise SettingsError(
                f"The application {self.application!r} can have no tables in DynamoDB: name one"
                " with --application, of 3 to 237 letters, figures, _, - and dots."
            )

    @property
    def archive(self) -> str:
        """The URI of where `raw/`, `failed/` and `consumed/` lie."""
        return beside(self.lake)

    @property
    def limits(self) -> Limits:
        """When a batch is full."""
        return Limits(self.max_bytes, self.max_seconds)

    def catalog_key(self, key: str) -> str:
        """What the catalog calls the lake's object `key`: see `catalog.port.Catalog.register`."""
        parts = urlsplit(self.lake)
        return key if parts.scheme == "file" else f"{parts.path.strip('/')}/{key}"

    def to_environment(self) -> dict[str, str]:
        """These settings, as the daemon's environment carries them."""
        return {VARIABLE: msgspec.json.encode(self).decode()}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ConsumerSettings":
        """The inverse of `to_environment`. Raises SettingsError."""
        text = environment.get(VARIABLE)
        if text is None:
            raise SettingsError(
                f"{VARIABLE} is not set: this program is started by `playlake consume`."
            )
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:
            raise SettingsError(f"{VARIABLE} cannot be read: {error}") from error


def beside(lake: str) -> str:
    """The URI of the folder that the lake's lies in; raises SettingsError when there is none."""
    parts = urlsplit(lake)
    above, _, name = parts.path.rstrip("/").rpartition("/")
    bucket = parts.scheme == "s3" and bool(parts.netloc)
    folder = parts.scheme == "file" and not parts.netloc and above != ""
    if not name or not (bucket or folder) or parts.query or parts.fragment:
        raise SettingsError(
            f"{lake!r} is no lake that a consumer can write: give s3://bucket/lake or"
            " file:///an/absolute/path/lake. What was read, how far, lies beside its last folder."
        )
    return parts._replace(path=above).geturl()
