"""The service restarts under two hundred subscribers."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

import websockets

from incidentlog.store.connect import Access
from tests.commands import command, strike
from tests.live.following import Client, Held, client, following, until

FOLLOWERS = 200


@dataclass
class Follower:
    """One that stores its cursor and comes back as it is told: after a wait drawn evenly from the advised window."""

    held: Held | None = None
    positions: list[int] = field(default_factory=list)
    log_position: int | None = None
    log: Held | None = None
    window_seconds: float = 0.0
    connected: int = 0

    async def follow(self, port: int, over: asyncio.Event) -> None:
        while not over.is_set():
            try:
                async with client(f"ws://127.0.0.1:{port}/v1/live") as c:
                    await self.come_back(c)
                    self.connected += 1
                    while not over.is_set():
                        self.take(await c.receive())
            except (websockets.ConnectionClosed, websockets.InvalidStatus, ConnectionError):
                await asyncio.sleep(random.random() * self.window_seconds)

    async def come_back(self, c: Client) -> None:
        before = self.held
        self.held = await c.subscribe("city_incidents", **({} if before is None else before.cursor()))
        if before is not None:
            assert self.held.subscribed["mode"] == "resume"
            self.held.rows = before.rows
        log = await c.subscribe("events", id_="log", **({"from": self.log_position or 0}))
        self.log = log

    def take(self, message: dict[str, object]) -> None:
        if message.get("code") == "draining":
            self.window_seconds = int(str(message["retry_ms"])) / 1000
        if message["type"] == "events":
            self.positions += [item["position"] for item in message["items"]]  # type: ignore[attr-defined,index]
        self.log_position = self.log.position


async def test_all_come_back_spread_as_they_are_advised_and_none_loses_or_doubles_a_change(access: Access):
    followers = [Follower() for _ in range(FOLLOWERS)]
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        async with following(access) as node:
            await node.append(strike(), strike())
            port = node.port
            following_ = [tasks.create_task(f.follow(port, over)) for f in followers]
            await until(lambda: all(f.connected == 1 for f in followers))
            await node.append(strike())
            await node.hub.close(notice_seconds=0.5)
        async with following(access, port=port, heartbeat_seconds=1.0) as node:
            for _ in range(5):
                await node.writer.append(command(strike()))
                await asyncio.sleep(0.1)
            await until(lambda: all(f.connected == 2 for f in followers))
            await node.append(strike())
            await until(lambda: all(f.held is not None and f.held.position >= 9 for f in followers))
            await until(lambda: all((f.log_position or 0) >= 9 for f in followers))
            rows = await node.rows("city_incidents", 9, node.clock.now())
            over.set()
            for task in following_:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*following_)
    for f in followers:
        assert f.positions == list(range(1, 10))
        assert f.held is not None
        assert f.held.rows == rows
        assert 0.5 <= f.window_seconds <= 30
