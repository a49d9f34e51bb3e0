"""The other service processes on the same log: what they append and derive is noticed here, and the other way round."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from incidentlog.events.registry import ALWAYS_CLEAR
from incidentlog.events.values import Tlp
from incidentlog.runner import Progress, Wakeup
from incidentlog.store.builds import Build, active_builds
from incidentlog.store.carried import Heading
from incidentlog.store.connect import Access, Pool, getting_over
from incidentlog.store.filters import EventFilter
from incidentlog.store.notify import Hints, Kind
from incidentlog.store.read import read_head, read_log
from incidentlog.store.search import search_events

POLL_SECONDS: Final = 0.5
"""How long it waits for a hint before it looks all the same: a hint is never relied on."""


class Nodes:
    """Keeps this process up with the others."""

    def __init__(
        self,
        access: Access,
        pool: Pool,
        progress: Progress,
        grown: Wakeup,
        *,
        checkpoint: Callable[[], Awaitable[int]],
        learn: Callable[[], Awaitable[None]],
        switched: Callable[[], Awaitable[None]],
        saw: Callable[[int], None] = lambda _: None,
        notify: bool = True,
    ) -> None:
        """`grown` is rung when another process may have appended; `progress` moved as far as another one derived.

        `checkpoint` reads how far that is; `learn` takes in the places and actors that are registered by then, before;
        `switched` is told when other builds answer from now on; `saw` up to where the log is there.
        Without `notify` everything is found by polling.
        """
        self._pool = pool
        self._progress = progress
        self._grown = grown
        self._checkpoint = checkpoint
        self._learn = learn
        self._switched = switched
        self._saw = saw
        self._stirred = Wakeup()
        self._head = 0
        self._told = 0
        self._sighted = 0
        """Up to where another had derived at the last look."""
        self._builds: frozenset[int] = frozenset()
        self.announced: Callable[[], bool] = lambda: False
        """Whether what another derives is told by `told`, too, and need not be looked for at once."""
        self.hints = Hints(access, self._heard) if notify else None

    def appended(self, position: int) -> None:
        """This process has appended."""
        self._saw(position)
        self._head = max(self._head, position)
        self._progress.expect(position)
        self._grown.ring()
        if self.hints is not None:
            self.hints.tell("grown")

    async def run(self) -> None:
        """Tell and follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            if self.hints is not None:
                tasks.create_task(self.hints.run())
                tasks.create_task(self._tell_progress(self.hints))

    def _heard(self, kind: Kind) -> None:
        if kind == "grown":
            self._grown.ring()
        elif not self.announced():
            self._stirred.ring()

    def look(self) -> None:
        """Have a look at the database soon."""
        self._stirred.ring()

    async def told(self, heading: Heading) -> None:
        """Another node says up to where everything is derived, and what is in that stretch."""
        told = (Build(*row) for row in heading.builds)
        if frozenset(build.build for build in told if build.readable) != self._builds:
            self.look()
        before = self._progress.position
        if heading.upto <= before:
            return
        if heading.registered or (heading.after > before and await self._registered(before, heading.upto)):
            await self._learn()
        if heading.upto > self._progress.position:
            self._progress.move(heading.upto)

    async def _tell_progress(self, hints: Hints) -> None:
        """Tell the others how far this process's runner got; what it only heard of itself is not told again."""
        while True:
            ticket = self._progress.progressed.ticket()
            if self._progress.own > self._told:
                self._told = self._progress.own
                hints.tell("moved")
            await ticket.wait()

    async def _follow(self) -> None:
        while True:
            ticket = self._stirred.ticket()
            with getting_over("following_interrupted"):
                await self._look()
            await Wakeup.wait(ticket, POLL_SECONDS)

    async def _look(self) -> None:
        await read_log(self._pool)  # another may have brought zone data, by which what it derives goes
        head = (await read_head(self._pool)).position
        if head > self._head:
            self._head = head
            self._saw(head)
            self._grown.ring()
        self._progress.expect(head)
        builds = frozenset(build.build for build in (await active_builds(self._pool)).values())
        position = await self._checkpoint()
        before = self._progress.position
        if builds != self._builds:
            self._builds = builds
            await self._switched()
            self._progress.move(before)  # rings: whoever follows what answered until now has to look
        # What is announced has until the next look to come: to go to the database for it all the same helps nobody.
        sighted, self._sighted = self._sighted, position
        if self.announced():
            position = min(position, sighted)
        if position <= before:
            return
        if await self._registered(before, position):
            await self._learn()
        if position > self._progress.position:
            self._progress.move(position)

    async def _registered(self, after: int, upto: int) -> bool:
        """Whether a place or an actor was registered in between, as far as one look can tell: past it, perhaps."""
        wanted = EventFilter(categories=tuple(ALWAYS_CLEAR))
        found, reached = await search_events(self._pool, wanted, after=after, upto=upto, clearance=Tlp.RED, limit=1)
        return bool(found.events) or reached < upto
