"""One subscription as server-sent events: the same messages as over a WebSocket, for whatever speaks only HTTP."""

import asyncio
import contextlib
import random
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from aiohttp import web

from incidentlog.errors import Problem, Unauthenticated
from incidentlog.live import frames
from incidentlog.live.frames import Message
from incidentlog.live.line import StreamLine
from incidentlog.live.passes import Pass
from incidentlog.live.sender import Sender
from incidentlog.live.subscription import Reach, Subscription

ID: Final = "sse"
"""What the one subscription is called in its messages."""
CLOSE_SECONDS: Final = 3.0


class Stream:
    """What goes on between the first byte and the last."""

    def __init__(self, request: web.Request, pass_: Pass, *, epoch: str, beat_seconds: float, retry_ms: int) -> None:
        self._request = request
        self._answer = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        self._line = StreamLine(request, self._answer, epoch)
        self._retry_ms = retry_ms
        self._pass = pass_
        self._sender = Sender(self._line, beat_seconds=beat_seconds, beat=self._beat, drop=self.fail)
        self._sending: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    @property
    def reach(self) -> Reach:
        """The way to its client."""
        return self._sender

    async def run(self, subscription: Subscription) -> web.StreamResponse:
        """Send until the client is gone, or cut off, or the stream is closed."""
        self._line.channel = subscription.channel_name
        await self._answer.prepare(self._request)
        try:
            # An EventSource waits so long before it comes back, and adds no jitter of its own: it is added here.
            retry_ms = random.randint(self._retry_ms // 2, self._retry_ms)  # noqa: S311 - no secret
            await self._answer.write(b"retry: %d\n\n" % retry_ms)
            self._sender.subscriptions[subscription.id] = subscription
            self._sending = asyncio.create_task(self._sender.run())
            await asyncio.wait([self._sending])
            if self._sender.gone:
                self._line.abort()
            else:
                await self._answer.write_eof()
        except (ConnectionError, TimeoutError):
            self._line.abort()
        finally:
            if self._sending is not None:
                self._sending.cancel()
            self._ended.set()
        return self._answer

    def close(self, code: int, reason: str) -> asyncio.Task[None]:  # noqa: ARG002 - as for a WebSocket
        """End the stream; the task ends when it has ended, or was cut off."""
        return asyncio.ensure_future(self._close())

    async def _close(self) -> None:
        self._sender.end()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            self._line.abort()
            if self._sending is not None:
                self._sending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._sending

    def tell(self, message: Message) -> None:
        """Say something beside what is followed."""
        self._sender.reply(message)

    def fail(self, _: Subscription, problem: Problem) -> None:
        """Say why it cannot go on, and end."""
        self.tell(frames.error(ID, problem))
        self._sender.end()

    def look(self, now: datetime) -> None:
        """Whether the reader may go on."""
        if self._pass.expired(now):
            self._refuse(Unauthenticated("the token has expired"))
        elif self._pass.expiring(now):
            self.tell(frames.notice("auth_expiring"))

    async def check(self) -> None:
        """Look the token up again."""
        problem = await self._pass.ended()
        if problem is not None:
            self._refuse(problem)

    def _refuse(self, problem: Problem) -> None:
        self.tell(frames.error(ID, problem))
        self._sender.end()

    def _beat(self) -> Iterator[Message]:
        for subscription in self._sender.subscriptions.values():
            yield Message(b"", subscription.quiet())
            yield from subscription.standing()
