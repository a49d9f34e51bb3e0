"""How fast events are appended, beside the limits of the same run: `python -m tests.benchmarks.append`.

The limits: COPY into the same table, one-row transactions into it, an aiohttp handler that only parses and validates
the same body, and one with the same checks that calls the append function once per request.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from statistics import median
from typing import Any
from uuid import uuid4

import uvloop
from aiohttp import web

from incidentlog.api.app import make_app
from incidentlog.api.errors import TRAFFIC
from incidentlog.api.traffic import Traffic
from incidentlog.beside import RUNNER, Processes
from incidentlog.clock import SystemClock
from incidentlog.config import Settings
from incidentlog.door import Door, Known
from incidentlog.embedded import Server, start
from incidentlog.logging import configure_logging
from incidentlog.service.keys import first_key
from incidentlog.service.service import running, spare_the_collector
from incidentlog.store.append import Append, append
from incidentlog.store.connect import Access
from incidentlog.store.migrate import migrate
from incidentlog.store.writer import Writer
from incidentlog.subjects import EVENTS
from tests.benchmarks.machine import heading, line, runners, scratch
from tests.benchmarks.sample import KEY, body

CONNECTIONS = (1, 8, 32, 64, 256)
TURNS, COUNTED = 5, 1_920
WAITING = 64
IN_PROCESS = 40_000
DOOR = Door(Known(), SystemClock(), "Europe/Kyiv")
_numbers = count(1)


def commands(number: int) -> list[Append]:
    """Commands as the door makes them."""
    return [DOOR.read(body(uuid4()), recorded_by="benchmark").command for _ in range(number)]


@asynccontextmanager
async def fresh(server: Server) -> AsyncIterator[Access]:
    """A log of its own, migrated."""
    name = f"bench_{next(_numbers)}"
    admin = await Access(server.dsn("postgres")).connect()
    await admin.execute(f"CREATE DATABASE {name}")
    access = Access(server.dsn(name), secret=server.password, login=lambda u, p: server.dsn(name, u, p))
    await migrate(access)
    yield access
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def together(clients: int, work: Sequence[Any], do: Callable[[Any], Awaitable[Any]]) -> tuple[float, list[float]]:
    """So many tasks, each taking the next item when its last is done: seconds, and each item's latency."""
    left, latencies = iter(work), list[float]()

    async def client() -> None:
        for item in left:
            started = time.perf_counter()
            await do(item)
            latencies.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.perf_counter() - started, latencies


async def raw_limits(server: Server) -> None:
    """COPY and one-row transactions into the table of events."""
    async with fresh(server) as access:
        appender = await access.connect("appender")
        await append(appender, commands(20_000))
        rows = await appender.fetch("SELECT * FROM events")
        await appender.close()
    async with fresh(server) as access:
        admin = await access.connect()
        started = time.perf_counter()
        await admin.copy_records_to_table("events", records=rows)
        line("limit: COPY into the table of events", len(rows), time.perf_counter() - started)
        await admin.close()
    async with fresh(server) as access:
        free = [await access.connect() for _ in range(WAITING)]
        places = ", ".join(f"${n}" for n in range(1, len(rows[0]) + 1))

        async def insert(row: Sequence[Any]) -> None:
            connection = free.pop()
            await connection.execute(f"INSERT INTO events VALUES ({places})", *row)
            free.append(connection)

        seconds, latencies = await together(WAITING, rows[:8_000], insert)
        line(f"limit: one-row transactions, {WAITING} clients", 8_000, seconds, latencies)
        for connection in free:
            await connection.close()


async def in_process(server: Server) -> None:
    """The writer, and the append function called once per event by as many clients."""
    async with fresh(server) as access:
        connections = [await access.connect("appender") for _ in range(WAITING)]
        free = list(connections)

        async def once(command: Append) -> None:
            connection = free.pop()
            await append(connection, [command])
            free.append(connection)

        seconds, latencies = await together(WAITING, commands(4_000), once)
        single = line(f"the append function once per event, {WAITING} clients", 4_000, seconds, latencies)
        for connection in connections:
            await connection.close()
    for waiting in (1, 8, WAITING, 256):
        async with fresh(server) as access:
            writer = Writer(access)
            task = asyncio.create_task(writer.run())
            number = IN_PROCESS if waiting >= WAITING else 4_000
            work = commands(number)
            gc.collect()
            gc.freeze()
            seconds, latencies = await together(waiting, work, writer.append)
            rate = line(f"the writer in process, {waiting} waiting", number, seconds, latencies)
            if waiting == WAITING:
                print(f"    {rate / single:.1f} times the function once per event")
            task.cancel()


