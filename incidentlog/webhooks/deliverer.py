"""Which webhooks this process delivers to: of several service processes each takes those that no other has.

A lease in the webhook's row says who delivers, by the database's clock. Whoever delivers writes how far it is only
while the lease is its own. Where one process stood still for longer than its lease, two may post the event that comes
next; none is lost by that, and a receiver knows it by its id.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import structlog

from incidentlog.clock import SETTLING_SECONDS, Clock
from incidentlog.shares import Turnstile
from incidentlog.store.connect import Access, Connection, Pool, heed_cancelling, lost
from incidentlog.store.read import LogIdentity
from incidentlog.store.webhooks import Leased, any_webhook, lease_webhooks, release_webhooks
from incidentlog.webhooks.delivery import Delivery, NotOursError, Tools
from incidentlog.webhooks.sending import CONNECTIONS, Sender

LOOK_SECONDS: Final = 1.0
"""How often it is looked which webhooks there are, and what became of them."""
KEY_CONNECTIONS: Final = 16
"""How many messages of one key's webhooks may be under way at once: its receivers may take their time."""
READERS: Final = 4
KEY_READERS: Final = 2
MOST_SECONDS: Final = 300.0
"""How long what fails by what was not foreseen is left alone at most: a second first, then twice as long each time."""
LEASE_SECONDS: Final = 10.0
LAST_SECONDS: Final = 2.0
"""How long a service that stops tries to leave its webhooks to others."""
OUTCOMES: Final = ("delivered", "failed", "dead")
"""What becomes of an attempt; `dead` are events that were given up, whose last attempt is among the failed ones."""

log = structlog.get_logger(__name__)


class Deliverer:
    """Delivers to the webhooks that this process holds, until cancelled."""

    def __init__(
        self,
        access: Access,
        pool: Pool,
        log_: Callable[[], LogIdentity],
        clock: Clock,
        sender: Sender,
        *,
        grown: Callable[[], asyncio.Event],
    ) -> None:
        """`log_` says which log it is by now; `grown` gives a ticket for more of it."""
        self._access, self._pool, self._clock, self._grown = access, pool, clock, grown
        self.sender = sender
        """What posts messages; open while this runs."""
        self._lessee = uuid4()
        self._connection: Connection | None = None
        self._writing = asyncio.Lock()
        self._deliveries: dict[UUID, tuple[Delivery, asyncio.Task[None]]] = {}
        self._looked = asyncio.Event()
        self._changed = asyncio.Event()
        self.attempts: Counter[tuple[int, str]] = Counter()
        """Attempts by the webhook's clearance and what became of them, one of OUTCOMES."""
        self._tools = Tools(
            pool, log_, clock, sender, self._keep,
            places=Turnstile("sending to webhooks", CONNECTIONS, each=KEY_CONNECTIONS),
            reads=Turnstile("reading for webhooks", READERS, each=KEY_READERS), count=self._count,
        )  # fmt: skip
        self._failed: dict[UUID, tuple[int, int, datetime]] = {}
        """What failed by what was not foreseen: its revision, how often in a row, and when it is taken up again."""

    def look_soon(self) -> None:
        """A webhook was made or changed here: look now."""
        self._changed.set()

    def waiting(self, clearance: int) -> timedelta:
        """For how long the oldest event waits that is to go to a webhook of this process, up to a clearance."""
        now = self._clock.now()
        since = (d.waiting_since for d, _ in self._deliveries.values() if d.clearance <= clearance)
        return max((now - each for each in since if each is not None), default=timedelta())

    async def run(self) -> None:
        """Look, lease and deliver until cancelled."""
        async with self.sender:
            try:
                await self._stirred(SETTLING_SECONDS)
                while True:
                    await self._look_again()
                    self._changed.clear()
                    await self._stirred(LOOK_SECONDS)
            finally:
                await self._stop()

    async def _stirred(self, seconds: float) -> None:
        """Wait until a webhook was made or changed here, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _look_again(self) -> None:
        try:
            await self._look()
        except Exception as error:
            heed_cancelling()
            self._drop_connection()
            if not lost(error):
                raise
            log.warning("webhooks_not_looked_up", error=repr(error))

    async def _look(self) -> None:
        """Take up those that are ours by now, and let go of the others."""
        if not self._deliveries and not await any_webhook(self._pool):
            return
        leased: list[Leased] = await self._keep(
            lambda c: lease_webhooks(c, self._lessee, seconds=LEASE_SECONDS, now=self._clock.now())
        )
        ours = {webhook.webhook_id: webhook for webhook in leased}
        for webhook_id, (delivery, task) in [*self._deliveries.items()]:
            webhook = ours.get(webhook_id)
            if webhook is None or task.done() or not delivery.is_of(webhook):
                del self._deliveries[webhook_id]
                await _ended(task)
            else:
                delivery.wanted = delivery.wanted or webhook.wanted
        for webhook_id, webhook in ours.items():
            if webhook_id not in self._deliveries and not self._left_alone(webhook):
                delivery = Delivery(self._tools, self._lessee, webhook)
                self._deliveries[webhook_id] = delivery, asyncio.create_task(self._deliver(webhook, delivery))
        self._failed = {webhook_id: failed for webhook_id, failed in self._failed.items() if webhook_id in ours}
        rung, self._looked = self._looked, asyncio.Event()
        rung.set()

    def _left_alone(self, webhook: Leased) -> bool:
        """Whether it failed by what was not foreseen, and is not to be taken up yet."""
        revision, _, until = self._failed.get(webhook.webhook_id, (0, 0, self._clock.now()))
        return revision == webhook.revision and self._clock.now() < until

    async def _deliver(self, webhook: Leased, delivery: Delivery) -> None:
        """One delivery, to its end; what it fails by is over with it, and it is taken up with a later look."""
        try:
            await delivery.run(self._grown, lambda: self._looked)
        except NotOursError:
            pass
        except Exception as error:
            heed_cancelling()
            if lost(error):
                return
            _, times, _ = self._failed.get(webhook.webhook_id, (0, 0, None))
            times = 1 if delivery.got_on else times + 1
            seconds = min(2.0 ** (times - 1), MOST_SECONDS)
            log.exception("webhook_failed", webhook=str(webhook.webhook_id), times=times, again_in_seconds=seconds)
            until = self._clock.now() + timedelta(seconds=seconds)
            self._failed[webhook.webhook_id] = webhook.revision, times, until

    async def _keep(self, work: Callable[[Connection], Awaitable[Any]]) -> Any:
        """Do something on the connection that may write: one at a time, and none is begun that is then broken off."""
        async with self._writing:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._access.connect("eraser")
            working = asyncio.ensure_future(work(self._connection))
            try:
                return await asyncio.shield(working)
            except asyncio.CancelledError:
                await asyncio.wait([working])
                raise

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _count(self, clearance: int, outcome: str) -> None:
        self.attempts[clearance, outcome] += 1

    async def _stop(self) -> None:
        for _, task in self._deliveries.values():
            await _ended(task)
        try:
            if self._deliveries:
                async with asyncio.timeout(LAST_SECONDS):
                    await self._keep(lambda c: release_webhooks(c, self._lessee))
        except Exception as error:  # noqa: BLE001 - it stops: the leases end by themselves
            log.info("webhooks_not_released", error=repr(error))
        self._drop_connection()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
