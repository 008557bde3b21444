"""The limit to measure against: DuckDB's `COPY` from JSON lines to zstd Parquet by day.

It neither decodes base64 nor validates nor parses agents, it answers for no record, and it leaves
its files to the system to write when it likes: playlake's are synced. It is told the columns: to
find them out, file by file, takes it as long again.
"""

from pathlib import Path

import duckdb

from benchmarks.peers.answering import Stopwatch, answer

_TEXTS = ("type", "event_id", "video_id", "referer", "user_agent")
_NUMBERS = ("user_id", "started_at", "ended_at", "wall_ms", "logged_at", "received_at")
_COLUMNS = dict.fromkeys(_TEXTS, "VARCHAR") | dict.fromkeys(_NUMBERS, "BIGINT")


def copy(source: Path, out: Path) -> Stopwatch:
    """All files at once, on one thread."""
    with duckdb.connect(config={"threads": 1}) as connection, Stopwatch() as watch:
        connection.execute(
            "COPY (SELECT *, strftime(make_timestamp(logged_at * 1000), '%Y-%m-%d') AS dt"
            f" FROM read_json('{source}/*.jsonl', format = 'newline_delimited',"
            f" columns = {_COLUMNS}))"
            f" TO '{out}/plays' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dt))"
        )
    return watch


if __name__ == "__main__":
    answer(copy)
