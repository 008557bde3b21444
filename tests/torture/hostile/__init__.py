"""Strings and JSON texts that have broken software, as data.

`big_list_of_naughty_strings.json` is the Big List of Naughty Strings by Max Woolf, MIT, its licence
beside it, unchanged as npm's `big-list-of-naughty-strings` 1.0.0 has it. `strings.json` and
`texts.json` are ours: what matters to JSON, SQL, Parquet and paths.
"""

import json
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@cache
def strings() -> tuple[str, ...]:
    """Every string of the lists once, the empty one among them: valid Unicode, all of them."""
    own: dict[str, list[str]] = json.loads(_text_of("strings"))
    listed: list[str] = json.loads(_text_of("big_list_of_naughty_strings"))
    found = [*listed, *(text for texts in own.values() for text in texts)]
    return tuple(dict.fromkeys(found))


@cache
def texts() -> dict[str, str]:
    """Bodies by what is tried with them: JSON texts, right and wrong, some only nearly JSON."""
    found: dict[str, str] = json.loads(_text_of("texts"))
    return found


def _text_of(name: str) -> str:
    return (_FOLDER / f"{name}.json").read_text("utf-8")
