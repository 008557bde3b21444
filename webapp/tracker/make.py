"""Join the tracker's modules into webapp/tracker.js, the one file that a site adds.

Only comments, indentation and the lines that join modules go: what is left can be read, debugged
and compared with its source. Run `python webapp/tracker/make.py` after a change; a test holds that
it was run.
"""

import re
from pathlib import Path

WEBAPP = Path(__file__).parents[1]
MODULES = ("guarded", "visitor", "wire", "storage", "outbox", "playback", "track")
"""In the order of their need: a module's imports stand before it."""

HEADER = """\
/* playlake's tracker: docs/tracker.md. Made by tracker/make.py of tracker/*.js. */
"""
EXPORTED = "track, uuid7"


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


if __name__ == "__main__":
    (WEBAPP / "tracker.js").write_text(made(), encoding="utf-8")
