"""Text for a terminal."""

import unicodedata


def printable(text: str, limit: int = 80) -> str:
    """What a client sent, as one harmless line: control characters shown, not obeyed."""
    shown = "".join(f"\\u{ord(char):04x}" if _is_control(char) else char for char in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _is_control(char: str) -> bool:
    """Whether it does something where it stands; U+2028 and U+2029 begin a line."""
    category = unicodedata.category(char)
    return category[0] == "C" or category in ("Zl", "Zp")


def bytes_text(count: int) -> str:
    """A number of bytes for people: 1.2 MB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def usd_text(amount: float) -> str:
    """A price, small ones to where they begin: $0.00005."""
    return f"${amount:.5f}" if amount < 0.01 else f"${amount:,.2f}"


def seconds_text(milliseconds: int) -> str:
    """A position or a span in a video: 14.0 s."""
    return f"{milliseconds / 1000:.1f} s"
