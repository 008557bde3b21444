"""What a machine lacks for a test: a skip with a sentence, and under CI=true a failure."""

import os
from typing import NoReturn

import pytest


def lacking(sentence: str) -> NoReturn:
    """Skip the test, saying what is missing; CI has to have everything."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
