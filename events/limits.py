"""How large an event may be: the collector refuses what is larger, the transform rejects it."""

MAX_EVENT_BYTES = 256 * 1024
"""One event as the client sent it."""

MAX_ADDED_BYTES = 16 * 1024
"""What the collector may add to an event: ids, times, two header values."""

MAX_DEPTH = 32
"""How many levels of objects and arrays an event may have; the event itself is the first."""

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
