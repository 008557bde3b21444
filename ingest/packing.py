"""From lines to as few records as hold them."""

from collections.abc import Iterable


def pack(lines: Iterable[bytes], max_record_bytes: int) -> list[bytes]:
    """Records of whole lines, in order, each at most `max_record_bytes`.

    Firehose bills each record rounded up to 5 KB, Kinesis to 25 KB of a provisioned stream and 1 KB
    of one on demand, so fewer is cheaper. With the order kept, filling each record before the next
    one is begun gives the fewest there can be. A line longer than `max_record_bytes` is the
    caller's fault: ValueError.
    """
    records: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        if len(line) > max_record_bytes:
            raise ValueError(f"a line of {len(line)} bytes exceeds {max_record_bytes}")
        if size + len(line) > max_record_bytes:
            records.append(b"".join(waiting))
            waiting, size = [], 0
        waiting.append(line)
        size += len(line)
    if waiting:
        records.append(b"".join(waiting))
    return records
