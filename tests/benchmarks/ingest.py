"""How fast many events come in, beside COPY of the same rows, and what it takes: `python -m tests.benchmarks.ingest`.

The limit is COPY into the table of events, of the rows that the service made of the same events. The service is a
process of its own, with its own PostgreSQL and its runner beside it; others read from it meanwhile.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from uuid import uuid4

import aiohttp
import uvloop

from incidentlog.embedded import Server, start
from incidentlog.logging import configure_logging
from incidentlog.store.append import append
from tests.benchmarks.append import commands, fresh
from tests.benchmarks.machine import heading, line, scratch
from tests.benchmarks.sample import KEY, body

EVENTS = 50_000
PORT = 18_470
URL = f"http://127.0.0.1:{PORT}"
HEADERS = {"Authorization": f"Bearer {KEY}"}
ODESA = "/v1/projections/city_incidents?place=geonames:698740"


async def limit(server: Server) -> float:
    """COPY of the same rows into the same table."""
    async with fresh(server) as access:
        appender = await access.connect("appender")
        for _ in range(EVENTS // 10_000):
            await append(appender, commands(10_000))
        rows = await appender.fetch("SELECT * FROM events")
        await appender.close()
    async with fresh(server) as access:
        admin = await access.connect()
        started = time.perf_counter()
        await admin.copy_records_to_table("events", records=rows)
        rate = line("limit: COPY into the table of events", len(rows), time.perf_counter() - started)
        await admin.close()
        return rate


@asynccontextmanager
async def serving(root: Path) -> AsyncIterator[int]:
    """A service in a process of its own; its number."""
    variables = {"INCIDENTLOG_DATA_DIR": str(root), "INCIDENTLOG_PORT": str(PORT), "INCIDENTLOG_ADMIN_KEY": KEY}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "incidentlog", "serve", env=os.environ | variables,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as session:
            for _ in range(300):
                try:
                    async with session.get(f"{URL}/readyz") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


def peak(pid: int) -> float:
    """The most memory that a process has held, in MiB."""
    told = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1]
    return int(told.split()[0]) / 1024


def processor(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


async def read_meanwhile(session: aiohttp.ClientSession, done: asyncio.Event) -> list[float]:
    """How long others wait for an answer, in milliseconds."""
    found = []
    while not done.is_set():
        started = time.perf_counter()
        async with session.get(URL + ODESA, headers=HEADERS) as answer:
            await answer.read()
        found.append((time.perf_counter() - started) * 1_000)
        await asyncio.sleep(0.02)
    return found


def each(number: int) -> Callable[[], list[bytes]]:
    """Requests of so many events."""
    return lambda: [b"".join(body(uuid4()) + b"\n" for _ in range(number)) for _ in range(EVENTS // number)]


async def over_http(what: str, mode: str, requests: list[bytes], bound: float) -> None:
    """Send requests one after the other to a fresh service."""
    with scratch() as root:
        async with serving(root) as pid, aiohttp.ClientSession() as session:
            done = asyncio.Event()
            before, took = peak(pid), processor(pid)
            reading = asyncio.create_task(read_meanwhile(session, done))
            started = time.perf_counter()
            for request in requests:
                headers = {**HEADERS, "Content-Type": "application/x-ndjson"}
                async with session.post(
                    f"{URL}/v1/events/bulk?mode={mode}",
                    data=request,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(600),
                ) as answer:
                    assert answer.status in {201, 207}, await answer.text()
                    await answer.read()
            rate = line(what, EVENTS, time.perf_counter() - started)
            done.set()
            waits = quantiles(await reading, n=20)
            used = (processor(pid) - took) / EVENTS * 1e6
            print(f"    {rate / bound:.2f} of COPY; {used:.0f} µs of the service's processor an event")
            print(
                f"    memory {before:.0f} MiB before, {peak(pid):.0f} at most; others read within {waits[-1]:.0f} ms (p95)"
            )


async def main(server: Server) -> None:
    """The limit, and each way in."""
    bound = await limit(server)
    await over_http("one request of all, atomic", "atomic", each(EVENTS)(), bound)
    await over_http("requests of 10,000, atomic", "atomic", each(10_000)(), bound)
    await over_http("requests of 1,000, line by line", "partial", each(1_000)(), bound)


if __name__ == "__main__":
    configure_logging("warning", as_json=True)
    heading("Ingest")
    with scratch() as folder, start(folder) as embedded:
        uvloop.run(main(embedded.server))
