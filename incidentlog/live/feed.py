"""The raw log, followed: never conflated, never skipped, paged from the database after each reader's own cursor."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from incidentlog.events.recorded import Recorded
from incidentlog.live import frames
from incidentlog.live.channel import RETRY_SECONDS, Follower, Progress, Reading, tell
from incidentlog.store.connect import heed_cancelling, lost
from incidentlog.store.filters import EventFilter
from incidentlog.store.search import search_events
from incidentlog.turns import Turns

PAGE: Final = 200
"""Events read at a time."""
PAGES: Final = 16
"""How many pages are kept for those who come for the same,"""
KEPT_OCTETS: Final = 16 * 2**20
"""and how many bytes of them."""

EncodeEvent = Callable[[Recorded, str], bytes]
"""REST's JSON of an event, which is `effective`, `amended` or `retracted`."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Bodies of messages, each with the position that the reader has after it, and how far was looked for events."""

    bodies: Sequence[tuple[int, bytes]]
    reached: int


class Feed:
    """The events that pass one filter, for one clearance."""

    def __init__(
        self,
        name: str,
        wanted: EventFilter,
        clearance: int,
        progress: Progress,
        reading: Reading,
        encode_event: EncodeEvent,
    ) -> None:
        self.name = name
        self.followers: set[Follower] = set()
        self._wanted = wanted
        self._clearance = clearance
        self._progress = progress
        self._reading = reading
        self._encode = encode_event
        self._pages: dict[tuple[int, int], Page] = {}
        self._making: dict[tuple[int, int], asyncio.Event] = {}

    @property
    def head(self) -> int:
        """Up to where there is something to read."""
        return self._progress.position

    async def run(self) -> None:
        """Tell every reader that the log has grown, until cancelled.

        What those at the old head need is read before: so it can go to all of them at once.
        """
        old = self.head
        while True:
            ticket = self._progress.progressed.ticket()
            head = self.head
            if head > old and self.followers:
                try:
                    await self.page(old)
                except Exception as error:
                    heed_cancelling()
                    if not lost(error):
                        log.exception("feed_failed", feed=self.name)
                    await asyncio.sleep(RETRY_SECONDS)
            old = head
            await tell(self.followers)
            await ticket.wait()

    def ready(self, seen: int) -> Page | None:
        """What comes after a position, if it has been read already."""
        return self._pages.get((seen, self.head))

    async def page(self, seen: int) -> Page:
        """What comes after a position; readers at the same place share it."""
        place = seen, self.head
        while (page := self._pages.get(place)) is None:
            making = self._making.get(place)
            if making is not None:
                await making.wait()
                continue
            made = self._making[place] = asyncio.Event()
            try:
                self._pages[place] = await self._read(*place)
            finally:
                del self._making[place]
                made.set()
            while len(self._pages) > PAGES or (len(self._pages) > 1 and self._kept > KEPT_OCTETS):
                del self._pages[next(iter(self._pages))]
        return page

    @property
    def _kept(self) -> int:
        return sum(len(body) for page in self._pages.values() for _, body in page.bodies)

    async def _read(self, seen: int, upto: int) -> Page:
        async with self._reading() as connection:
            found, reached = await search_events(
                connection, self._wanted, after=seen, upto=upto, clearance=self._clearance, limit=PAGE
            )
        turns, items = Turns(), list[tuple[int, bytes]]()
        for e, status in await found.with_statuses():
            items.append((e.position, self._encode(e, status)))
            await turns.spend(len(items[-1][1]))
        return Page(frames.packed_events(items), reached)
