"""Building beside what answers: from position 0, or from where it was left, up to the head, and then one switch.

Several rebuilders may share it, as runners do. Who keeps the documents goes last, and makes the switch.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog

from incidentlog.folding.change import Change
from incidentlog.runner.lane import Lane
from incidentlog.runner.leases import Leases
from incidentlog.runner.portion import NEVER, Ends, Portion
from incidentlog.store.builds import (
    SUBJECTS,
    Build,
    SupersededError,
    activate,
    active_builds,
    lock_active,
    read_builds,
)
from incidentlog.store.connect import Access, Connection, Pool, heed_cancelling, lost, told
from incidentlog.store.read import read_head, read_log

PAGE: Final = 2_000
"""The most events in one batch: larger than when following, since nobody waits for it."""
POLL_SECONDS: Final = 0.5
RETRY_SECONDS: Final = 1.0
REST: Final = 0.1
"""What share of the time it took it rests after each batch in which events came: appends and live running go first."""
TURN_SECONDS: Final = 0.02
"""How soon it looks again whether those that go first have gone."""
LOOKS: Final = 10
"""How often it looks, at a switch, whether all are there: so long what answers stands still."""
BUILDING: Final = "building"
"""The work, as the leases call it."""

log = structlog.get_logger(__name__)


class Rebuilder:
    """Brings builds that are under way to the head, and switches to them there. It can be killed at any point."""

    def __init__(
        self,
        access: Access,
        on_changes: Callable[[Sequence[Change]], None] | None = None,
        *,
        ends: Ends = NEVER,
        node: UUID | None = None,
    ) -> None:
        """`on_changes` is told what each batch changed.

        `ends` says how often the process ended where this one begins, and `node` who had its partitions then.
        """
        self._access = access
        self._on_changes = on_changes
        self._leases = Leases(BUILDING, node)
        self.failure: str | None = None
        self._portion = Portion(PAGE, ends.portion(PAGE))
        self._doomed = ends.doomed
        self._head = 0
        """Where the log's head was when it looked last."""

    async def run(self, *, until_done: bool = False) -> None:
        """Build whatever is to be built; for ever, or until nothing is."""
        while True:
            try:
                async with self._connected() as reading:
                    while await self._is_wanted(reading, until_done=until_done):
                        async with self._connected() as connection:
                            await self._build(connection, reading)
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

    async def _is_wanted(self, reading: Connection, *, until_done: bool) -> bool:
        """Wait until there is something to build; False where nothing is, and nobody waits for it."""
        while not await read_under_way(reading):
            self.failure = None
            await self._leases.leave(reading)
            if until_done:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    async def _build(self, connection: Connection, reading: Connection) -> None:
        """Build until nothing is left to; `connection` writes, and whatever else is asked goes over `reading`."""
        zone = (await read_log(reading)).zone
        lane: Lane | None = None
        numbers = set[int]()
        loop = asyncio.get_running_loop()
        while under_way := await read_under_way(reading):
            self.failure = None
            if await self._leases.renew(reading) or numbers != {b.build for b in under_way}:
                lane, numbers = None, {b.build for b in under_way}
            if not self._leases.own:
                await asyncio.sleep(POLL_SECONDS)
                continue
            if lane is None:
                lane = Lane.of(connection, under_way, zone, own=self._leases.own, doomed=self._doomed)
                log.info("building", builds=[b.projection for b in lane.builds], position=lane.position)
            started, before = loop.time(), lane.position
            if await self._step(connection, reading, lane) or lane.position == lane.upto:
                lane = None
                continue
            self._portion.grow()
            if lane.position > before:
                await lane.merge(lane.position - before)
            while await lane.summarise():
                pass
            if lane.position == before:  # it is not its turn, or it is where what answers is
                await asyncio.sleep(TURN_SECONDS)
            elif await self._grown(reading):
                await asyncio.sleep(REST * (loop.time() - started))

    async def _grown(self, reading: Connection) -> bool:
        """Whether events have come since it looked last."""
        before, self._head = self._head, (await read_head(reading)).position
        return self._head > before

    async def _step(self, connection: Connection, reading: Connection, lane: Lane) -> bool:
        """One batch, or, where what answers is near, the last one with the switch; whether it was that."""
        if lane.upto is not None:
            await self._take(reading, lane, lane.upto)
            return False
        goal = await _goal(reading, (await active_builds(reading)).values())
        if goal - lane.position > self._portion.size or not lane.keeps_documents:
            await self._take(reading, lane, goal)
            return False
        async with connection.transaction():  # what answers stands still up to the commit
            goal = await _goal(connection, await lock_active(connection))
            # Nothing is taken in here before the others are there: they could not go on beside it.
            if not 0 <= goal - lane.position <= self._portion.size or not await _comes_to(lane, goal):
                return False
            while goal > lane.position:
                await self._take(reading, lane, goal)
            await activate(connection, lane.builds)
        log.info("switched", builds=[b.projection for b in lane.builds], position=lane.position)
        return True

    async def _take(self, reading: Connection, lane: Lane, upto: int) -> None:
        """Take in the next batch, at most up to a position."""
        limit = min(self._portion.of_log(lane.spread), upto - lane.position)
        if limit > 0 and (batch := await lane.read(reading, limit)):
            changes = await lane.take(batch)
            if self._on_changes is not None:
                self._on_changes(changes)


async def _comes_to(lane: Lane, goal: int) -> bool:
    """Wait a moment until all who share a rebuild are where the switch is to be; whether they are."""
    for _ in range(LOOKS):
        if await lane.others_are_at(goal):
            return True
        await asyncio.sleep(TURN_SECONDS)
    return False


async def _goal(connection: Connection, active: Iterable[Build]) -> int:
    """Where to switch: at the checkpoint of what is kept up; where the subjects stand still, at the head."""
    followed = {b.projection: b.position for b in active if b.wanted}
    return max(followed.values()) if SUBJECTS in followed else (await read_head(connection)).position


async def read_under_way(connection: Pool | Connection) -> Sequence[Build]:
    """The builds to take on: those on the oldest subjects of this code's version."""
    known = await read_builds(connection)
    subjects = [b.build for b in known if b.projection == SUBJECTS and b.wanted]
    building = [b for b in known if b.state == "building" and b.wanted]
    oldest = next((base for base in subjects if any(b.base == base for b in building)), None)
    return [b for b in building if b.base == oldest]