async def drive(app: web.Application, connections: int, total: int) -> tuple[float, list[float]]:
    """Serve the app and let a client in a process of its own load it."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    port = runner.addresses[0][1]
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.load", str(port), str(connections), str(total),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await client.communicate()
    await runner.cleanup()
    seconds, latencies = json.loads(told)
    return seconds, latencies


def floor() -> web.Application:
    """A handler that only parses and validates."""
    envelope = EVENTS.types["strike.reported", 1].envelope

    async def handle(request: web.Request) -> web.Response:
        envelope.model_validate_json(await request.read())
        return web.Response(status=201, body=b'{"position":1}', content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/events", handle)
    return app


def once_per_request(free: list[Any]) -> web.Application:
    """A handler with the same checks, and one call of the append function per request."""

    async def handle(request: web.Request) -> web.Response:
        candidate = DOOR.read(await request.read(), recorded_by="benchmark")
        connection = free.pop()
        (outcome,) = await append(connection, [candidate.command])
        free.append(connection)
        told = b'{"position":%d}' % outcome.position  # type: ignore[union-attr]
        return web.Response(status=201, body=told, content_type="application/json")

    app = web.Application()
    app.router.add_post("/v1/events", handle)
    return app


async def over_http(server: Server) -> None:
    """Single events over HTTP, beside the handlers that bound them."""
    gc.collect()
    gc.freeze()
    bound = {}
    for connections in (WAITING,):
        seconds, latencies = await drive(floor(), connections, 30_000)
        bound[connections] = line(
            f"limit: parse and validate only, {connections} connections", 30_000, seconds, latencies
        )
    async with fresh(server) as access:
        free = [await access.connect("appender") for _ in range(WAITING)]
        seconds, latencies = await drive(once_per_request(list(free)), WAITING, 6_000)
        each = line(f"limit: one append call per request, {WAITING} connections", 6_000, seconds, latencies)
        for connection in free:
            await connection.close()
    for connections in CONNECTIONS:
        rate = await whole_service(server, connections, paused=False)
        if connections == WAITING:
            compare(rate, bound[connections], each)
    compare(await whole_service(server, WAITING, paused=True), bound[WAITING], each)


async def whole_service(server: Server, connections: int, *, paused: bool) -> float:
    """The service as it is served, its runner folding beside it; or paused, to see the way of an append alone."""
    async with fresh(server) as access:
        await first_key(access, KEY)
        async with running(access, Settings(admin_key=KEY), apart=Processes(RUNNER)) as service:
            await asyncio.sleep(2)  # the runner has started
            (folding,) = runners()
            if paused:
                os.kill(folding, signal.SIGSTOP)
            total = 3_000 if connections == 1 else 30_000
            seconds, latencies = await drive(make_app(service), connections, total - total % connections)
            what = "projections paused" if paused else "projections at work"
            rate = line(f"POST /v1/events, {connections} connections, {what}", len(latencies), seconds, latencies)
            os.kill(folding, signal.SIGCONT)
            started = time.perf_counter()
            await service.runner.reached(len(latencies), 120)
            if not paused:
                print(f"    and the projections have caught up {time.perf_counter() - started:.1f} s later")
            return rate


class Uncounted(Traffic):
    """Requests that are not counted."""

    def note(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        """Nothing."""


async def counting(server: Server) -> None:
    """What counting requests, and counting them against limits, costs: the service's processor time, with and without.

    By turns, and by the processor's time of this process alone: what else the machine does moves both alike.
    """
    with_limits = Settings(admin_key=KEY, append_seconds=60)
    without = with_limits.model_copy(update={"key_requests": 0, "address_requests": 0})
    spent: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(TURNS):
        for counted in (True, False) if turn % 2 else (False, True):
            async with fresh(server) as access:
                await first_key(access, KEY)
                async with running(access, with_limits if counted else without, apart=Processes(RUNNER)) as service:
                    app = make_app(service)
                    if not counted:
                        app[TRAFFIC] = Uncounted()
                    gc.collect()
                    began = time.process_time()
                    await drive(app, WAITING, COUNTED)
                    spent[counted].append((time.process_time() - began) / COUNTED * 1e6)
    ratios = [one / other for one, other in zip(spent[True], spent[False], strict=True)]
    print(f"counted, with limits: {median(spent[True]):6.0f} us of processor an append, median of {TURNS} turns")
    print(f"neither:              {median(spent[False]):6.0f} us; in turns {min(ratios):.2f} to {max(ratios):.2f}, "
          f"median {median(ratios):.3f} times")  # fmt: skip


def compare(rate: float, bound: float, each: float) -> None:
    """Print a rate as shares of what bounds it."""
    print(f"    {rate / bound:.2f} of parse and validate only, {rate / each:.1f} times one append call per request")


async def main(server: Server) -> None:
    """All of it."""
    spare_the_collector()
    parts = {"limits": raw_limits, "writer": in_process, "http": over_http, "counting": counting}
    for name in sys.argv[1:] or parts:
        await parts[name](server)


if __name__ == "__main__":
    configure_logging("info", as_json=True)
    heading("Append")
    with scratch() as root, start(root) as embedded:
        uvloop.run(main(embedded.server))
