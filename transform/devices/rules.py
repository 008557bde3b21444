"""The order in which an agent's tokens decide its device type: first match wins.

The rules run in the Rust engine that comes with ua-parser, whose time is linear in the agent
whatever the agent holds, and which tries hundreds of patterns at once.
"""

from functools import cache

from ua_parser_rs import DeviceExtractor

from transform.devices import tokens


def _any(table: str) -> str:
    return "|".join(table.split())


def _names(table: str) -> str:
    return _any(table).replace("_", "[ _-]")


# A model name begins the agent or one of its parts, or follows its maker's name there.
_MODEL_START = r"(?:^|[;(/,]\s?)(?:(?:acer|asus|huawei|lenovo|samsung|xiaomi)[ _-])?"


def _model(table: str) -> str:
    return f"{_MODEL_START}(?:{_names(table)})"


def _television(table: str) -> str:
    """A television's model stands first after the Android version, or after the locale there."""
    return rf"android[^)]*?;\s(?:[a-z]{{2}}-[a-z]{{2}};\s)?(?:{_names(table)})"


_COMPUTER = r"mozilla/5\.0\s\((?:macintosh|windows\snt|x11)"

# (device type, pattern)
RULES: tuple[tuple[str, str], ...] = (
    # Telephones whose names end in "bot" or "pad".
    ("mobile", r"android.*;\s(?:[a-z]{1,2}-)?(?:coolpad|cubot|padfone|xbot)[ _-].*mobile"),
    ("other", _any(tokens.OTHER)),
    ("other", _model(tokens.OTHER_MODELS)),
    ("bot", _any(tokens.BOTS)),
    ("bot", _any(tokens.CALLING_CARDS)),
    ("bot", _COMPUTER + r".*(?:" + _any(tokens.EXAMINERS) + ")"),
    ("tv", _any(tokens.TVS)),
    ("tv", _television(tokens.TV_MODELS)),
    ("tablet", r"silk[/-].*safari"),
    ("mobile", r"\(mobile;|windows\sphone"),
    ("desktop", _any(tokens.COMPUTERS)),
    ("desktop", r"android.*" + _model(tokens.COMPUTER_MODELS)),
    ("tablet", _any(tokens.TABLETS)),
    ("tablet", r"android.*" + _model(tokens.TABLET_MODELS)),
    ("mobile", _any(tokens.PHONES)),
    ("mobile", r"android.*" + _model(tokens.PHONE_MODELS)),
    ("mobile", r"android[\s/][12]\."),
    # Chrome on Android says Mobile on a telephone and leaves it out on everything larger. Of the
    # larger, these are televisions: app views, and Android versions that few tablets ever got.
    ("tv", r"mozilla/.*android\s(?:7\.1|8\.0|(?:[789]|1[0-9])[;.].*;\swv\))"),
    ("tablet", r"mozilla/.*android"),
    ("mobile", r"android|darwin|\bios\b|\[fban"),
    ("desktop", r"windows|linux|msie"),
    ("other", _any(tokens.PLAYERS)),
)


@cache
def _extractor() -> DeviceExtractor:
    return DeviceExtractor((pattern, "i", kind, None, None) for kind, pattern in RULES)


def classify(agent: str) -> str | None:
    """The device type that the agent's tokens tell, or None where no rule knows any of them."""
    found = _extractor().extract(agent)
    return found.family if found else None
