"""What goes out to one client: its subscriptions in turn, answers before them, heartbeats between them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from incidentlog.errors import Internal, Problem
from incidentlog.live.frames import Message
from incidentlog.live.line import Line
from incidentlog.live.subscription import Subscription
from incidentlog.store.connect import heed_cancelling, lost

REPLIES: Final = 64
"""How many answers may wait to be sent; past it no more is read from this client."""
SEND_SECONDS: Final = 20.0
"""How long one message may take to go; then the client has stopped reading, and is cut off."""
RETRY_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


class Sender:
    """Sends what there is. Nothing waits here but answers; what a subscription has is made when it can go."""

    def __init__(
        self,
        line: Line,
        *,
        beat_seconds: float,
        beat: Callable[[], Iterator[Message]],
        drop: Callable[[Subscription, Problem], None],
    ) -> None:
        """`beat` makes the heartbeat; `drop` ends a subscription that cannot go on."""
        self.offer = line.offer
        """Send a message at once, if nothing else is to be sent and the client takes it; whether it was sent."""
        self.subscriptions: dict[str, Subscription] = {}
        self.running = True
        self.gone = False
        """Whether it ended because the client is gone, or had stopped reading."""
        self._line = line
        self._beat_seconds = beat_seconds
        self._beat = beat
        self._drop = drop
        self._replies: deque[Message] = deque()
        self._bell = asyncio.Event()
        self._room = asyncio.Event()
        self._ending = False

    def end(self) -> None:
        """Send the answers that wait, and no more."""
        self._ending = True
        self.ring()

    def reply(self, message: Message) -> None:
        """Send an answer, before anything else."""
        self._replies.append(message)
        self.ring()

    async def room(self) -> None:
        """Wait until there is room for another answer; at once when nothing is sent any more."""
        while len(self._replies) >= REPLIES and self.running:
            self._room.clear()
            await self._room.wait()

    def ring(self) -> None:
        """There may be something to send."""
        self._line.idle = False
        self._bell.set()

    def wake(self, subscription: Subscription) -> None:
        """A subscription may have something: it goes at once if it is at hand and nothing else is to go."""
        if not self._line.idle or not subscription.opened or not self._line.free:
            self.ring()
            return
        try:
            messages = subscription.ready()
        except Exception:  # noqa: BLE001 - the sender meets it again, and ends this subscription, and no other
            messages = None
        if messages:
            self._line.put(messages)
        if messages is None or subscription.more or subscription.not_before:
            self.ring()

    def fail(self, subscription: Subscription, problem: Problem) -> None:
        """A subscription cannot go on."""
        self._drop(subscription, problem)

    async def run(self) -> None:
        """Send until the client is gone, or has stopped reading and is cut off."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + self._beat_seconds
        try:
            while True:
                self._bell.clear()
                await self._send_replies()
                if self._ending:
                    return
                more = False
                for subscription in list(self.subscriptions.values()):
                    messages = await self._take(subscription)
                    for message in messages:
                        await self._send(message)
                    # What came while it was opened rang before there was somebody to tell: so it is asked once more.
                    more = more or bool(messages) or subscription.more
                if loop.time() >= beat_at:
                    beat_at = loop.time() + self._beat_seconds
                    for message in self._beat():
                        await self._send(message)
                if not more:
                    await self._rest(beat_at)
        except TimeoutError:
            log.info("client_stuck")
            self.gone = True
            self._line.abort()
        except ConnectionError:
            self.gone = True  # whoever reads sees it, too, and ends the session
        finally:
            self.running = False
            self._room.set()

    async def _send_replies(self) -> None:
        while self._replies:
            await self._send(self._replies.popleft())
            self._room.set()

    async def _take(self, subscription: Subscription) -> list[Message]:
        if not subscription.opened or self.subscriptions.get(subscription.id) is not subscription:
            return []
        try:
            return await subscription.take()
        except Exception as error:
            heed_cancelling()
            if not lost(error):
                log.exception("subscription_failed", projection=subscription.asked.projection)
                self._drop(subscription, Internal())
            subscription.rest(RETRY_SECONDS)
            return []

    async def _send(self, message: Message) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await self._line.send(message)

    async def _rest(self, until: float) -> None:
        """Wait for the bell, the heartbeat, or a subscription that has to wait before it may send again."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        until = min([until, *(s.not_before for s in self.subscriptions.values() if s.not_before > now)])
        self._line.idle = not self._bell.is_set() and not self._ending
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._bell.wait()
        finally:
            self._line.idle = False
