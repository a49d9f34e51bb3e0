"""The pace at which many events are taken in: as fast as they are folded, so that others' events wait for nobody's.

Projections go through the log in its order. What one key sends faster than it is folded would hold up whatever others
report after it: so who sends many at once waits, before the next part of it, until its own are folded or have not
waited long. Single events are never held back.
"""

import time
from collections.abc import Callable
from typing import Final

from incidentlog.runner import Progress, Wakeup
from incidentlog.shares import Holder

BEHIND_SECONDS: Final = 0.4
"""For how long an event may wait to be folded before those who caused it are held back."""
PATIENCE_SECONDS: Final = 20.0
"""How long a part is held back at most: less than clients wait for an answer."""
STILL_SECONDS: Final = 4.0
"""Where nothing was folded for so long, nobody is held back: then the log is open, and what is derived waits."""
PART_OCTETS: Final = 512 * 1024
"""How much text of a file that is taken in line by line goes together: a fraction of a second's work to fold."""


class Pace:
    """Holds back those whose events wait to be folded."""

    def __init__(self, progress: Progress, now: Callable[[], float] = time.monotonic) -> None:
        """`progress` is how far the projections are; `now` counts seconds, from anywhere."""
        self._progress, self._now = progress, now
        self._last: dict[tuple[str, str], int] = {}
        """The highest position that each holder's many have, of those that are not folded yet."""

    def sent(self, holder: Holder, position: int) -> None:
        """A holder's events are in the log, up to a position."""
        folded = self._progress.position
        self._last = {key: last for key, last in self._last.items() if last > folded}
        key = holder.name, holder.address
        self._last[key] = max(position, self._last.get(key, 0))

    async def keep(self, holder: Holder) -> None:
        """Wait until a holder's events are folded, or none has waited long, or for PATIENCE_SECONDS."""
        until = self._now() + PATIENCE_SECONDS
        while self._holds_back(holder) and (left := until - self._now()) > 0:
            ticket = self._progress.progressed.ticket()
            await Wakeup.wait(ticket, min(left, BEHIND_SECONDS))

    def _holds_back(self, holder: Holder) -> bool:
        progress = self._progress
        if self._last.get((holder.name, holder.address), 0) <= progress.position:
            return False
        return progress.lag_seconds > BEHIND_SECONDS and progress.still_seconds < STILL_SECONDS
