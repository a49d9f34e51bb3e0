"""From a post to the moved row on a WebSocket: measured and told, not judged."""

import asyncio
import json
import statistics
import time
from typing import Any

import aiohttp
import pytest

from tests.api.serving import ADMIN, Served
from tests.commands import strike

POSTS = 100
SUBSCRIBE = {"type": "subscribe", "id": "1", "projection": "city_incidents"}


async def subscribe(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Follow the cities."""
    await socket.send_json(SUBSCRIBE)
    while (message := json.loads(await socket.receive_str(timeout=60)))["type"] != "snapshot":
        assert message["type"] != "error", message


async def update_to(socket: aiohttp.ClientWebSocketResponse, position: int) -> dict[str, Any]:
    """Read until the channel has seen a position; the message that said so."""
    while True:
        message = json.loads(await socket.receive_str(timeout=60))
        if message["type"] == "update" and message["to"] >= position:
            return message
        assert message["type"] in {"update", "heartbeat", "notice"}, message


async def test_a_row_moves_on_the_socket_soon_after_the_post(service: Served, capsys: pytest.CaptureFixture[str]):
    headers = {"Authorization": f"Bearer {ADMIN}"}
    await service.ready()
    spent: list[float] = []
    async with (
        asyncio.timeout(60),
        service.session.ws_connect(
            f"{service.url}/v1/live", protocols=["incidentlog.live.v1"], headers=headers
        ) as socket,
    ):
        await subscribe(socket)
        for n in range(1, POSTS + 1):
            started = time.perf_counter()
            posting = asyncio.create_task(service.post(strike()))
            update = await update_to(socket, n)
            spent.append(time.perf_counter() - started)
            assert (await posting).json["position"] == n
            assert update["set"]["geonames:698740"]["incidents"] == n
    median, longest = (1000 * f(spent) for f in (statistics.median, max))
    with capsys.disabled():
        print(f"\n{POSTS} posts to the moved row: median {median:.1f} ms, longest {longest:.1f} ms")  # noqa: T201 - a figure, for whoever runs this
