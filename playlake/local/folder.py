"""The data folder of local mode: what lies where in it."""

from dataclasses import dataclass
from pathlib import Path

from events.errors import SettingsError


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Everything that local mode keeps. Copy the folder, and you have copied it all.

    lake/       the tables: <table>/dt=<date>/part-<key>.parquet
    raw/        what the collector took in, gzipped JSON lines by day, as Firehose archives it
    failed/     records that the transform could not process, as Firehose files them
    spool.db    the stream: records acknowledged and not yet delivered
    catalog.db  which partitions and files there are
    """

    root: Path

    @property
    def lake(self) -> Path:
        """Where the tables lie."""
        return self.root / "lake"

    @property
    def spool(self) -> Path:
        """The stream's database."""
        return self.root / "spool.db"

    @property
    def catalog(self) -> Path:
        """The catalog's database."""
        return self.root / "catalog.db"

    def must_exist(self) -> "DataFolder":
        """This folder; raises SettingsError when nothing was ever collected into it."""
        if self.catalog.exists():
            return self
        raise SettingsError(
            f"{self.root} holds no data. Collect some with `playlake dev --data {self.root}` or"
            f" `playlake simulate --data {self.root}`, or name another folder with --data."
        )
