"""Reads from replicas that are never stale: one is read only when it has replayed all that the leader had.

The leader is asked where it is (a question of a few bytes, which reads that come together share), and the answer is
read from a standby that streams from it and has replayed up to there. One that has not is waited for a moment; then
the leader answers. So a read of a replica shows every event, every erasure and everything derived that a read of the
leader at the same time shows.

Only servers that are named one by one can be told apart: what leads to several (a balancer) is left out.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any, Final

import structlog

from incidentlog.addresses import server_name, servers
from incidentlog.runner.wakeup import Wakeup
from incidentlog.store.connect import Access, Connection, Pool, heed_cancelling, lost, told
from incidentlog.store.replication import Mark, Standby, read_mark, read_standby

WAIT_SECONDS: Final = 0.05
"""How long a read waits for a replica to have replayed enough."""
PACE_SECONDS: Final = 0.002
"""How often a replica that is waited for is looked at;"""
LOOK_SECONDS: Final = 0.5
"""and one that is not."""
ANSWER_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 1.0
SEVERAL: Final = "it leads to several servers: name each"

log = structlog.get_logger(__name__)


class LeftOutError(Exception):
    """A server is not read from; the message says why."""


@dataclass(slots=True)
class Route:
    """Where one request reads: from the leader, until a replica is chosen for it."""

    pool: Pool | None = None
    barred: bool = False
    """Whether it stays with the leader."""


_route: ContextVar[Route | None] = ContextVar("route", default=None)


class Reads(Pool):
    """The pool of whoever answers requests: each read goes where its request was sent, all else to the leader."""

    def __init__(self, leader: Pool) -> None:
        self._leader = leader

    def acquire(self, *, timeout: float | None = None) -> Any:
        """As the pool's that it goes to."""
        route = _route.get()
        pool = self._leader if route is None or route.pool is None else route.pool
        return pool.acquire(timeout=timeout)


