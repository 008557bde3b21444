"""The table of events that break their type's rules, each with its reason and its payload."""

from events.table import Column, ColumnType, Table

REJECTED_EVENTS = Table(
    name="rejected_events",
    doc="Events that break their type's rules: nothing that was accepted is ever lost.",
    columns=(
        Column("event_id", ColumnType.TEXT, "The event's own id, or one made from its payload."),
        Column("reason", ColumnType.TEXT, "A code for machines: missing_field, wrong_type, ..."),
        Column("message", ColumnType.TEXT, "A sentence for people: what is wrong, and what to do."),
        Column("field", ColumnType.TEXT, "The field at fault, where it is one."),
        Column("event_type", ColumnType.TEXT, "The type it was taken for, if any."),
        Column("received_at", ColumnType.TIMESTAMP, "When it was received; its UTC day is `dt`."),
        Column("payload", ColumnType.TEXT, "The event as it came, byte for byte."),
        Column("payload_encoding", ColumnType.TEXT, "utf-8, or base64 if it is no UTF-8."),
    ),
    sort_by=("reason", "received_at"),
)
