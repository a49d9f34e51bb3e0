"""How fast the log is read over HTTP: pages of a thousand events in each format, from the first to the last.

python -m tests.benchmarks.reading [EVENTS]

Beside it, in the same run, what limits it: the bare rows by asyncpg in pages of the same size, and the same bytes sent by
aiohttp without reading anything. And what of it is the service's own: its processor time while another process asks.
"""

import asyncio
import http.client
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import asyncpg
import structlog
from aiohttp import web

from incidentlog.service.service import spare_the_collector
from incidentlog.sqlfiles import query
from tests.api.serving import ADMIN, Served
from tests.benchmarks.filled import filled
from tests.benchmarks.history import commands
from tests.benchmarks.machine import heading, line

PAGE: Final = 1_000
ROUNDS: Final = 5
FORMATS: Final = ("ndjson", "json", "csv", "geojson")
HEADERS: Final = {"Authorization": f"Bearer {ADMIN}", "Accept-Encoding": "identity"}
Ask = Callable[[int], Awaitable[bytes]]
"""Answers the page after a position."""


async def walk(name: str, head: int, ask: Ask) -> list[bytes]:
    """Every page, one after the other; one line about them."""
    pages, latencies, begun = list[bytes](), list[float](), time.perf_counter()
    for after in range(0, head, PAGE):
        asked = time.perf_counter()
        pages.append(await ask(after))
        latencies.append(time.perf_counter() - asked)
    line(name, head, time.perf_counter() - begun, latencies)
    return pages


async def bare_rows(served: Served, head: int) -> None:
    """The rows, as the driver gives them."""
    async with served.service.pool.acquire() as connection:

        async def ask(after: int) -> bytes:
            rows: list[asyncpg.Record] = await connection.fetch(query("read", "after"), after, PAGE)
            return bytes(len(rows))

        await walk("limit: rows by asyncpg, pages of 1,000", head, ask)


async def own_share(served: Served, head: int, name: str) -> None:
    """The service's processor time for each event, while all pages are asked for by a process of its own."""
    asking = [sys.executable, "-m", "tests.benchmarks.reading", "ask", served.url, str(head), name]
    for rounds in (1, ROUNDS):  # the first, which is not told, finds all as it is while the others are asked for
        begun = time.process_time()
        process = await asyncio.create_subprocess_exec(*asking, str(rounds))
        assert await process.wait() == 0
        spent = time.process_time() - begun
    print(
        f"{'  of it the service, which another process asks':<58}{spent / head / ROUNDS * 1e6:>10.1f} us of a processor an event"
    )


def ask_all(url: str, head: int, name: str, rounds: int) -> None:
    """Every page in a format, some times over."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    for _ in range(rounds):
        for after in range(0, head, PAGE):
            connection.request("GET", page_of(after, name), headers=HEADERS)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200


def page_of(after: int, name: str) -> str:
    """The path of the page after a position."""
    return f"/v1/events?limit={PAGE}&after={after}&format={name}"


async def bare_bytes(session: aiohttp.ClientSession, pages: list[bytes]) -> None:
    """The same bytes, sent by a server that has them."""
    app: Any = web.Application()
    app.router.add_get("/", lambda request: _sent(pages[int(request.query["page"])]))
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    async def ask(after: int) -> bytes:
        async with session.get(f"http://127.0.0.1:{port}/?page={after // PAGE}") as response:
            return await response.read()

    await walk("limit: the same NDJSON sent by aiohttp", len(pages) * PAGE, ask)
    await runner.cleanup()


async def _sent(body: bytes) -> web.Response:
    return web.Response(body=body)


async def run(total: int) -> None:
    """All of it."""
    async with filled(commands(total)) as (served, head):
        spare_the_collector()  # as `serve` does
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            await bare_rows(served, head)
            for name in FORMATS:

                async def ask(after: int, name: str = name) -> bytes:
                    async with session.get(served.url + page_of(after, name)) as response:
                        assert response.status == 200
                        return await response.read()

                pages = await walk(f"GET /v1/events?format={name}", head, ask)
                await own_share(served, head, name)
                if name == "ndjson":
                    await bare_bytes(session, pages)


if __name__ == "__main__" and sys.argv[1:2] == ["ask"]:
    ask_all(sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
elif __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    heading("Reading the log")
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000))
