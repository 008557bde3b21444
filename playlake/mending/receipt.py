"""The receipt of an erasure: what was done, by when, and whether nothing is left."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from transform.mending.erasure import Pass
from transform.mending.person import Person

_SCRYPT = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB and some 30 ms a guess
FORMAT = 1


class Task(Enum):
    """What was asked."""

    FORGET = "forget"
    DRY_RUN = "dry run"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Receipt:
    """An erasure as it can be shown, kept and checked; the id itself is not in it."""

    person: Person
    salt: bytes
    lake: str
    task: Task
    began: datetime
    ended: datetime
    passes: Sequence[Pass]
    results_deleted: int
    proven: bool
    """Whether the last pass looked at everything and found nothing."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON: docs/privacy.md says what each field is."""
        last = self.passes[-1] if self.passes else Pass()
        found = sum((each.found for each in self.passes), Counter[str]())
        forgot = self.task is Task.FORGET
        return {
            "format": FORMAT,
            "task": self.task.value,
            "field": self.person.field,
            "digest": digest(self.person, self.salt),
            "lake": self.lake,
            "began": self.began.isoformat(timespec="milliseconds"),
            "ended": self.ended.isoformat(timespec="milliseconds"),
            "passes": len(self.passes),
            "files": last.files,
            "bytes": last.bytes,
            ("removed" if forgot else "found"): dict(sorted(found.items())),
            "rewritten": [name for each in self.passes for name in each.rewritten],
            "deleted": [name for each in self.passes for name in each.deleted],
            "query_results_deleted": self.results_deleted,
            "left": sorted({*last.holding, *last.moved}),
            "unreadable": last.unreadable,
            "under_way": last.under_way,
            "proven": self.proven,
        }


def digest(person: Person, salt: bytes) -> str:
    """What tells whether a receipt is a given person's: `scrypt:<salt>:<hash>`, in hexadecimal.

    Slow on purpose. Ids are often small integers: of a plain hash anybody could try them all.
    """
    known = f"{person.field}:{person.value}".encode()
    hashed = hashlib.scrypt(known, salt=salt, dklen=32, **_SCRYPT)
    return f"scrypt:{salt.hex()}:{hashed.hex()}"
