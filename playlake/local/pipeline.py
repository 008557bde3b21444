"""The local pipeline: the same collector, transform and catalog as on AWS, on local drivers."""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Self

from catalog.data_file import Reason
from catalog.drivers.local import LocalCatalog
from events.errors import CatalogUnavailable
from events.layout import parse_key
from ingest.collector import Collector, serve
from ingest.cors import ANY_ORIGIN
from ingest.drivers.spool import Spool
from ingest.request import Request, Response
from playlake.local.apart import ApartTransform
from playlake.local.delivery import DEFAULTS, Delivered, Delivery, DeliverySettings
from playlake.local.folder import DataFolder
from playlake.local.invocation import Invoke
from playlake.local.transforming import invoke_here
from playlake.local.upkeep import Upkeep
from transform.drivers.file_store import FileStore

_logger = logging.getLogger("playlake.pipeline")


@dataclass(frozen=True, slots=True)
class Observers:
    """Who hears what happens, from the delivering thread. What they raise is logged: a terminal
    that is gone must not fail the batch it would have shown."""

    delivered: Callable[[Delivered], None] = lambda _delivered: None
    """A batch came to its end."""
    written: Callable[[str, bytes], None] = lambda _key, _data: None
    """An object, key and bytes, lies in the lake and is registered."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What an operator may choose."""

    allowed_origins: frozenset[str] = frozenset({ANY_ORIGIN})
    delivery: DeliverySettings = DEFAULTS
    apart: bool = False
    """Whether the transform has a process of its own, so that this one answers meanwhile."""


class LocalPipeline:
    """Opens a data folder and owns it until it is closed; one process at a time.

    Raises `events.errors.SettingsError` when another process owns it.
    """

    def __init__(
        self,
        folder: DataFolder,
        settings: PipelineSettings = PipelineSettings(),
        observers: Observers = Observers(),
    ) -> None:
        self.folder = folder
        self._observers = observers
        with ExitStack() as opening:
            self.spool = opening.enter_context(Spool(folder.spool))
            self.catalog = opening.enter_context(LocalCatalog(folder.lake, folder.catalog))
            if settings.apart:
                apart = ApartTransform(folder.lake, self._arrived)
                opening.callback(apart.close)
                invoke: Invoke = apart
            else:
                invoke = invoke_here(FileStore(folder.lake), self._arrived)
            self._closing = opening.pop_all()
        self.collector = Collector(self.spool.max_record_bytes, settings.allowed_origins)
        self.upkeep = Upkeep(self.catalog, FileStore(folder.lake))
        self.delivery = Delivery(
            self.spool,
            invoke,
            FileStore(folder.root),
            settings=settings.delivery,
            on_delivered=partial(_tell, observers.delivered),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def collect(self, request: Request) -> Response:
        """What `POST /events` does, in this process: the answer comes once the spool has it."""
        return serve(request, self.collector, self.spool)

    def settle(self) -> None:
        """Deliver everything that was collected and make each event one row."""
        self.delivery.drain()
        self.upkeep.take_over()
        self.upkeep.compact_all()
        self.upkeep.delete_replaced()

    def start(self) -> "Background":
        """Deliver and keep the lake up in the background."""
        return Background(self)

    def _arrived(self, key: str, data: bytes) -> None:
        skipped = self.catalog.register([key]).skipped
        for each in skipped:
            if each.reason in (Reason.UNREADABLE, Reason.MISSING):
                # It was written whole just now: the disk is at fault, and the batch comes again.
                raise CatalogUnavailable(f"{each.key} is not registered: {each.detail}")
        self.upkeep.note_superseded(skipped)
        if partition := parse_key(key):
            self.upkeep.note_growth(*partition)
        _tell(self._observers.written, key, data)


class Background:
    """The pipeline's two threads. Leaving it delivers what is left, then returns."""

    def __init__(self, pipeline: LocalPipeline) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=run, args=(self._stop,), name=name)
            for name, run in (
                ("delivery", pipeline.delivery.run),
                ("upkeep", pipeline.upkeep.run),
            )
        ]

    @property
    def delivering(self) -> bool:
        """Whether the thread that delivers runs: it may have ended by an error of ours."""
        return self._threads[0].is_alive()

    @property
    def keeping_up(self) -> bool:
        """Whether the one that compacts does."""
        return self._threads[1].is_alive()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def _tell(observer: Callable[..., None], *news: object) -> None:
    try:
        observer(*news)
    except (Exception, SystemExit):
        _logger.exception("an observer of the pipeline failed")
