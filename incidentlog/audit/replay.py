"""History again, with its own spacing: in the order in which it was recorded, or in which it happened.

See docs/erasure-and-replay.md.

It is paged by position, in reads of their own: one long transaction would keep the database from cleaning up.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Literal

from incidentlog.clock import Clock
from incidentlog.events.recorded import Recorded
from incidentlog.events.values import INSTANT
from incidentlog.folding.fold import started
from incidentlog.store.connect import Pool
from incidentlog.store.filters import EventFilter
from incidentlog.store.read import position_at, read_ids, seen
from incidentlog.store.replay import Happened, occurred_at, read_amended_times, read_at, read_occurred
from incidentlog.store.search import search_events
from incidentlog.turns import beside

PAGE: Final = 200
"""The most events read at a time."""
AMENDED: Final = 16
"""The most events read at a time of those that amendments put elsewhere: a page of the largest."""
TOGETHER: Final = 256
"""The amended events that are read at a time, those of a stream together: all that is said of it is read with them."""
FIRST: Final = datetime(1, 1, 1, tzinfo=UTC)
LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

By = Literal["recorded", "occurred"]


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of history: from an instant, to one (exclusive), of what is known at `upto`; after a position."""

    by: By
    since: datetime | None
    until: datetime | None
    after: int
    """The position of the last event seen; 0 for none. In the order of happening nothing follows what is not there."""
    upto: int
    """What is known: the head when the replay began, or that of the part before."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the replay, when its turn is, and whether it counts."""

    instant: datetime
    event: Recorded
    status: str


async def pages(pool: Pool, span: Span, clearance: int) -> AsyncGenerator[list[Told], None]:
    """The events of a span that a clearance covers, page by page; an empty page only says that it goes on.

    In the order of recording each event is told as it was known then, before anything was said of it; in the order of
    happening, as it is known at `upto`: that is the same however often it is resumed.
    """
    if span.by == "recorded":
        after = max(span.after, 0 if span.since is None else await position_at(pool, span.since - INSTANT))
        upto = span.upto if span.until is None else min(span.upto, await position_at(pool, span.until - INSTANT))
        while after < upto:
            found, after = await search_events(
                pool, EventFilter(), after=after, upto=upto, known=span.upto, clearance=clearance, limit=PAGE
            )
            yield [Told(e.recorded_at, e, "effective") for e in found.events]
        return
    order = await known_order(pool, span.upto, clearance)
    reached: Place | None = (span.since or FIRST, 0)
    if span.after:
        reached = await order.place_of(pool, span.after, clearance)
    while reached is not None:
        happened, reached = await order.page(pool, reached, span.until or LAST)
        found = await seen(pool, [h.event for h in happened], upto=span.upto, clearance=clearance)
        instants = {h.event.position: h.instant for h in happened}
        yield [Told(instants[e.position], e, status) for e, status in await found.with_statuses()]


Place = tuple[datetime, int]
"""Where an event is in the order of happening: when it began, then its position."""


@dataclass(frozen=True, slots=True)
class Order:
    """The order in which things happened, as known at a position: by amended times, where amendments count then."""

    upto: int
    moved: Mapping[int, datetime]
    """When an event began, by its position, where amendments say that it was not when it was first told to be."""
    late: Sequence[Place]
    """The same in their order."""

    async def place_of(self, pool: Pool, position: int, clearance: int) -> Place | None:
        """Where the event at a position is; None where there is none that a clearance covers."""
        instant = self.moved.get(position) or await occurred_at(pool, position, upto=self.upto, clearance=clearance)
        return None if instant is None or position > self.upto else (instant, position)

    async def page(self, pool: Pool, reached: Place, until: datetime) -> tuple[list[Happened], Place | None]:
        """The next events after a place and before an instant, of every marking; and from where more follow."""
        told, more = await read_occurred(
            pool, since=reached[0], after=reached[1], until=until, upto=self.upto, limit=PAGE
        )
        standing = {_place(h): h for h in told if h.event.position not in self.moved}
        end = _place(told[-1]) if more else (until, 0)
        late = self.late[bisect_right(self.late, reached) : bisect_left(self.late, end)][:AMENDED]
        if len(late) == AMENDED:  # what is beyond the last of them comes with the next page
            end, more = late[-1], True
        places = [place for place in sorted([*standing, *late]) if place <= end][:PAGE]
        amended = {e.position: e for e in await read_at(pool, [position for _, position in late])} if late else {}
        found = [standing.get(place) or Happened(place[0], amended[place[1]]) for place in places]
        if len(places) == PAGE:  # whatever is beyond the last of them comes again with the next page
            return found, places[-1]
        return found, end if more else None


def _place(happened: Happened) -> Place:
    return happened.instant, happened.event.position


async def known_order(pool: Pool, upto: int, clearance: int) -> Order:
    """The order as known at a position, by the amendments that a clearance covers."""
    moved: dict[int, datetime] = {}
    targets = await read_amended_times(pool, upto)
    for n in range(0, len(targets), TOGETHER):
        found = await read_ids(pool, targets[n : n + TOGETHER], upto=upto, clearance=clearance)
        involved = found.involved
        dated = await beside(len(involved), partial(started, involved))
        moved |= {e.position: dated[e.event_id] for e in found.events if e.event_id in dated}
    return Order(upto, moved, sorted((instant, position) for position, instant in moved.items()))


class Pace:
    """When each event's turn is: as far from the one before as in history, `speed` times faster."""

    def __init__(self, clock: Clock, speed: float, max_gap_seconds: float) -> None:
        """`speed` 0 waits for nothing. No wait is longer than `max_gap_seconds`."""
        self._clock, self._speed = clock, speed
        self._most = timedelta(seconds=max_gap_seconds)
        self._due = clock.now()
        self._last: datetime | None = None

    def due(self, instant: datetime) -> datetime | None:
        """When to tell what has this instant; None: at once. To be asked once for each event, in their order."""
        if self._speed == 0:
            return None
        gap = timedelta(0) if self._last is None else max(instant - self._last, timedelta(0))
        self._last = instant
        # As a ratio of seconds: years at a hundredth of their speed are more than a timedelta holds.
        wait = timedelta(seconds=min(gap.total_seconds() / self._speed, self._most.total_seconds()))
        now = self._clock.now()
        # A reader that was slow is not made up to with a rush of more than one gap.
        self._due = max(self._due, now - self._most) + wait
        return self._due if self._due > now else None

    async def until(self, due: datetime, closing: asyncio.Event, seconds: float) -> bool:
        """Wait for it, at most so long in real time and not past `closing`; whether it is time."""
        sleeping = asyncio.ensure_future(self._clock.sleep_until(due))
        stopping = asyncio.ensure_future(closing.wait())
        try:
            await asyncio.wait({sleeping, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return sleeping.done()
        finally:
            sleeping.cancel()
            stopping.cancel()
