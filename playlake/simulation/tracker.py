"""A player's moments as the events that a tracker sends: stamped, numbered and named."""

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from .audience import Video, Viewer
from .faults import Event
from .plays import Interval, Signal

_PLANS = ("free", "basic", "pro")
_BUTTONS = ("helloWorld", "share", "subscribe", "next")


class Written(NamedTuple):
    """An event of epoch ms `at`. `own_id`: it is good and has an id, so it may be sent twice."""

    at: int
    event: Event
    own_id: bool


@dataclass
class PlayTracker:
    """Tracks one play of `video` by `viewer`."""

    rng: Random
    viewer: Viewer
    video: Video
    play_id: str
    _seq: int = field(default=-1, init=False)

    def interval(self, interval: Interval) -> Event:
        """A `video_play` event with all that the tracker knows."""
        return {
            **self._head("video_play", interval.at),
            "started_at": interval.started_at,
            "ended_at": interval.ended_at,
            "wall_ms": interval.wall_ms,
            "playback_rate": interval.playback_rate,
            "end_reason": interval.end_reason,
            "video_duration": self.video.duration_ms,
            "visible": self.rng.random() < 0.97,
        }

    def signal(self, signal: Signal) -> Event:
        """A `video_player` event."""
        return {
            **self._head("video_player", signal.at),
            "event": signal.name,
            "position": signal.position,
            **signal.details,
        }

    def _head(self, event_type: str, at: int) -> Event:
        self._seq += 1
        return {
            "type": event_type,
            "event_id": uuid7(self.rng, at),
            "play_id": self.play_id,
            "seq": self._seq,
            "video_id": self.video.video_id,
            **who(self.viewer),
            "logged_at": at,
        }


def lab_interval(interval: Interval, viewer: Viewer, video: Video, user_agent: str) -> Event:
    """The bare event of the lab's player: no type, no ids, whole seconds, headers inside."""
    return {
        "video_id": video.video_id,
        **who(viewer),
        "started_at": interval.started_at,
        "ended_at": interval.ended_at,
        "logged_at": interval.at // 1_000,
        "referer": watch_page(video),
        "user_agent": user_agent,
    }


def custom_event(rng: Random, viewer: Viewer, at: int) -> Written:
    """Something a site tells about other than video."""
    kind = rng.randrange(3)
    if kind == 0:
        return Written(at, _click(rng, viewer), own_id=False)
    stamps = {"event_id": uuid7(rng, at), **who(viewer), "logged_at": at}
    if kind == 1:
        return Written(at, {"type": "signup", "plan": rng.choice(_PLANS), **stamps}, own_id=True)
    return Written(at, {"event": "page_view", "path": "/pricing", **stamps}, own_id=True)


def _click(rng: Random, viewer: Viewer) -> Event:
    """A click as a site's own script sends it: without an id, without a time."""
    click: Event = {"action": "click", "buttonName": rng.choice(_BUTTONS)}
    return {**click, "userId": viewer.identity} if isinstance(viewer.identity, int) else click


def who(viewer: Viewer) -> Event:
    """The field that names the viewer."""
    field_name = "user_id" if isinstance(viewer.identity, int) else "viewer_id"
    return {field_name: viewer.identity}


def watch_page(video: Video) -> str:
    """The address of the page that a video is watched on."""
    return f"https://video.example/watch/{video.video_id}"


def uuid7(rng: Random, at: int) -> str:
    """A UUID of version 7 (RFC 9562) of epoch ms `at`, its random bits from `rng`."""
    drawn = rng.getrandbits(74)
    number = at << 80 | 7 << 76 | (drawn >> 62) << 64 | 2 << 62 | drawn & ((1 << 62) - 1)
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
