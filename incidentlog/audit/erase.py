"""The eraser: carries out what each `record.erased` in the log asks for, once and for all (docs/erasure-and-replay.md).

The event comes first and the removal after it, so a crash in between leaves something to finish, and it is finished at
the next start. Erasing a body takes it out of what is derived too: everything is then built anew beside what is
served, and switched.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from incidentlog.clock import SETTLING_SECONDS
from incidentlog.store.connect import Access, getting_over
from incidentlog.store.erase import erase, pending_erasures, read_private, rebuild_owed

LOOK_SECONDS: Final = 10.0
"""How often it looks for what another node, or one that was killed, left to be done."""
AUDITORS: Final = 4
"""How many private parts may be read at a time."""

log = structlog.get_logger(__name__)


class Eraser:
    """Erases, and reads private parts for auditors: no other login of the service sees them."""

    def __init__(
        self,
        access: Access,
        rebuild: Callable[[], Awaitable[None]],
        refresh: Callable[[], Awaitable[None]],
        forget: Callable[[set[int]], Awaitable[set[int]]],
    ) -> None:
        """`rebuild` builds everything derived anew, switches to it and then returns; it may take long.

        The switch raises the generation. `refresh` reads that anew: called then, and now and then, since it may have
        risen elsewhere. `forget` deletes builds that were switched from, of those that it is given, and answers which
        are still to go.
        """
        self.look_seconds = LOOK_SECONDS
        self._access = access
        self._rebuild, self._refresh, self._forget = rebuild, refresh, forget
        self._one = asyncio.Lock()
        self._owed = asyncio.Event()
        self._auditors = asyncio.Semaphore(AUDITORS)

    async def carry_out(self) -> None:
        """Erase whatever is to be erased and still there. Raises what the database raises; again does no harm."""
        async with self._one:
            connection = await self._access.connect("eraser")
            try:
                while pending := await pending_erasures(connection):
                    for erasure in pending:
                        await erase(connection, erasure)
                        log.info("erased", part=erasure.part, position=erasure.target, by=erasure.position)
                if await rebuild_owed(connection):
                    self._owed.set()
            finally:
                connection.terminate()

    async def run(self) -> None:
        """Finish what was left, and look for more, until cancelled."""
        async with asyncio.TaskGroup() as work:
            work.create_task(self._look())
            work.create_task(self._keep_built())

    async def _look(self) -> None:
        old: set[int] = set()
        await asyncio.sleep(SETTLING_SECONDS)
        while True:
            with getting_over("erasing_interrupted"):
                await self.carry_out()
                await self._refresh()
                old = await self._forget(old)
            await asyncio.sleep(self.look_seconds)

    async def _keep_built(self) -> None:
        """After bodies were erased, build anew what was derived from them."""
        while True:
            await self._owed.wait()
            self._owed.clear()
            with getting_over("rebuilding_interrupted"):  # it is still owed then: `carry_out` says so again
                await self._build_anew()

    async def _build_anew(self) -> None:
        connection = await self._access.connect("eraser")
        try:
            if await rebuild_owed(connection):
                await self._rebuild()
                await self._refresh()
                log.info("built_anew_after_erasure")
        finally:
            connection.terminate()

    async def private(self, position: int) -> str | None:
        """The private part of the event at a position; None when it has none, or it is erased."""
        async with self._auditors:
            connection = await self._access.connect("eraser")
            try:
                return await read_private(connection, position)
            finally:
                connection.terminate()
