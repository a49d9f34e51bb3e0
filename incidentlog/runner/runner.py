"""One loop: catch up, then follow. It reads after the checkpoint, and when there is nothing waits to be woken."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID, uuid4

import structlog

from incidentlog.folding.change import Change
from incidentlog.runner.lane import GapError, Lane
from incidentlog.runner.portion import NEVER, Ends, Portion
from incidentlog.runner.progress import Progress
from incidentlog.runner.wakeup import Wakeup
from incidentlog.store.builds import Build, SupersededError, active_builds, begin_builds, lease, release
from incidentlog.store.connect import Access, Connection, heed_cancelling, lost, told
from incidentlog.store.read import read_batch, read_log

__all__ = ["GapError", "Runner"]

PAGE: Final = 1_000
"""The most events in one batch, which is one transaction."""
POLL_SECONDS: Final = 0.5
"""How long it waits for a wake-up before it looks all the same: a wake-up is a hint, never relied on."""
RETRY_SECONDS: Final = 1.0
PACE_SECONDS: Final = 0.01
"""How soon a batch may follow one of several events. What comes alone goes at once; under load, what came meanwhile
goes together, and the appends get the processor that many small batches would take."""
LIVE: Final = "live"
"""The work of keeping up what answers, as the lease calls it."""
RENEW_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Runner(Progress):
    """Keeps the subjects and every projection that answers at one checkpoint, and says when it moved.

    One node at a time does it; how far that got, others learn from the database.
    """

    def __init__(
        self,
        access: Access,
        grown: Wakeup,
        on_changes: Callable[[Sequence[Change]], None] | None = None,
        *,
        ends: Ends = NEVER,
    ) -> None:
        """`grown` rings when the log may have grown; `on_changes` is told what each committed batch changed.

        `ends` says how often the process ended where this one begins.
        """
        super().__init__()
        self._access = access
        self._grown = grown
        self._on_changes = on_changes
        self._node: UUID = uuid4()
        self._renewed = 0.0
        self._portion = Portion(PAGE, ends.portion(PAGE))
        self._doomed = ends.doomed
        self.idle = False
        """Whether there was nothing to take in when it looked last."""

    async def run(self) -> None:
        """Keep up until cancelled; what fails is said in `failure`, and tried again."""
        while True:
            try:
                connection = await self._access.connect("runner")
                try:
                    await self._follow(connection)
                finally:
                    await self._leave(connection)
            except Exception as error:
                heed_cancelling()
                self.failure = told(error)
                if isinstance(error, SupersededError):
                    log.info("runner_superseded", position=self.position, error=repr(error))
                    continue
                if lost(error):
                    self._portion.shrink()
                    log.warning(
                        "runner_interrupted", position=self.position, events=self._portion.size, error=told(error)
                    )
                else:
                    log.exception("runner_failed", position=self.position)
                await asyncio.sleep(RETRY_SECONDS)

    async def _leave(self, connection: Connection) -> None:
        """Leave the work to another node, if there is time for it."""
        try:
            async with asyncio.timeout(1):
                await release(connection, LIVE, self._node)
        except Exception as error:  # noqa: BLE001 - the lease ends by itself
            log.debug("lease_not_released", error=repr(error))
        finally:
            connection.terminate()

    async def _follow(self, connection: Connection) -> None:
        zone = (await read_log(connection)).zone
        await begin_builds(connection)
        lane: Lane | None = None
        while True:
            # Taken before reading: an append that lands in between sets this one, so the wait below ends at once
            # instead of missing it.
            ticket = self._grown.ticket()
            if not await self._holds(connection):
                lane, self.failure = None, None
                await Wakeup.wait(ticket, POLL_SECONDS)
                continue
            lane = lane or await self._lane(connection, zone)
            if lane is None:
                await Wakeup.wait(ticket, POLL_SECONDS)
                continue
            size = self._portion.size
            batch = await read_batch(connection, lane.position, size)
            started, self.idle = time.monotonic(), not batch
            if batch:
                changes = await lane.take(batch)
                self._portion.grow()
                if self._on_changes is not None:
                    self._on_changes(changes)
            if lane.position != self.position or batch:
                self.move(lane.position)
            self.failure = None
            if len(batch) == size or (not batch and await lane.summarise()):
                continue
            if len(batch) > 1:  # there may be more than was read, or taken in
                await asyncio.sleep(started + PACE_SECONDS - time.monotonic())
                continue
            await Wakeup.wait(ticket, POLL_SECONDS)
            if not batch and await self._switched(connection, lane):
                lane = None

    async def _holds(self, connection: Connection) -> bool:
        """Whether this node is to do the work; renewed now and then."""
        now = time.monotonic()
        if now - self._renewed < RENEW_SECONDS:
            return True
        if not await lease(connection, LIVE, self._node):
            return False
        self._renewed = now
        return True

    async def _lane(self, connection: Connection, zone: str) -> Lane | None:
        """What answers and is of this code's version; None while all of it is still being built beside the old."""
        builds = await _ours(connection)
        if not builds:
            return None
        lane = Lane(connection, builds, zone, doomed=self._doomed)
        self.move(lane.position)
        return lane

    async def _switched(self, connection: Connection, lane: Lane) -> bool:
        """Whether another build answers by now."""
        return {b.build for b in await _ours(connection)} != {b.build for b in lane.builds}


async def _ours(connection: Connection) -> list[Build]:
    return [b for b in (await active_builds(connection)).values() if b.wanted]
