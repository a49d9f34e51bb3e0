"""Two services, as an operator starts them, on one PostgreSQL: whoever follows one hears what is appended at the other."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp

from incidentlog.store.connect import Access
from tests.commands import strike
from tests.live.following import Client, client
from tests.stories.test_killed import HEADERS, KEY, Process, folder  # noqa: F401 - a fixture

ODESA = "geonames:698740"


def follower(url: str) -> AbstractAsyncContextManager[Client]:
    return client(url.replace("http", "ws") + "/v1/live", additional_headers={"Authorization": f"Bearer {KEY}"})


async def test_two_processes_on_one_log_count_once_and_tell_each_other(access: Access, folder: Path):  # noqa: F811
    nodes = [Process(folder, INCIDENTLOG_DSN=access.admin) for _ in range(2)]
    try:
        one, other = await asyncio.gather(*(node.started() for node in nodes))
        async with follower(one) as of_one, follower(other) as of_other, aiohttp.ClientSession() as session:
            followed = [(c, await c.subscribe("city_incidents"), await c.subscribe("events", id_="log"))
                        for c in (of_one, of_other)]  # fmt: skip
            for n in range(10):
                where = (one, other)[n % 2]
                async with session.post(f"{where}/v1/events", headers=HEADERS, json=strike(stream=None)) as answer:
                    assert answer.status == 201
                    position = (await answer.json())["position"]
                for c, rows, events in followed:
                    await c.reach(rows, position)
                    await c.reach(events, position)
                    assert rows.rows[ODESA]["incidents"] == n + 1
            for _, _, events in followed:
                assert [item["position"] for item in events.items] == list(range(1, 11))
        nodes[0].kill()
        async with follower(other) as c, aiohttp.ClientSession() as session:
            held = await c.subscribe("city_incidents")
            async with session.post(f"{other}/v1/events", headers=HEADERS, json=strike(stream=None)) as answer:
                assert answer.status == 201
            await c.reach(held, 11)
            assert held.rows[ODESA]["incidents"] == 11
        assert nodes[1].stop() == 0
    finally:
        for node in nodes:
            node.close()
