"""The metrics on single plays, as plainly as Python can say them. docs/metrics.md defines each.

Each takes the viewings and the days, as day numbers, both inclusive, and shares nothing with the
SQL of `catalog/queries` but the definition.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from .scenario import DAY_MS, date_of
from .viewings import Played, Viewing, Viewings

Row = dict[str, Any]
Span = tuple[int, int]

_STITCHED_MS = 250
_MINUTE_MS = 60_000
_SHARES = (25, 50, 75, 95)


def continuous_watch_by_user(viewings: Viewings, since: int, until: int) -> list[Row]:
    """Rows of viewer, by watch time, the longest first."""
    lengths: defaultdict[str, list[int]] = defaultdict(list)
    for viewing in viewings:
        lengths[viewing.viewer] += _stretches(viewing.played(since, until))
    rows = [
        {
            "viewer": viewer,
            "stretches": len(found),
            "total_watch_duration": sum(found),
            "avg_continuous_watch": sum(found) / len(found),
            "longest_continuous_watch": max(found),
        }
        for viewer, found in lengths.items()
        if found
    ]
    return sorted(rows, key=lambda row: (-row["total_watch_duration"], row["viewer"]))


def unique_viewers(viewings: Viewings, since: int, until: int) -> list[Row]:
    """Rows of dt, ascending."""
    by_day: defaultdict[int, set[str]] = defaultdict(set)
    for viewing in viewings:
        for each in viewing.played(since, until):
            by_day[each.at // DAY_MS].add(viewing.viewer)
    rows, before = [], set[str]()
    for day, viewers in sorted(by_day.items()):
        new = viewers - before
        before |= new
        counts = {"viewers": len(viewers), "new_viewers": len(new), "viewers_so_far": len(before)}
        rows.append({"dt": date_of(day).isoformat(), **counts})
    return rows


def completion_by_video(viewings: Viewings, since: int, until: int) -> list[Row]:
    """Rows of video_id, the most plays first."""
    by_video: defaultdict[str, list[tuple[Viewing, list[Played]]]] = defaultdict(list)
    for viewing in viewings:
        if played := viewing.played(since, until):
            by_video[viewing.video_id].append((viewing, played))
    rows = [_completion(video_id, plays) for video_id, plays in by_video.items()]
    return sorted(rows, key=lambda row: (-row["plays"], row["video_id"]))


def retention(viewings: Viewings, since: int, until: int, video_id: str) -> list[Row]:
    """Rows of second, every one that the video has."""
    chosen = [(each, each.played(since, until)) for each in viewings if each.video_id == video_id]
    plays = [(viewing, played) for viewing, played in chosen if played]
    counts = {name: Counter[int]() for name in ("plays", "views", "skips")}
    for _, played in plays:
        seen = [second for each in played for second in _seconds(each.started_at, each.ended_at)]
        counts["views"].update(seen)
        counts["plays"].update(set(seen))
        counts["skips"].update(_skipped(played))
    return [
        {
            "second": second,
            **{name: count[second] for name, count in counts.items()},
            "retention": counts["plays"][second] / len(plays),
        }
        for second in _seconds(0, _curve_ms(plays))
    ]


def startup_and_rebuffering(viewings: Viewings, since: int, until: int) -> list[Row]:
    """Rows of dt, ascending."""
    startups: defaultdict[int, list[int]] = defaultdict(list)
    stalls: defaultdict[int, list[int]] = defaultdict(list)
    played: Counter[int] = Counter()
    for viewing in viewings:
        for each in viewing.played(since, until):
            played[each.at // DAY_MS] += each.wall_ms
        for told in viewing.told(since, until):
            if told.name in ("first_frame", "stall"):
                kept = startups if told.name == "first_frame" else stalls
                kept[told.at // DAY_MS].append(told.amount)
    return [
        {
            "dt": date_of(day).isoformat(),
            "starts": len(startups[day]),
            "startup_p50": _nearest_rank(startups[day], 50),
            "startup_p95": _nearest_rank(startups[day], 95),
            "stalls": len(stalls[day]),
            "stall_duration": sum(stalls[day]),
            "play_wall_duration": played[day],
            "rebuffering_ratio": _share(sum(stalls[day]), sum(stalls[day]) + played[day]),
        }
        for day in sorted({*startups, *stalls, *played})
    ]


def exits_before_start(viewings: Viewings, since: int, until: int) -> list[Row]:
    """Rows of video_id, the most exits first."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for viewing in viewings:
        names = {told.name for told in viewing.told(since, until)}
        if "play_intent" in names:
            exited = "first_frame" not in names
            counts[viewing.video_id] += Counter(
                intents=1, exits=int(exited), failures=int(exited and "error" in names)
            )
    rows = [
        {
            "video_id": video_id,
            "intents": count["intents"],
            "exits_before_start": count["exits"],
            "failures": count["failures"],
            "exit_rate": count["exits"] / count["intents"],
        }
        for video_id, count in counts.items()
    ]
    order = ("exits_before_start", "intents")
    return sorted(rows, key=lambda row: (*(-row[name] for name in order), row["video_id"]))


