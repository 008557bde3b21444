"""A shard's consumer, wired to the lake, the archive and the catalog that the settings name."""

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from catalog.settings import Settings as CatalogSettings
from catalog.settings import open_catalog
from playlake.consuming.settings import ConsumerSettings
from transform.batch import PUTS_AT_ONCE
from transform.committing import Writer
from transform.consumer import Committed, Habits, ShardConsumer
from transform.ledger import Ledger
from transform.process import Processor, Settings
from transform.settings import open_store
from transform.store import Store


def open_consumer(
    settings: ConsumerSettings, shard: str, on_committed: Callable[[Committed], None]
) -> ShardConsumer:
    """The consumer of one shard, not started yet. Raises SettingsError."""
    archive = open_store(settings.archive)
    ledger = Ledger(archive, settings.stream, shard, settings.arn)
    return ShardConsumer(
        ledger,
        Processor(settings=Settings(settings.max_late_days)),
        _writer(settings, archive, f"{settings.stream}-{shard}"),
        Habits(settings.limits, on_committed=on_committed, keep_raw=settings.keep_raw),
    )


def _writer(settings: ConsumerSettings, archive: Store, name: str) -> Writer:
    catalog = open_catalog(CatalogSettings(settings.catalog, settings.lake))

    def register(keys: Iterable[str]) -> object:
        return catalog.register(map(settings.catalog_key, keys))

    at_once = PUTS_AT_ONCE if urlsplit(settings.lake).scheme == "s3" else 1
    lake = open_store(settings.lake)
    return Writer(lake, archive, register, name, at_once)


def check(settings: ConsumerSettings) -> None:
    """See that stores and catalog can be had, where somebody waits. Raises SettingsError."""
    open_store(settings.archive)
    _writer(settings, open_store(settings.lake), settings.stream)