class Replica:
    """One server that may be read from, and how far it is."""

    def __init__(
        self,
        access: Access,
        dsn: str,
        *,
        looked: Callable[["Replica"], bool] = lambda _: False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`looked` is told of every look, and answers whether somebody waits for the next one."""
        self._access, self._dsn, self._looked, self._now = access, dsn, looked, now
        self.name = server_name(dsn)
        self.pool: Pool | None = None
        """Connections to the server that is looked at; None while none is."""
        self.left_out: str | None = "not reached yet"
        """Why it is not read from; None while it is."""
        self.reads = 0
        """How many requests were sent to it."""
        self._seen: Standby | None = None
        self._due: tuple[Mark, float] | None = None
        """The oldest place of the leader's that it was not known to have reached, and since when."""
        self._wanted = asyncio.Event()
        self._misled = False

    def has(self, mark: Mark) -> bool:
        """Whether it had replayed up to a mark when it was looked at last."""
        return self.pool is not None and self._seen is not None and self._seen.has(mark)

    def expect(self, mark: Mark) -> None:
        """The leader is there by now: from now on it is counted for how long that is not replayed."""
        if self._due is not None and (self._due[0].timeline != mark.timeline or self.has(self._due[0])):
            self._due = None
        if self._due is None and not self.has(mark):
            self._due = mark, self._now()

    @property
    def lag_seconds(self) -> float:
        """For how long it has not replayed what the leader had; 0 while it keeps up."""
        return 0.0 if self._due is None or self.has(self._due[0]) else self._now() - self._due[1]

    def look_soon(self) -> None:
        """Somebody waits."""
        self._wanted.set()

    async def run(self) -> None:
        """Look how far it is until cancelled."""
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - whatever ails it, the leader answers
                heed_cancelling()
                self._leave_out(str(error) if isinstance(error, LeftOutError) else told(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        self._misled = False
        async with asyncio.timeout(ANSWER_SECONDS):
            connection = await self._access.connect_to(self._dsn)
        pool: Pool | None = None
        try:
            first = await self._look(connection)
            self._seen, self._due = first, None
            pool = self._access.pool_to(self._dsn, partial(self._refuse_another, first.started))
            await pool
            self.pool = pool
            while not self._misled:
                self._wanted.clear()  # before it is looked: whoever comes meanwhile wants another look
                self._seen = await self._look(connection)
                if self.left_out is not None:
                    log.info("replica_read_from", replica=self.name)
                    self.left_out = None
                if self._looked(self):
                    await asyncio.sleep(PACE_SECONDS)
                else:
                    await Wakeup.wait(self._wanted, LOOK_SECONDS)
            raise LeftOutError(SEVERAL)
        finally:
            self.pool = self._seen = None
            connection.terminate()
            if pool is not None:
                pool.terminate()

    async def _look(self, connection: Connection) -> Standby:
        """See how far it is. Raises LeftOutError for what is not to be read from."""
        async with asyncio.timeout(ANSWER_SECONDS):
            seen = await read_standby(connection)
        if seen.left_out is not None:
            raise LeftOutError(seen.left_out)
        return seen

    async def _refuse_another(self, started: datetime, connection: Connection) -> None:
        """Raises LeftOutError where a new connection leads to another server than the one that is looked at.

        Or to one that is less far than it was: after a crash it replays anew.
        """
        known, seen = self._seen, await read_standby(connection)
        if seen.started != started:
            self._misled = True
            self.look_soon()
            raise LeftOutError(SEVERAL)
        if known is None or seen.replayed < known.replayed:
            raise LeftOutError("it was started again")

    def _leave_out(self, why: str) -> None:
        if why != self.left_out:
            log.warning("replica_left_out", replica=self.name, reason=why)
        self.left_out = why


class Replicas:
    """The servers that may be read from, and which of them a read goes to."""

    def __init__(
        self,
        access: Access,
        dsn: str,
        leader: Pool,
        *,
        lag_seconds: float,
        wait_seconds: float = WAIT_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dsn` names each server; one that is `lag_seconds` behind is left out until it has caught up."""
        self.each: Sequence[Replica] = [
            Replica(access, one, looked=self._serve_waiting, now=now) for one in servers(dsn)
        ]
        self.pool: Pool = Reads(leader)
        self.waited_in_vain = 0
        """How many reads went to the leader because no replica was there in time."""
        self._leader = leader
        self._lag_seconds, self._wait_seconds = lag_seconds, wait_seconds
        self._turn = count()
        self._waiting: set[tuple[Mark, asyncio.Future[Replica]]] = set()
        self._asked: asyncio.Task[Mark | None] | None = None
        """The question that is under way;"""
        self._next: asyncio.Task[Mark | None] | None = None
        """and the one after it, which is not sent yet."""

    async def run(self) -> None:
        """Look how far they are until cancelled."""
        async with asyncio.TaskGroup() as parts:
            for replica in self.each:
                parts.create_task(replica.run())
            while True:
                mark = await self._mark()
                for replica in self.each:
                    if mark is not None and replica.pool is not None:
                        replica.expect(mark)
                await asyncio.sleep(LOOK_SECONDS)

    def why_left_out(self, replica: Replica) -> str | None:
        """Why a replica is not read from at the moment; None while it is."""
        if replica.left_out is None and replica.lag_seconds > self._lag_seconds:
            return f"{replica.lag_seconds:.0f} s behind"
        return replica.left_out

    def failed(self, route: Route, error: Exception) -> bool:
        """Whether a request failed for its replica alone: made again, it stays with the leader."""
        if route.pool is None or not (isinstance(error, LeftOutError) or lost(error)):
            return False
        log.warning("replica_failed", error=told(error))
        route.pool, route.barred = None, True
        return True

    @contextmanager
    def routing(self) -> Iterator[Route]:
        """Within it one request may be sent to a replica; it begins at the leader."""
        route = Route()
        token = _route.set(route)
        try:
            yield route
        finally:
            _route.reset(token)

    async def choose(self) -> None:
        """Send what the request reads from now on to a replica that has all that the leader has now, if there is one.

        Without `routing` around it nothing is sent anywhere.
        """
        route = _route.get()
        if route is None or route.barred:
            return
        route.pool = None
        usable = [replica for replica in self.each if self.why_left_out(replica) is None]
        if not usable or (mark := await self._mark()) is None:
            return
        chosen = await self._that_has(mark, usable)
        if chosen is not None:
            chosen.reads += 1
            route.pool = chosen.pool

    async def _that_has(self, mark: Mark, usable: Sequence[Replica]) -> Replica | None:
        """The next replica, in turn, that has replayed up to a mark; None where none has in time."""
        first = next(self._turn) % len(usable)
        for replica in (*usable[first:], *usable[:first]):
            if replica.has(mark):
                return replica
            replica.expect(mark)
            replica.look_soon()
        found: asyncio.Future[Replica] = asyncio.get_running_loop().create_future()
        waiting = mark, found
        self._waiting.add(waiting)
        try:
            async with asyncio.timeout(self._wait_seconds):
                return await found
        except TimeoutError:
            self.waited_in_vain += 1
            return None
        finally:
            self._waiting.discard(waiting)

    def _serve_waiting(self, replica: Replica) -> bool:
        """Send to a replica that was looked at whoever waits and may be; whether others wait still."""
        served = 0
        for mark, future in self._waiting:
            if future.done():
                served += 1
            elif replica.has(mark):
                future.set_result(replica)
                served += 1
        return served < len(self._waiting)

    async def _mark(self) -> Mark | None:
        """Where the leader is, asked after this was called; None where it does not say.

        Whoever comes while a question is under way shares the next one: the answer to the first may be older.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._ask(self._asked))
        return await asyncio.shield(self._next)

    async def _ask(self, before: asyncio.Task[Mark | None] | None) -> Mark | None:
        if before is not None and not before.done():
            await asyncio.wait({before})
        self._asked, self._next = self._next, None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await read_mark(self._leader)
        except Exception as error:  # noqa: BLE001 - the read then goes to the leader, and tells of it
            heed_cancelling()
            log.debug("leader_not_asked", error=told(error))
            return None
