"""The event type `custom`: any other object."""

from dataclasses import replace

from events.declaration import EventType
from events.fields import EVENT_ID, LOGGED_AT, SENT_AT, USER_ID, VIEWER_ID

CUSTOM = EventType(
    name="custom",
    table="custom_events",
    doc="Any other object; what no declaration knows is kept as JSON text in `properties`.",
    fields=(
        EVENT_ID,
        USER_ID,
        VIEWER_ID,
        # Without a time of its own an event is of the day it was received.
        replace(LOGGED_AT, required=False),
        SENT_AT,
    ),
    named_by=("type", "event", "action"),
    sort_by=("event_name", "logged_at"),
    examples=({"action": "click", "userId": 404444, "buttonName": "helloWorld"},),
)
