"""A user agent, parsed: the machine, its system and its browser."""

from dataclasses import dataclass
from functools import cache, lru_cache

from ua_parser import OS, Domain, Result, UserAgent, load_lazy_builtins
from ua_parser import Device as Hardware
from ua_parser.regex import Resolver

from transform.devices.rules import classify

DEVICE_TYPES = ("desktop", "mobile", "tablet", "tv", "bot", "other")

# Characters of an agent that are read; the longest real one known has 492.
AGENT_LIMIT = 512
_CACHED_AGENTS = 50_000


@dataclass(frozen=True, slots=True)
class Device:
    """What one user agent says. A field is None where the agent does not say."""

    device_type: str  # one of DEVICE_TYPES
    device_brand: str | None
    device_model: str | None
    os_name: str | None
    os_version: str | None  # dotted, as "10.13.6"
    browser_name: str | None
    browser_version: str | None  # dotted
    is_bot: bool


_UNKNOWN = Device("other", None, None, None, None, None, None, is_bot=False)


def parse_device(user_agent: str | None) -> Device:
    """The device behind a `User-Agent` header: never raises, at most 5 ms, cached.

    Only the first AGENT_LIMIT characters count. None or a blank agent is an unknown `other`.
    `is_bot` is true exactly when `device_type` is "bot".
    """
    agent = (user_agent or "")[:AGENT_LIMIT].strip()
    return _parse(agent) if agent else _UNKNOWN


@lru_cache(maxsize=_CACHED_AGENTS)
def _parse(agent: str) -> Device:
    # A header field is ASCII (RFC 9110, 5.5), and on ASCII the engine is ten times as fast; what
    # is not, a lone surrogate included, becomes "?".
    readable = agent.encode("ascii", "replace").decode()
    found = _resolver()(readable, Domain.ALL).complete()
    return _device(classify(readable), found)


@cache
def _resolver() -> Resolver:
    return Resolver(load_lazy_builtins())


def _device(told: str | None, found: Result) -> Device:
    brand, model = _hardware(found.device)
    # Browsers and apps say what they run on. An agent that does not is a program's, unless it is
    # the bare model name that old telephones sent.
    device_type = told or ("mobile" if brand else "bot")
    return Device(
        device_type=device_type,
        device_brand=brand,
        device_model=model,
        os_name=found.os.family if found.os else None,
        os_version=_version(found.os),
        browser_name=found.user_agent.family if found.user_agent else None,
        browser_version=_version(found.user_agent),
        is_bot=device_type == "bot",
    )


def _hardware(device: Hardware | None) -> tuple[str | None, str | None]:
    """Brand and model, without the words ua-parser puts where it knows neither."""
    if device is None or device.brand is None or device.brand in {"Generic", "Spider"}:
        return None, None
    # Chrome's reduced agent names every Android model "K".
    model = None if device.model == "K" else device.model
    return (None if device.brand == "Generic_Android" else device.brand), model


def _version(named: OS | UserAgent | None) -> str | None:
    """The leading parts that are known, dotted: "10.13.6"."""
    if named is None:
        return None
    parts = (named.major, named.minor, named.patch, named.patch_minor)
    known = parts[: parts.index(None)] if None in parts else parts
    return ".".join(part for part in known if part is not None) or None
