"""What a query reads, and what Athena would charge for it."""

from dataclasses import dataclass

_MEGABYTE = 2**20
_MINIMUM_MEGABYTES = 10
_MEGABYTES_PER_TERABYTE = 2**20
_USD_PER_TERABYTE = 5.0


def athena_cost_usd(scanned_bytes: int) -> float:
    """The price of one query: 5 USD per TB, rounded up to the megabyte, at least 10 MB.

    Source: aws.amazon.com/athena/pricing, SQL queries, most regions; a few charge more.
    """
    megabytes = max(_MINIMUM_MEGABYTES, -(-scanned_bytes // _MEGABYTE))
    return megabytes * _USD_PER_TERABYTE / _MEGABYTES_PER_TERABYTE


@dataclass(frozen=True, slots=True)
class Scanned:
    """What answering took."""

    bytes: int
    """What Athena read and bills. Of the engine of one machine, an estimate and an upper bound: the
    compressed bytes of the needed columns in every file of the selected partitions. Row groups
    whose statistics rule them out Athena does not read; a CTE that is used twice it may read twice.
    """
    partitions_read: int
    partitions_total: int
    """The partitions there are of the tables that were asked."""
    files: int | None
    """None of Athena, which does not say."""
    rows: int | None
    """The rows in those files, before any predicate. None of Athena."""

    @property
    def charged(self) -> bool:
        """Whether Athena did charge: it tells the bytes that it read and bills, and no files."""
        return self.files is None

    @property
    def athena_cost_usd(self) -> float:
        """What Athena charges for those bytes, or would."""
        return athena_cost_usd(self.bytes)
