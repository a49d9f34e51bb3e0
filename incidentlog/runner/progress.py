"""How far the projections are, for those who wait for them."""

import time

from incidentlog.runner.wakeup import Wakeup


class Progress:
    """The position that subjects and projections have reached, and a bell that rings when it moves."""

    def __init__(self) -> None:
        self.progressed = Wakeup()
        self.position = 0
        self.failure: str | None = None
        """Why the runner cannot go on at the moment; None while it can."""

    def move(self, position: int) -> None:
        """The projections have seen everything up to and with a position; whoever says less by then is late."""
        self.position = max(self.position, position)
        self.progressed.ring()

    async def reached(self, position: int, seconds: float) -> bool:
        """Wait until the projections have seen a position, at most so long; whether they have."""
        deadline = time.monotonic() + seconds
        while self.position < position:
            ticket = self.progressed.ticket()
            left = deadline - time.monotonic()
            if self.position < position and (left <= 0 or not await Wakeup.wait(ticket, left)):
                return self.position >= position
        return True
