"""Several services on one log: an append on one reaches those who follow another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from incidentlog.clock import SystemClock
from incidentlog.config import Settings
from incidentlog.store.connect import Access
from tests.api.serving import ADMIN, Served, serving
from tests.commands import strike
from tests.live.following import Client, client

ODESA = "geonames:698740"


def follower(service: Served) -> AbstractAsyncContextManager[Client]:
    """A client of one of them."""
    return client(
        service.url.replace("http", "ws") + "/v1/live", additional_headers={"Authorization": f"Bearer {ADMIN}"}
    )


async def reaches(by: Served, c: Client, times: int = 2) -> None:
    """What is appended at one service arrives, as an event and as a row, with a follower of whichever service."""
    held, feed = await c.subscribe("city_incidents"), await c.subscribe("events", id_="log")
    for _ in range(times):
        before = held.rows.get(ODESA, {"incidents": 0})["incidents"]
        (position,) = await by.add(strike(stream=None))
        await c.reach(held, position)
        await c.reach(feed, position)
        assert held.rows[ODESA]["incidents"] == before + 1
        assert feed.items[-1]["position"] == position


@asynccontextmanager
async def two(access: Access, *, notify: bool = True) -> AsyncIterator[tuple[Served, Served]]:
    settings = Settings(notify=notify)
    async with (
        serving(access, settings=settings, clock=SystemClock()) as one,
        serving(access, settings=settings, clock=SystemClock()) as other,
    ):
        for node in (one, other):
            await node.ready()
        yield one, other


async def test_an_append_on_one_node_reaches_the_subscribers_of_all(access: Access):
    async with two(access) as (one, other):
        async with follower(other) as c:
            await reaches(one, c)
        async with follower(one) as c:
            await reaches(other, c)


async def test_it_works_without_notify(access: Access):
    async with two(access, notify=False) as (one, other), follower(other) as c:
        assert other.service.nodes.hints is None
        await reaches(one, c)


async def test_it_works_after_the_listening_connection_was_cut(access: Access):
    async with two(access) as (one, other), follower(other) as c:
        hints = other.service.nodes.hints
        assert hints is not None
        async with asyncio.timeout(60):
            while hints.connection is None:
                await asyncio.sleep(0.01)
        admin = await access.connect()
        await admin.execute("SELECT pg_terminate_backend($1)", hints.connection.get_server_pid())
        await admin.close()
        await reaches(one, c)


async def test_a_place_that_was_registered_on_one_node_is_known_on_the_other(access: Access):
    async with two(access) as (one, other):
        place = {"slug": "nova-vyhadka", "name": "Nova Vyhadka", "country": "UA", "lat": 47.0, "lon": 30.5}
        registered = {"type": "place.registered", "stream": "place:nova-vyhadka", "data": place}
        (position,) = await one.add(registered)
        assert await other.service.runner.reached(position, 60)
        found = await other.get("/v1/places", q="Nova Vyhadka", country="UA")
        assert found.json["resolution"]["place_id"] == "place:nova-vyhadka"
