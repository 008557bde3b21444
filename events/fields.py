"""The fields that every event type has, and the columns that the transform adds to each."""

from events.declaration import Field, FieldType
from events.limits import INT64_MAX
from events.table import Column, ColumnType

EVENT_ID = Field(
    "event_id",
    FieldType.TEXT,
    "The event's identity, a UUIDv7 by preference; the collector gives one to an event without."
    " Two rows of the same event_id are one event delivered twice.",
    minimum=1,
)
USER_ID = Field(
    "user_id",
    FieldType.INTEGER,
    "The viewer's account, where ids are integers.",
    maximum=INT64_MAX,
)
VIEWER_ID = Field(
    "viewer_id",
    FieldType.TEXT,
    "The viewer, for visitors without an account and for text ids.",
    minimum=1,
)
LOGGED_AT = Field(
    "logged_at",
    FieldType.TIME,
    "When it happened, by the client's clock, in epoch seconds or milliseconds; its UTC day is dt.",
    required=True,
)
SENT_AT = Field("sent_at", FieldType.TIME, "When the client sent it, by the same clock.")

COLLECTED = (
    Field("received_at", FieldType.TIME, "When the collector took it in, by its own clock."),
    Field("referer", FieldType.TEXT, "The page; from the request's header when not in the object."),
    Field("user_agent", FieldType.TEXT, "The browser; from the header when not in the object."),
)
"""What the collector adds to every event."""

DEVICE_COLUMNS = (
    Column("device_type", ColumnType.TEXT, "desktop, mobile, tablet, tv, bot or other."),
    Column("device_brand", ColumnType.TEXT, "Who made the device: Apple, Samsung."),
    Column("device_model", ColumnType.TEXT, "The device's model: iPhone, SM-G991B."),
    Column("os_name", ColumnType.TEXT, "The operating system: Mac OS X, Android."),
    Column("os_version", ColumnType.TEXT, "Its version, dotted: 10.13.6."),
    Column("browser_name", ColumnType.TEXT, "The browser: Chrome, Mobile Safari."),
    Column("browser_version", ColumnType.TEXT, "Its version, dotted: 68.0.3440."),
    Column("is_bot", ColumnType.BOOLEAN, "Whether the agent is no person: device_type is bot."),
)
"""Parsed by the transform from `user_agent`."""

CLOCK_SUSPECT = Column(
    "clock_suspect",
    ColumnType.BOOLEAN,
    "Whether logged_at was over ten minutes ahead of received_at: dt is then the latter's day.",
)
EVENT_NAME = Column(
    "event_name",
    ColumnType.TEXT,
    "What the object calls itself, in its `type`, `event` or `action`.",
)
PROPERTIES = Column(
    "properties",
    ColumnType.TEXT,
    "The object's fields that no declaration knows, as JSON text; null when there are none.",
)
