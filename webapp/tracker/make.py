"""Join the tracker's modules into webapp/tracker.js, the one file that a site adds.

Only comments, indentation and the lines that join modules go: what is left can be read, debugged
and compared with its source. Run `python webapp/tracker/make.py` after a change. With `--check` it
writes nothing, and says whether it was run and how large the tracker is.
"""

import gzip
import re
import sys
from pathlib import Path

WEBAPP = Path(__file__).parents[1]
MODULES = ("guarded", "visitor", "wire", "storage", "outbox", "playback", "track")
"""In the order of their need: a module's imports stand before it."""

HEADER = """\
/* playlake's tracker: docs/tracker.md. Made by tracker/make.py of tracker/*.js. */
"""
EXPORTED = "track, uuid7"
MOST_BYTES = 5 * 1024
"""Gzipped. It is loaded by every page that shows a video."""


def made() -> str:
    """The text of webapp/tracker.js."""
    modules = (
        _bare((WEBAPP / "tracker" / f"{name}.js").read_text(encoding="utf-8")) for name in MODULES
    )
    return f"{HEADER}{''.join(modules)}export {{ {EXPORTED} }};\n"


def _bare(source: str) -> str:
    """A module's statements. No string in the sources has `/**` or ` // ` in it."""
    source = re.sub(r"/\*\*.*?\*/", "", source, flags=re.DOTALL)
    source = re.sub(r"[ \t]*// .*$", "", source, flags=re.MULTILINE)
    source = re.sub(r"^import .*;$", "", source, flags=re.MULTILINE)
    source = re.sub(r"^export ", "", source, flags=re.MULTILINE)
    return re.sub(r"\n\s*", "\n", source).lstrip()


def _check() -> str | None:
    """What is wrong with webapp/tracker.js, if something is."""
    text = (WEBAPP / "tracker.js").read_text(encoding="utf-8")
    size = len(gzip.compress(text.encode(), 9, mtime=0))
    print(f"webapp/tracker.js has {size:,} of {MOST_BYTES:,} bytes, gzipped")
    if text != made():
        return "webapp/tracker.js is not what its modules are: run python webapp/tracker/make.py"
    return "The tracker is too large: take something out of it" if size > MOST_BYTES else None


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(_check())
    (WEBAPP / "tracker.js").write_text(made(), encoding="utf-8")
