"""Time, injected: the service reads the clock here and nowhere else, so tests move it instead of sleeping."""

import asyncio
from datetime import UTC, datetime
from typing import Final, Protocol

SETTLING_SECONDS: Final = 0.5
"""How long a service that starts leaves what can wait: a look for what was left to erase, or for a day that is over."""


class Clock(Protocol):
    """Where `now` comes from, and a way to wait for a later one."""

    def now(self) -> datetime:
        """The instant, timezone-aware, in UTC."""
        ...

    async def sleep_until(self, instant: datetime) -> None:
        """Return once `now() >= instant`; at once if that is already so."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The instant, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, instant: datetime) -> None:
        """Sleep in steps of at most a minute, so that a suspended or stepped clock is noticed."""
        while (left := (instant - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - no event says that time passed
            await asyncio.sleep(min(left, 60.0))


class ManualClock:
    """A clock that stands still until `advance` moves it; what sleeps on it wakes then."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._moved = asyncio.Condition()

    def now(self) -> datetime:
        """The instant it was last set to."""
        return self._now

    async def sleep_until(self, instant: datetime) -> None:
        """Wait for `advance` to reach the instant."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._now >= instant)

    async def advance(self, to: datetime) -> None:
        """Set the clock forward and wake every sleeper that is due."""
        async with self._moved:
            self._now = max(self._now, to)
            self._moved.notify_all()
