"""The log's time, where it is ahead of the clock: instants rise for ever, so a clock once ahead leaves them there."""

import asyncio
from typing import Final

import structlog

from incidentlog.clock import SETTLING_SECONDS
from incidentlog.store.connect import Pool, getting_over
from incidentlog.store.doctor import ahead

LOOK_SECONDS: Final = 60.0

log = structlog.get_logger(__name__)


class Ahead:
    """Looks now and then how far the head is ahead of the database's clock, and says so in the log when it is far."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._warned = False

    async def run(self) -> None:
        """Look until cancelled."""
        await asyncio.sleep(SETTLING_SECONDS)
        while True:
            with getting_over():
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> str | None:
        """What is to be said of it, as `store.doctor.ahead` does; in the log when that begins, and when it is over."""
        warning = await ahead(self._pool)
        if warning is not None and not self._warned:
            log.warning("log_ahead_of_clock", detail=warning)
        elif warning is None and self._warned:
            log.info("log_no_longer_ahead_of_clock")
        self._warned = warning is not None
        return warning
