"""The event type `video_play`: one interval of really played video."""

from events.declaration import Derived, EventType, Field, FieldType, Rule
from events.fields import EVENT_ID, LOGGED_AT, SENT_AT, USER_ID, VIEWER_ID
from events.table import ColumnType

WALL_TOLERANCE_MS = 1_000
"""How far content time may pass what wall time and rate allow: media clocks run on whole frames,
and a browser reports positions up to 250 ms apart (HTML standard, `timeupdate`)."""

VIDEO_PLAY = EventType(
    name="video_play",
    table="video_play_events",
    doc="One interval of really played video.",
    recognised_by=(frozenset({"video_id", "started_at"}), frozenset({"video_id", "ended_at"})),
    fields=(
        EVENT_ID,
        Field("play_id", FieldType.TEXT, "One life of a player on one source."),
        Field("seq", FieldType.INTEGER, "The interval's number in its play, from 0.", minimum=0),
        Field("video_id", FieldType.TEXT, "The video.", required=True, minimum=1),
        USER_ID,
        VIEWER_ID,
        Field(
            "started_at",
            FieldType.INTEGER,
            "Where the interval began, in milliseconds into the video.",
            required=True,
            minimum=0,
        ),
        Field(
            "ended_at",
            FieldType.INTEGER,
            "Where the interval ended, in milliseconds into the video.",
            required=True,
            minimum=0,
        ),
        Field("wall_ms", FieldType.INTEGER, "How long it took, in milliseconds.", minimum=0),
        Field("playback_rate", FieldType.NUMBER, "The speed, 1.0 being as recorded.", minimum=0),
        Field(
            "end_reason",
            FieldType.TEXT,
            "What ended it: pause, seek, ended, loop, stall, rate, hide, show, unload, sleep, "
            "source, visitor, error, untracked or lost; docs/tracker.md says when.",
        ),
        Field("video_duration", FieldType.INTEGER, "The video's length in ms.", minimum=0),
        Field("visible", FieldType.BOOLEAN, "Whether the page was visible."),
        LOGGED_AT,
        SENT_AT,
    ),
    one_of=("user_id", "viewer_id"),
    derived=(
        Derived(
            "duration",
            ColumnType.BIGINT,
            "ended_at - started_at, in milliseconds of content.",
            lambda column: column("ended_at") - column("started_at"),
        ),
    ),
    rules=(
        Rule(
            "ended_before_started",
            "ended_at is before started_at; send the interval's first position as started_at.",
            lambda column: column("ended_at") < column("started_at"),
        ),
        Rule(
            "longer_than_wall_time",
            "ended_at - started_at is more than wall_ms at playback_rate can play; close the"
            " interval at the last position that was played, not at a seek's target.",
            lambda column: (
                column("ended_at") - column("started_at")
                > column("wall_ms") * column("playback_rate", 1.0) + WALL_TOLERANCE_MS
            ),
        ),
    ),
    sort_by=("video_id", "logged_at"),
    examples=(
        {
            "video_id": "foobarbaz",
            "user_id": 12345,
            "started_at": 0,
            "ended_at": 14000,
            "logged_at": 1535523716167,
        },
    ),
)
