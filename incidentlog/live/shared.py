"""What the log brought, read once for all channels that go on by it, and not by each of them."""

import asyncio
from collections.abc import Callable
from typing import Final

from incidentlog.live.channel import Reading
from incidentlog.store.carried import Carried, read_carried

MANY: Final = 4
"""From so many channels on: to read what all projections have of an event takes as long as three or four of them do."""
KEPT: Final = 4
"""So many stretches are kept: most channels are at one position, and a few just before it."""


class SharedReading:
    """Reads a stretch of the log when the first channel asks for it."""

    def __init__(self, reading: Reading, *, channels: Callable[[], int], epoch: Callable[[], str]) -> None:
        """`reading` lends a connection that sees one moment; `channels` counts those that may ask.

        `epoch` is the one that they are in: what was read in another is forgotten, and never answered.
        """
        self._reading = reading
        self._channels = channels
        self._epoch = epoch
        self._read_in = ""
        self._one = asyncio.Lock()
        self._kept: dict[tuple[int, int], Carried | None] = {}

    async def between(self, after: int, upto: int) -> Carried | None:
        """What the log brought after a position and up to another; None where each is to read it for itself.

        So it is where the channels are few, and where it is too much. Raises as reading does: then nothing is kept.
        """
        if self._channels() < MANY:
            return None
        async with self._one:
            if self._read_in != self._epoch():
                self._read_in, self._kept = self._epoch(), {}
            if (after, upto) in self._kept:
                return self._kept[after, upto]
            async with self._reading() as connection:
                heading, rows = await read_carried(connection, after, upto)
            if heading.epoch != self._read_in:
                return None
            found = self._kept[after, upto] = None if rows is None else Carried(heading, [rows])
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
            return found
