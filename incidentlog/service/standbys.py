"""Whether what is acknowledged outlives the leader: where there are standbys it is said, and refused if so wished."""

import asyncio
from typing import Final

import structlog

from incidentlog.store.connect import Pool, getting_over
from incidentlog.store.replication import read_acknowledging

LOOK_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class Standbys:
    """Looks now and then what an append waits for, and says so in the log when a failover could lose it."""

    def __init__(self, leader: Pool, *, needed: bool) -> None:
        """`needed`: nothing is appended while a failover could lose it."""
        self._leader, self._needed = leader, needed
        self.warning: str | None = None
        """Why it could; None while it could not, or there is nobody else to lead."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            with getting_over():
                await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """See what an append waits for; raises as a query does."""
        before = self.warning
        told = await read_acknowledging(self._leader)
        self.warning = told.lost_with_the_leader(standby_needed=self._needed)
        if self.warning is not None and self.warning != before:
            log.warning("not_safe_from_failover", detail=self.warning)
        elif self.warning is None and before is not None:
            log.info("safe_from_failover")

    @property
    def refusal(self) -> str | None:
        """Why nothing is appended at the moment; None while it is."""
        return self.warning if self._needed else None
