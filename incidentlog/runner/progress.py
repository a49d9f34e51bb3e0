"""How far the projections are, for those who wait for them."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from incidentlog.runner.wakeup import Wakeup

SIGHT_SECONDS: Final = 0.1
"""Heads that are sighted within so much time are taken for one: what is told of the lag is at most that much more."""
SIGHTS: Final = 10_000
"""The most sights that are remembered; with more of them the last ones are taken for one."""


class Progress:
    """The position that subjects and projections have reached, and a bell that rings when it moves."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` counts seconds, from anywhere."""
        self.progressed = Wakeup()
        self.position = 0
        self.own = -1
        """Up to where this node's own runner brought them, when it went last; -1 while it never did."""
        self.failure: str | None = None
        """Why the runner cannot go on at the moment; None while it can."""
        self.now = now
        self._sights: deque[tuple[int, float]] = deque()
        """Heads that are not reached, and when each was first sighted: both rise."""
        self._moved = now()

    def expect(self, head: int) -> None:
        """The log reaches up to here: from now on it is counted for how long that waits."""
        if head <= max(self.position, self._sights[-1][0] if self._sights else 0):
            return
        now = self.now()
        if self._sights and (now - self._sights[-1][1] < SIGHT_SECONDS or len(self._sights) == SIGHTS):
            now = self._sights.pop()[1]
        self._sights.append((head, now))

    @property
    def lag_seconds(self) -> float:
        """For how long the oldest event that is not projected has waited; 0 when there is none."""
        return self.now() - self._sights[0][1] if self._sights else 0.0

    @property
    def still_seconds(self) -> float:
        """For how long the projections have not moved though there is something to move to; 0 when there is not."""
        return self.now() - max(self._moved, self._sights[0][1]) if self._sights else 0.0

    def move(self, position: int) -> None:
        """The projections have seen everything up to and with a position; whoever says less by then is late."""
        if position > self.position:
            self.position, self._moved = position, self.now()
            while self._sights and self._sights[0][0] <= position:
                self._sights.popleft()
        self.progressed.ring()

    def fold(self, position: int) -> None:
        """This node's own runner, which went last, has brought them up to a position."""
        self.own = max(self.own, position)
        self.move(position)

    @property
    def leads(self) -> bool:
        """Whether it is this node's own runner that brought them to where they are."""
        return self.own >= self.position

    async def reached(self, position: int, seconds: float) -> bool:
        """Wait until the projections have seen a position, at most so long; whether they have."""
        deadline = time.monotonic() + seconds
        while self.position < position:
            ticket = self.progressed.ticket()
            left = deadline - time.monotonic()
            if self.position < position and (left <= 0 or not await Wakeup.wait(ticket, left)):
                return self.position >= position
        return True
