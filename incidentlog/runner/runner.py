"""One loop: catch up, then follow. It reads after the checkpoint, and when there is nothing waits to be woken.

Several runners, of one node or of many, share the partitions of the streams: each leases as many as its share is.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog

from incidentlog.folding.change import Change
from incidentlog.runner.lane import GapError, Lane
from incidentlog.runner.leases import Leases
from incidentlog.runner.portion import NEVER, Ends, Portion
from incidentlog.runner.progress import Progress
from incidentlog.runner.wakeup import Wakeup
from incidentlog.store.blocks import BLOCK, write_blocks
from incidentlog.store.builds import SUBJECTS, Build, SupersededError, active_builds, begin_builds, read_builds
from incidentlog.store.connect import Access, Connection, heed_cancelling, lost, told
from incidentlog.store.read import read_log

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
"""The work of keeping up what answers, as the leases call it."""
TURN_SECONDS: Final = 0.01
"""How soon it looks again whether those that go first have gone."""

log = structlog.get_logger(__name__)


class Runner(Progress):
    """Keeps the subjects and every projection that answers at one checkpoint, and says when it moved.

    One node at a time has a partition; how far all of them are, whoever goes last says, and others learn from the
    database.
    """

    def __init__(
        self,
        access: Access,
        grown: Wakeup,
        on_changes: Callable[[Sequence[Change]], None] | None = None,
        *,
        ends: Ends = NEVER,
        node: UUID | None = None,
    ) -> None:
        """`grown` rings when the log may have grown; `on_changes` is told what each committed batch changed.

        `ends` says how often the process ended where this one begins, and `node` who had its partitions then.
        """
        super().__init__()
        self._access = access
        self._grown = grown
        self._on_changes = on_changes
        self._leases = Leases(LIVE, node)
        self._serving, self._looked = set[int](), 0.0
        self._portion = Portion(PAGE, ends.portion(PAGE))
        self._doomed = ends.doomed
        self._next_block = 0
        """The position with which the next block is whole, as far as that is known."""
        self.idle = False
        """Whether there was nothing to take in when it looked last."""
        self.at: int | None = None
        """Where it is itself, once that is known: the partitions that others have may be elsewhere."""

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
                await self._leases.leave(connection)
        except Exception as error:  # noqa: BLE001 - the lease ends by itself
            log.debug("lease_not_released", error=repr(error))
        finally:
            connection.terminate()

    async def _follow(self, connection: Connection) -> None:
        zone = (await read_log(connection)).zone
        await begin_builds(connection)
        lane: Lane | None = None
        while True:
            # Taken before reading: an append that lands in between sets this one, so the wait ends at once instead of
            # missing it.
            ticket = self._grown.ticket()
            if lane is None and not await _ours(connection):
                await self._leases.leave(connection)  # a node of another version may know what to do with them
            elif await self._leases.renew(connection) or lane is None:
                lane = await self._lane(connection, zone)
            if lane is None:
                self.failure = None
                await Wakeup.wait(ticket, POLL_SECONDS)
            elif await self._went_on(connection, lane, ticket):
                lane = None

    async def _went_on(self, connection: Connection, lane: Lane, ticket: asyncio.Event) -> bool:
        """Take in what there is, and wait where it is not much; whether the lane is at its end."""
        size = self._portion.of_log(lane.spread)
        batch = await lane.read(connection, size if lane.upto is None else min(size, lane.upto - lane.position))
        started, self.idle = time.monotonic(), not batch and not lane.waits
        if batch:
            changes = await lane.take(batch)
            self._portion.grow()
            if self._on_changes is not None:
                self._on_changes(changes)
        self.at = lane.position
        if lane.keeps_documents and (lane.position != self.position or batch):
            self.fold(lane.position)
        if batch:
            await lane.merge(len(batch))
        self.failure = None
        if lane.position == lane.upto:
            return True
        if lane.waits:
            await asyncio.sleep(TURN_SECONDS)
        elif len(batch) == size or (not batch and await self._tidied(connection, lane)):
            pass
        elif len(batch) > 1:  # there may be more than was read, or taken in
            await asyncio.sleep(started + PACE_SECONDS - time.monotonic())
        else:
            await Wakeup.wait(ticket, POLL_SECONDS)
        return await self._switched(connection)

    async def _tidied(self, connection: Connection, lane: Lane) -> bool:
        """Write some of what makes answers faster and can wait: segments, a snapshot, blocks; whether any was due."""
        if await lane.merge() or await lane.summarise():
            return True
        if not lane.keeps_documents or lane.position < self._next_block:
            return False
        if await write_blocks(connection):
            return True
        self._next_block = (lane.position // BLOCK + 1) * BLOCK
        return False

    async def _lane(self, connection: Connection, zone: str) -> Lane | None:
        """What answers and is of this code's version, as far as this runner has it; None where there is nothing.

        While all of it is still being built beside the old there is nothing, nor where others have every partition.
        """
        answering = [b.build for b in await read_builds(connection) if b.state == "active"]
        builds = await _ours(connection)
        if not builds or not self._leases.own:
            return None
        self._serving, self._looked = {b.build for b in builds}, time.monotonic()
        lane = Lane.of(connection, builds, zone, own=self._leases.own, doomed=self._doomed, answering=answering)
        self.at = lane.position
        if lane.keeps_documents:
            self.fold(lane.position)
        return lane

    async def _switched(self, connection: Connection) -> bool:
        """Whether another build answers by now; it looks once in POLL_SECONDS, however much there is to do.

        Also while it waits for others, as they may wait for it to take that build further.
        """
        if time.monotonic() - self._looked < POLL_SECONDS:
            return False
        self._looked = time.monotonic()
        return {b.build for b in await _ours(connection)} != self._serving


async def _ours(connection: Connection) -> list[Build]:
    """The builds that answer and are of this code's version; none while the subjects are not that they are made of."""
    builds = await active_builds(connection)
    subjects = builds.get(SUBJECTS)
    return [b for b in builds.values() if b.wanted] if subjects is not None and subjects.wanted else []
