"""playlake's Firehose Lambda with everything on, its lake a folder, its catalog told of files."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

from benchmarks.peers.answering import Stopwatch, answer
from catalog.drivers.local import LocalCatalog
from playlake.local.notices import NotifyingStore
from transform import handler
from transform.settings import open_store

_CONTEXT = SimpleNamespace(
    function_name="transform",
    memory_limit_in_mb=1_769,
    invoked_function_arn="arn:aws:lambda:local:000000000000:function:transform",
    aws_request_id="0",
)


class Notices:
    """Registers each file that the handler wrote with the round's catalog, as
    `playlake.local.pipeline` does and, on AWS, S3's notices do."""

    def __init__(self) -> None:
        self.catalog: LocalCatalog | None = None

    def open(self, uri: str) -> NotifyingStore:
        """In place of `transform.settings.open_store`: the same store, which tells."""
        return NotifyingStore(open_store(uri), self._register)

    def _register(self, key: str, _data: bytes) -> None:
        assert self.catalog is not None
        registered = self.catalog.register([key])
        assert not registered.skipped, registered.skipped


_notices = Notices()


def transformed(source: Path, out: Path) -> Stopwatch:
    """Invoke the handler with one Firehose event after the other, in a warm environment.

    Lambda's runtime has parsed the event before the handler sees it: reading it is not counted,
    and no more than one is in memory.
    """
    watch, lake = Stopwatch(), out / "lake"
    os.environ["PLAYLAKE_LAKE_URI"] = lake.as_uri()
    with LocalCatalog(lake, out / "catalog.db") as _notices.catalog:
        for path in sorted(source.glob("*.json")):
            event = json.loads(path.read_bytes())
            with watch:
                answered = handler.transform(event, _CONTEXT)
            assert len(answered["records"]) == len(event["records"])
    return watch


if __name__ == "__main__":
    vars(handler)["open_store"] = _notices.open
    answer(transformed)
