"""A receiver of webhooks: a real server on the loopback that keeps what it is sent and answers what it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web


@dataclass
class Message:
    """One request, as it came."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        return orjson.loads(self.body)


Answering = Callable[[Message, int], web.Response]
"""What is answered to a message that is the nth (from 1)."""


@dataclass
class Receiver:
    """What came, in its order."""

    url: str = ""
    answering: Answering = lambda _, __: web.Response()
    came: list[Message] = field(default_factory=list)
    took: list[str] = field(default_factory=list)
    """The ids of those that were answered with a success, in order."""

    async def handle(self, request: web.Request) -> web.Response:
        message = Message(request.headers.copy(), await request.read())
        self.came.append(message)
        answer = self.answering(message, len(self.came))
        if answer.status < 300:
            self.took.append(message.id)
        return answer

    async def until(self, count: int, *, of: str = "took") -> None:
        """Wait until so many were taken, or with `of="came"` sent."""
        async with asyncio.timeout(60):
            while len(getattr(self, of)) < count:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def receiving(port: int = 0, answering: Answering | None = None) -> AsyncIterator[Receiver]:
    """A receiver, until the block ends."""
    receiver = Receiver()
    if answering is not None:
        receiver.answering = answering
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()
