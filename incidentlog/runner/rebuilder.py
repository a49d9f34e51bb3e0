"""Building beside what answers: from position 0, or from where it was left, up to the head, and then one switch."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID, uuid4

import structlog

from incidentlog.folding.change import Change
from incidentlog.runner.lane import Lane
from incidentlog.runner.portion import NEVER, Ends, Portion
from incidentlog.store.builds import (
    Build,
    SupersededError,
    activate,
    active_builds,
    lease,
    lock_active,
    read_builds,
    release,
)
from incidentlog.store.connect import Access, Connection, Pool, heed_cancelling, lost, told
from incidentlog.store.read import read_batch, read_head, read_log

PAGE: Final = 2_000
"""The most events in one batch: larger than when following, since nobody waits for it."""
POLL_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0
REST: Final = 0.1
"""What share of the time it took it rests after each batch: appends and live running go first."""
BUILDING: Final = "building"
"""The work, as the lease calls it."""

log = structlog.get_logger(__name__)


class Rebuilder:
    """Brings builds that are under way to the head, and switches to them there. It can be killed at any point."""

    def __init__(
        self,
        access: Access,
        on_changes: Callable[[Sequence[Change]], None] | None = None,
        *,
        ends: Ends = NEVER,
    ) -> None:
        """`on_changes` is told what each batch changed.

        `ends` says how often the process ended where this one begins.
        """
        self._access = access
        self._on_changes = on_changes
        self._node: UUID = uuid4()
        self.failure: str | None = None
        self._portion = Portion(PAGE, ends.portion(PAGE))
        self._doomed = ends.doomed

    async def run(self, *, until_done: bool = False) -> None:
        """Build whatever is to be built; for ever, or until nothing is."""
        while True:
            try:
                async with self._connected() as connection, self._connected() as reading:
                    if await self._build(connection, reading, until_done=until_done):
                        return
            except Exception as error:
                heed_cancelling()
                self.failure = told(error)
                if lost(error) or isinstance(error, SupersededError):
                    self._portion.shrink()
                    log.warning("rebuild_interrupted", events=self._portion.size, error=told(error))
                else:
                    log.exception("rebuild_failed")
                await asyncio.sleep(RETRY_SECONDS)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        connection = await self._access.connect("runner")
        try:
            yield connection
        finally:
            connection.terminate()

    async def _build(self, connection: Connection, reading: Connection, *, until_done: bool) -> bool:
        """`connection` writes; whatever else is asked goes over `reading`."""
        zone = (await read_log(reading)).zone
        lane: Lane | None = None
        loop = asyncio.get_running_loop()
        while True:
            under_way = await read_under_way(reading)
            self.failure = None
            if not under_way and until_done:
                return True
            if not under_way or not await lease(reading, BUILDING, self._node):
                lane = None
                await asyncio.sleep(POLL_SECONDS)
                continue
            if lane is not None and [b.build for b in lane.builds] != [b.build for b in under_way]:
                lane = None
                continue
            if lane is None:
                lane = Lane(connection, under_way, zone, doomed=self._doomed)
                log.info("building", builds=[b.projection for b in under_way], position=lane.position)
            started = loop.time()
            switched = await self._step(connection, reading, lane)
            self._portion.grow()
            if switched:
                lane = None
                await release(reading, BUILDING, self._node)
            else:
                while await lane.summarise():
                    pass
            await asyncio.sleep(REST * (loop.time() - started))

    async def _step(self, connection: Connection, reading: Connection, lane: Lane) -> bool:
        """One batch, or, where what answers is near, the last one with the switch; whether it was that."""
        meeting = await _meeting(reading, lane)
        if meeting is not None:
            await self._take(reading, lane, meeting)
            return False
        goal = await _goal(reading, (await active_builds(reading)).values())
        if goal - lane.position > self._portion.size:
            await self._take(reading, lane, goal)
            return False
        async with connection.transaction():  # what answers stands still up to the commit
            goal = await _goal(connection, await lock_active(connection))
            if not 0 <= goal - lane.position <= self._portion.size:
                return False
            while goal > lane.position:
                await self._take(reading, lane, goal)
            await activate(connection, lane.builds)
        log.info("switched", builds=[b.projection for b in lane.builds], position=lane.position)
        return True

    async def _take(self, reading: Connection, lane: Lane, upto: int) -> None:
        """Take in the next batch, at most up to a position."""
        batch = await read_batch(reading, lane.position, min(self._portion.size, upto - lane.position))
        changes = await lane.take(batch)
        if self._on_changes is not None:
            self._on_changes(changes)


async def _goal(connection: Connection, active: Iterable[Build]) -> int:
    """Where to switch: at the checkpoint of what is kept up; where all of it is of other versions, at the head."""
    followed = [b.position for b in active if b.wanted]
    return max(followed) if followed else (await read_head(connection)).position


async def read_under_way(connection: Pool | Connection) -> Sequence[Build]:
    """The builds to take on: those that are least far, on the oldest subjects."""
    building = [b for b in await read_builds(connection) if b.state == "building" and b.wanted]
    if not building:
        return ()
    base, position = min((b.base, b.position) for b in building)
    return [b for b in building if (b.base, b.position) == (base, position)]


async def _meeting(connection: Connection, lane: Lane) -> int | None:
    """Where others wait that are made of the same subjects: from there they go on together."""
    base = lane.builds[0].base
    waiting = [
        b.position
        for b in await read_builds(connection)
        if b.state == "building" and b.wanted and b.base == base and b.position > lane.position
    ]
    return min(waiting, default=None)
