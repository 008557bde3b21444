"""How long a driver tries what a service may yet do."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


# Tenacity would be one more package in the collector's zip, for a loop whose argument changes
# from call to call.
@dataclass(frozen=True, slots=True)
class Patience:
    """How long a put is tried: exponential backoff with full jitter, up to a deadline.

    No call begins that could, by its client's timeouts, end later than `deadline_seconds` after
    the put began; the default leaves room in a Lambda timeout of 10 s, and so in API Gateway's
    29 s. Before the n-th retry, n from 0, a put waits a random time up to
    `first_pause_seconds` * 2^n, `longest_pause_seconds` at most. `clock` counts seconds, `random`
    gives a number from 0 to 1.
    """

    deadline_seconds: float = 6.0
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    random: Callable[[], float] = random.random

    def pause(self, retries: int) -> float:
        """How long to wait, after so many retries, before the next one."""
        doubled = self.first_pause_seconds * 2.0 ** min(retries, 30)  # a float has an end
        return self.random() * min(doubled, self.longest_pause_seconds)


PATIENCE = Patience()
