"""Hints between the processes that serve one log: over NOTIFY, and never relied on.

A hint says that the log or the projections may have grown. It is sent after the commit, on a connection of its own:
inside the append's transaction it would take a lock of the whole server until the commit. Whoever listens polls
underneath all the same: hints get lost, with a connection, behind a pooler, or on the way.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal

import structlog

from incidentlog.sqlfiles import query
from incidentlog.store.connect import Access, Connection, heed_cancelling

Kind = Literal["grown", "moved"]
"""The log has grown, or its projections have moved on."""

CHANNEL: Final = "incidentlog"
PACE_SECONDS: Final = 0.005
"""At most one NOTIFY in so much time, however much is appended."""
HEARTBEAT_SECONDS: Final = 5.0
"""How often the connection is tried: one that was cut without a word, or froze, looks well to a mere listener."""
ANSWER_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Hints:
    """One connection that tells the other processes and hears them."""

    def __init__(
        self,
        access: Access,
        heard: Callable[[Kind], None],
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """`heard` is called for every hint of another process, and after every gap in which one may have been lost."""
        self._access = access
        self._heard = heard
        self._heartbeat_seconds = heartbeat_seconds
        self._answer_seconds = answer_seconds
        self._pending: set[Kind] = set()
        self._told = asyncio.Event()
        self.connection: Connection | None = None
        """The one in use; None while there is none."""

    def tell(self, kind: Kind) -> None:
        """Let the other processes know, soon; what comes at once goes together."""
        self._pending.add(kind)
        self._told.set()

    async def run(self) -> None:
        """Tell and hear until cancelled; a connection that fails is made anew, whatever ails it."""
        while True:
            try:
                await self._converse()
            except Exception as error:  # noqa: BLE001 - a hint is never worth the service
                heed_cancelling()
                log.warning("hints_interrupted", error=repr(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _converse(self) -> None:
        async with asyncio.timeout(2 * self._answer_seconds):
            connection = await self._access.connect("reader", session=True)
        try:
            async with asyncio.timeout(self._answer_seconds):
                await connection.add_listener(CHANNEL, self._hear)
            connection.add_termination_listener(self._cut)
            self.connection = connection
            self._heard("grown")
            self._heard("moved")
            while True:
                await self._send(connection)
                await asyncio.sleep(PACE_SECONDS)
                try:
                    async with asyncio.timeout(self._heartbeat_seconds):
                        await self._told.wait()
                except TimeoutError:
                    continue
        finally:
            self.connection = None
            connection.terminate()

    async def _send(self, connection: Connection) -> None:
        """Tell what is to be told; with nothing to tell, see that the connection lives."""
        self._told.clear()
        pending, self._pending = self._pending, set()
        async with asyncio.timeout(self._answer_seconds):
            for kind in sorted(pending):
                await connection.execute(query("notify", "notify"), CHANNEL, f"{self._access.schema} {kind}")
            if not pending:
                await connection.execute(query("notify", "alive"))

    def _hear(self, connection: Any, pid: int, _: str, payload: object) -> None:
        # One that was on its way when the connection was ended is called all the same; it knows no pid then.
        if connection.is_closed() or pid == connection.get_server_pid():
            return
        schema, _, kind = str(payload).partition(" ")
        if schema == self._access.schema and (kind in {"grown", "moved"}):
            self._heard("grown" if kind == "grown" else "moved")

    def _cut(self, _: Any) -> None:
        self._told.set()  # the next sending meets what happened
