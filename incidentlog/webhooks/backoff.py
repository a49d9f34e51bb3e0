"""When what failed is tried again, and when no more."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

FIRST_SECONDS: Final = 5.0
MOST_SECONDS: Final = 3_600.0
ATTEMPTS: Final = 20
"""How often an event is tried before it is a dead letter: over some ten hours, if the receiver says nothing else."""
IN_ROW: Final = 3
"""How many dead letters in a row switch a webhook off."""
LETTERS: Final = 1_000
"""How many dead letters a webhook may have."""
LONGEST_SECONDS: Final = 24 * 3_600.0
"""The most that a receiver's `Retry-After` is heeded."""


def wait_after(
    attempts: int, retry_after: float | None = None, chance: Callable[[], float] = random.random
) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, up to an hour, and a fifth more or less.

    Never less than the receiver asked for, up to a day.
    """
    seconds = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(attempts - 1, 20)) * (0.8 + 0.4 * chance())
    return timedelta(seconds=max(seconds, min(retry_after or 0.0, LONGEST_SECONDS)))
