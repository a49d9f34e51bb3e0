"""How one part of the process tells others that there is something to read."""

import asyncio


class Wakeup:
    """A bell that any number of tasks can wait for, without missing a ring.

    Take the ticket, read, and only then wait on the ticket: a ring in between has set it, so the wait ends at once.
    """

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def ticket(self) -> asyncio.Event:
        """What the next ring will set."""
        return self._next

    def ring(self) -> None:
        """Wake everyone who holds a ticket."""
        rung, self._next = self._next, asyncio.Event()
        rung.set()

    @staticmethod
    async def wait(ticket: asyncio.Event, seconds: float) -> bool:
        """Wait for a ticket's ring, at most so long; whether it rang."""
        try:
            async with asyncio.timeout(seconds):
                await ticket.wait()
        except TimeoutError:
            return False
        return True