def concurrent_viewers(viewings: Viewings, since: int, until: int) -> list[Row]:
    """Rows of minute, UTC, ascending; those with viewers."""
    present: defaultdict[int, set[str]] = defaultdict(set)
    for viewing in viewings:
        for begun, ended in _spans(viewing, since, until):
            for minute in range(begun // _MINUTE_MS, (ended - 1) // _MINUTE_MS + 1):
                present[minute].add(viewing.viewer)
    first, after = (day * DAY_MS // _MINUTE_MS for day in (since, until + 1))
    return [
        {
            "minute": datetime.fromtimestamp(minute * 60, UTC).replace(tzinfo=None),
            "viewers": len(viewers),
        }
        for minute, viewers in sorted(present.items())
        if first <= minute < after
    ]


def _stretches(played: Sequence[Played]) -> list[int]:
    """How long each run of intervals is that follow one another without a jump."""
    lengths: list[int] = []
    reached: int | None = None
    for each in played:
        length = each.ended_at - each.started_at
        if reached is not None and abs(each.started_at - reached) <= _STITCHED_MS:
            lengths[-1] += length
        else:
            lengths.append(length)
        reached = each.ended_at
    return lengths


def _completion(video_id: str, plays: Sequence[tuple[Viewing, list[Played]]]) -> Row:
    length = max((v.length for v, _ in plays if v.length is not None), default=None)
    by_viewer: defaultdict[str, list[Span]] = defaultdict(list)
    seen = []
    for viewing, played in plays:
        content = [(each.started_at, each.ended_at) for each in played]
        by_viewer[viewing.viewer] += content
        seen.append(_unique(content, length))
    row: Row = {"video_id": video_id, "video_duration": length, "plays": len(plays)}
    for share in _SHARES:
        row[f"plays_{share}"] = _having(seen, share, length)
    row["completion_rate"] = None if not length else row["plays_95"] / len(plays)
    row["avg_share_seen"] = None if not length else sum(seen) / len(plays) / length
    viewers = [_unique(content, length) for content in by_viewer.values()]
    return {**row, "viewers": len(viewers), "viewers_95": _having(viewers, 95, length)}


def _having(seen: Iterable[int], share: int, length: int | None) -> int | None:
    return sum(ms * 100 >= length * share for ms in seen) if length else None


def _unique(content: Iterable[Span], length: int | None) -> int:
    """How much of the video the spans cover, each millisecond once."""
    islands: list[list[int]] = []
    for begun, ended in sorted(content):
        if islands and begun <= islands[-1][1]:
            islands[-1][1] = max(islands[-1][1], ended)
        else:
            islands.append([begun, ended])
    end = islands[-1][1] if length is None else length
    return sum(max(min(ended, end) - begun, 0) for begun, ended in islands)


def _seconds(begun: int, ended: int) -> list[int]:
    """The seconds whose middle lies in the span."""
    near = range(begun // 1_000, ended // 1_000 + 1)
    return [second for second in near if begun <= second * 1_000 + 500 < ended]


def _skipped(played: Sequence[Played]) -> list[int]:
    jumps = [(left.ended_at, right.started_at) for left, right in pairwise(played)]
    return [
        second
        for origin, target in jumps
        if target - origin > _STITCHED_MS
        for second in _seconds(origin, target)
    ]


def _curve_ms(plays: Sequence[tuple[Viewing, list[Played]]]) -> int:
    known = [viewing.length for viewing, _ in plays if viewing.length is not None]
    ends = [each.ended_at for _, played in plays for each in played]
    return max(known or ends, default=0)


def _nearest_rank(values: Sequence[int], percent: int) -> int | None:
    """The smallest value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _spans(viewing: Viewing, since: int, until: int) -> list[Span]:
    """When the viewer was there, in epoch ms: intervals, and the moment before each heartbeat."""
    spans = [(each.at - each.wall_ms, each.at) for each in viewing.played(since, until)]
    told = viewing.told(since, until)
    return spans + [(each.at - 1, each.at) for each in told if each.name == "heartbeat"]
