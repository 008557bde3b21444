"""The event type `video_player`: what a player lived through."""

from events.declaration import EventType, Field, FieldType
from events.fields import EVENT_ID, LOGGED_AT, SENT_AT, USER_ID, VIEWER_ID

VIDEO_PLAYER = EventType(
    name="video_player",
    table="video_player_events",
    doc="What a player lived through: play intent, first frame, stall, seek, error, heartbeat.",
    fields=(
        EVENT_ID,
        Field("play_id", FieldType.TEXT, "One life of a player on one source."),
        Field("seq", FieldType.INTEGER, "The event's number within its play, from 0.", minimum=0),
        Field(
            "event",
            FieldType.TEXT,
            "play_intent, first_frame, stall, seek, error or heartbeat.",
            required=True,
            minimum=1,
        ),
        Field("video_id", FieldType.TEXT, "The video.", required=True, minimum=1),
        USER_ID,
        VIEWER_ID,
        Field("position", FieldType.INTEGER, "Where the player was, in ms.", minimum=0),
        Field("startup_ms", FieldType.INTEGER, "From play request to first frame.", minimum=0),
        Field("stall_ms", FieldType.INTEGER, "How long playback stood still.", minimum=0),
        Field("seek_from", FieldType.INTEGER, "The last position played, in ms.", minimum=0),
        Field("seek_to", FieldType.INTEGER, "The position sought, in ms.", minimum=0),
        Field("error_code", FieldType.TEXT, "The player's code of the error."),
        Field("error_message", FieldType.TEXT, "The player's words about the error."),
        Field("playback_rate", FieldType.NUMBER, "The speed, 1.0 being as recorded.", minimum=0),
        Field("video_duration", FieldType.INTEGER, "The video's length in ms.", minimum=0),
        Field("visible", FieldType.BOOLEAN, "Whether the page was visible."),
        LOGGED_AT,
        SENT_AT,
    ),
    one_of=("user_id", "viewer_id"),
    sort_by=("video_id", "logged_at"),
    examples=(
        {
            "type": "video_player",
            "event": "first_frame",
            "video_id": "foobarbaz",
            "viewer_id": "anonymous-1",
            "startup_ms": 412,
            "logged_at": 1535523716167,
        },
    ),
)
