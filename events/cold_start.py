"""What the functions share of a cold start."""

import os
from collections.abc import Callable
from contextlib import suppress

from events.errors import SettingsError


def ahead(wire: Callable[[], object]) -> None:
    """In Lambda, wire a function up while it initialises, not within its first request.

    What settings lack, that request says. Source: Lambda operator guide, "Optimizing static
    initialization".
    """
    if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
        with suppress(SettingsError):
            wire()
