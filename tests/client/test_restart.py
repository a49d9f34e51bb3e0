"""The service is started again under two hundred subscriptions: all come back, and none loses or doubles a change."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from incidentlog.client import Change, Client, Events, Feed, Notice, Subscription
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Served, serving
from tests.commands import strike

SUBSCRIPTIONS = 200
WINDOW_MS = (100, 3_000)
"""Within which the service tells its clients to come back."""
SECONDS = 60.0


@pytest.fixture(autouse=True)
def advised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incidentlog.live.hub.RETRY_MS", WINDOW_MS)


class Follower:
    """Applies what it is told to a copy, and remembers it."""

    def __init__(self, client: Client, n: int) -> None:
        self.notices: list[Notice] = []
        self.told: list[str] = []
        self.copy: dict[str, Any] = {}
        self.position = 0
        self.followed: Subscription | Feed
        if n % 2:
            self.followed = client.subscribe("events", after=0, notify=self.notices.append)
        else:
            self.followed = client.subscribe("city_incidents", group_by=["place"], notify=self.notices.append)

    async def run(self, ready: asyncio.Semaphore) -> None:
        async with self.followed as followed:
            ready.release()
            async for change in followed:
                self._take(change)

    def _take(self, change: Change | Events) -> None:
        if isinstance(change, Events):
            self.told += [event["id"] for event in change.items]
        else:
            assert change.start == self.position
            assert all(self.copy.get(key) != row for key, row in change.set.items())
            self.copy |= change.set
        self.position = change.to


async def test_all_come_back_within_the_window_and_none_loses_or_doubles_a_change(access: Access):
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        served = await first.enter_async_context(serving(access))
        await served.ready()
        client = await stack.enter_async_context(Client(served.url, ADMIN))
        followers = [Follower(client, n) for n in range(SUBSCRIPTIONS)]
        ready = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(follower.run(ready)) for follower in followers]
        stack.callback(lambda: [task.cancel() for task in tasks])
        async with asyncio.timeout(SECONDS):
            for _ in followers:
                await ready.acquire()
        events = [strike() for _ in range(30)]
        await served.add(*events[:10])
        await asyncio.sleep(0)  # some have heard of it, and some have not
        port = served.port
        await first.aclose()
        again = await stack.enter_async_context(serving(access, port=port, again=True))
        await again.add(*events[10:])
        async with asyncio.timeout(SECONDS):
            while not all(follower.position == len(events) for follower in followers):
                assert not any(task.done() for task in tasks), [t.exception() for t in tasks if t.done()]
                await asyncio.sleep(0.02)
        await check(followers, again, [event["id"] for event in events])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def check(followers: list[Follower], served: Served, ids: list[str]) -> None:
    rows = await served.rows("city_incidents", group_by="place")
    for follower in followers:
        waits = [n.retry_seconds for n in follower.notices if n.code == "lost"]
        assert waits
        assert all(wait is not None and wait <= WINDOW_MS[1] / 1000 for wait in waits)
        assert [n.code for n in follower.notices if n.code in {"lost", "back"}][-1] == "back"
        if isinstance(follower.followed, Feed):
            assert follower.told == ids
        else:
            assert follower.copy == rows == follower.followed.rows
