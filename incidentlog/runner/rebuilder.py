"""Building beside what answers: from position 0, or from where it was left, up to the head, and then one switch."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID, uuid4

import structlog

from incidentlog.runner.lane import Lane
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
from incidentlog.store.connect import Access, Connection, lost
from incidentlog.store.read import read_after, read_head, read_log

PAGE: Final = 1_000
POLL_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0
REST: Final = 0.1
"""What share of the time it took it rests after each batch: appends and live running go first."""
BUILDING: Final = "building"
"""The work, as the lease calls it."""

log = structlog.get_logger(__name__)


class Rebuilder:
    """Brings builds that are under way to the head, and switches to them there. It can be killed at any point."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._node: UUID = uuid4()
        self.failure: str | None = None

    async def run(self, *, until_done: bool = False) -> None:
        """Build whatever is to be built; for ever, or until nothing is."""
        while True:
            try:
                connection = await self._access.connect("runner")
                try:
                    if await self._build(connection, until_done=until_done):
                        return
                finally:
                    connection.terminate()
            except Exception as error:
                self.failure = repr(error)
                if not lost(error) and not isinstance(error, SupersededError):
                    log.exception("rebuild_failed")
                await asyncio.sleep(RETRY_SECONDS)

    async def _build(self, connection: Connection, *, until_done: bool) -> bool:
        zone = (await read_log(connection)).zone
        lane: Lane | None = None
        loop = asyncio.get_running_loop()
        while True:
            if not await lease(connection, BUILDING, self._node):
                await asyncio.sleep(POLL_SECONDS)
                continue
            under_way = await _under_way(connection)
            self.failure = None
            if not under_way:
                await release(connection, BUILDING, self._node)
                if until_done:
                    return True
                lane = None
                await asyncio.sleep(POLL_SECONDS)
                continue
            if lane is None or [b.build for b in lane.builds] != [b.build for b in under_way]:
                lane = Lane(connection, under_way, zone)
                log.info("building", builds=[b.projection for b in under_way], position=lane.position)
            started = loop.time()
            if await self._step(connection, lane):
                lane = None
            else:
                while await lane.summarise():
                    pass
            await asyncio.sleep(REST * (loop.time() - started))

    async def _step(self, connection: Connection, lane: Lane) -> bool:
        """One batch, or, where what answers is near, the last one with the switch; whether it was that."""
        meeting = await _meeting(connection, lane)
        if meeting is not None:
            await _take(connection, lane, meeting)
            return False
        goal = await _goal(connection, (await active_builds(connection)).values())
        if goal - lane.position > PAGE:
            await _take(connection, lane, goal)
            return False
        async with connection.transaction():  # what answers stands still up to the commit
            goal = await _goal(connection, await lock_active(connection))
            if not 0 <= goal - lane.position <= PAGE:
                return False
            await _take(connection, lane, goal)
            await activate(connection, lane.builds)
        log.info("switched", builds=[b.projection for b in lane.builds], position=lane.position)
        return True


async def _take(connection: Connection, lane: Lane, upto: int) -> None:
    """The next batch, at most up to a position."""
    if upto > lane.position:
        await lane.take(await read_after(connection, lane.position, min(PAGE, upto - lane.position)))


async def _goal(connection: Connection, active: Iterable[Build]) -> int:
    """Where to switch: at the checkpoint of what is kept up; where all of it is of other versions, at the head."""
    followed = [b.position for b in active if b.wanted]
    return max(followed) if followed else (await read_head(connection)).position


async def _under_way(connection: Connection) -> Sequence[Build]:
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
