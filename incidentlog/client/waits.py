"""How long to wait before trying again: full jitter, so that after a restart not everybody comes at the same moment."""

import asyncio
import random
from dataclasses import dataclass, field

DOUBLINGS = 16


@dataclass(slots=True)
class Waits:
    """Waits that may grow from one try to the next, each drawn from zero up to a bound within the window.

    The bound is `least_ms` at first, and doubles up to `most_ms`. (AWS Architecture Blog, "Exponential Backoff And
    Jitter": of the ways compared there, full jitter makes the fewest calls.)
    """

    least_ms: float = 250
    most_ms: float = 30_000
    tried: int = 0

    def next_seconds(self) -> float:
        """The next wait."""
        bound = min(self.most_ms, self.least_ms * 2.0**self.tried)
        self.tried = min(self.tried + 1, DOUBLINGS)
        return random.uniform(0, bound) / 1000  # noqa: S311 - no secret

    def advise(self, least_ms: float, most_ms: float) -> None:
        """The window that the service advises."""
        self.least_ms, self.most_ms = max(1.0, least_ms), max(1.0, least_ms, most_ms)


@dataclass(slots=True)
class Tries:
    """Tries for so many seconds, from the first failure on: no answer may have come for longer than that."""

    seconds: float
    _waits: Waits = field(default_factory=Waits)
    _until: float | None = None

    def next_seconds(self, advised: float = 0.0) -> float | None:
        """After a failure, the wait before the next try; None where the time is over."""
        now = asyncio.get_running_loop().time()
        self._until = now + self.seconds if self._until is None else self._until
        wait = max(advised, self._waits.next_seconds())
        return None if now + wait > self._until else wait
