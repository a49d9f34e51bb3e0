import asyncio
import contextlib

import aiohttp
import pytest
import websockets

from incidentlog.live import PROTOCOL
from incidentlog.store.connect import Access
from tests.commands import strike
from tests.live.following import client, following
from tests.live.test_session import closed_with, deaf_client

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize("protocol", [None, "graphql-transport-ws", "incidentlog.live.v2, soap"])
async def test_without_the_subprotocol_there_is_400_and_no_upgrade(access: Access, protocol: str | None):
    headers = UPGRADE | ({} if protocol is None else {"Sec-WebSocket-Protocol": protocol})
    async with following(access) as node, aiohttp.ClientSession() as session:
        async with session.get(node.url.replace("ws:", "http:"), headers=headers) as answer:
            assert answer.status == 400
            assert (await answer.json())["type"] == "/problems/bad-request"
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(node.url, proxy=None)
        assert refused.value.response.status_code == 400


async def test_a_plain_request_is_400(access: Access):
    async with following(access) as node, aiohttp.ClientSession() as session:
        headers = {"Sec-WebSocket-Protocol": PROTOCOL}
        async with session.get(node.url.replace("ws:", "http:"), headers=headers) as answer:
            assert answer.status == 400


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://dashboard.example:8443"])
async def test_a_foreign_page_is_refused_before_the_upgrade(access: Access, origin: str):
    async with following(access, origins=["https://dashboard.example"]) as node:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(
                node.url,
                subprotocols=[PROTOCOL],
                origin=origin,
                proxy=None,  # type: ignore[list-item,arg-type]
            )
        assert refused.value.response.status_code == 403


async def test_a_page_of_the_allow_list_and_one_of_the_services_own_are_let_in(access: Access):
    async with following(access, origins=["https://dashboard.example"]) as node:
        for origin in ("https://dashboard.example", f"http://127.0.0.1:{node.port}"):
            async with client(node, origin=origin) as c:
                assert c.welcome


async def test_a_shutdown_closes_every_socket_with_1012_and_waits_for_no_stuck_one(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("incidentlog.live.sender.SEND_SECONDS", 600.0)
    async with following(access) as node:
        await node.append(*(strike(notes="x" * 4_000) for _ in range(100)))
        with contextlib.closing(await deaf_client(node.port)):
            async with client(node) as one, client(node) as other:
                await one.subscribe("city_incidents")
                await asyncio.sleep(0.2)
                closing = asyncio.create_task(node.hub.close())
                assert await closed_with(one.socket) == 1012
                assert await closed_with(other.socket) == 1012
                await asyncio.wait_for(closing, 60)
            with pytest.raises(websockets.InvalidStatus) as refused:
                await websockets.connect(node.url, subprotocols=[PROTOCOL], proxy=None)  # type: ignore[list-item]
            assert refused.value.response.status_code == 503


async def test_a_lost_database_is_got_over(access: Access):
    async with following(access, heartbeat_seconds=0.3) as node, client(node) as c:
        held = await c.subscribe("city_incidents")
        feed = await c.subscribe("events", id_="e")
        admin = await access.connect()
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'incidentlog reader' AND datname = current_database()"
        )
        await admin.close()
        await node.append(strike())
        await c.reach(held, 1)
        await c.reach(feed, 1)
        assert held.rows["geonames:698740"]["incidents"] == 1
        assert len(feed.items) == 1


async def test_the_connections_are_limited(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incidentlog.live.hub.CONNECTIONS", 1)
    async with following(access) as node, client(node):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(node.url, subprotocols=[PROTOCOL], proxy=None)  # type: ignore[list-item]
        assert refused.value.response.status_code == 503


async def test_before_a_shutdown_everybody_is_told_within_which_time_to_come_back(access: Access):
    async with following(access) as node, client(node) as c:
        await c.subscribe("city_incidents")
        closing = asyncio.create_task(node.hub.close(notice_seconds=0.2))
        notice = await c.until("notice", code="draining")
        assert c.welcome["retry"]["min_ms"] <= notice["retry_ms"] <= c.welcome["retry"]["max_ms"]
        assert await closed_with(c.socket) == 1012
        await closing
