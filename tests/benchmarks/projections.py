"""The projections on a long history: how fast they follow and are rebuilt, and how soon they answer as of any position.

python -m tests.benchmarks.projections [--runners NUMBER] [EVENTS ...]      100,000 and 1,000,000 by default

With several runners as many processes follow, and as many build anew, as with `INCIDENTLOG_RUNNERS`.
The history is that of `history.py`. The limit beside the figures: unpacking and summing all lines of a ledger.
"""

import argparse
import asyncio
import random
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import uuid4

import orjson

import incidentlog.projections  # noqa: F401 - registers every event and projection
from incidentlog.api.moment import Moment
from incidentlog.api.rows import ask
from incidentlog.beside import RUNNER, Processes
from incidentlog.clock import SystemClock
from incidentlog.embedded import start
from incidentlog.events.values import Tlp
from incidentlog.folding.rows import Grouping
from incidentlog.folding.shapes import Tally
from incidentlog.folding.totalling import Part, Window, total
from incidentlog.projections import PROJECTIONS
from incidentlog.runner import RebuilderApart, RunnerApart, Wakeup
from incidentlog.service.service import spare_the_collector
from incidentlog.store.append import append
from incidentlog.store.builds import SUBJECTS, active_builds, read_builds, rebuild
from incidentlog.store.connect import Access, Connection, Pool
from incidentlog.store.migrate import migrate
from incidentlog.store.read import read_head
from incidentlog.store.segments import read_pages
from tests.benchmarks.history import commands
from tests.benchmarks.machine import heading, percentile, scratch
from tests.commands import command, strike
from tests.conftest import access_to, run_admin

CHUNK: Final = 5_000
ASKED: Final = 200
POSTS: Final = 300


async def fill(access: Access, total: int) -> None:
    """Append a history, as files are taken in."""
    connection = await access.connect()
    started = time.perf_counter()
    made = commands(total)
    try:
        while chunk := list(islice(made, CHUNK)):
            await append(connection, chunk, atomic=True)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    print(f"{total:,} events made and appended in {time.perf_counter() - started:,.0f} s", flush=True)


def peak_of(pid: int) -> float:
    """The most memory that a process has had, in MiB; 0 where it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def children() -> list[int]:
    """The processes of runner and rebuilder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if b"incidentlog.runner" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


async def timed(name: str, total: int, done: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is done; print the rate and the most memory of who did it."""
    started, peak = time.perf_counter(), 0.0
    while not await done():
        await asyncio.sleep(0.5)
        peak = max([peak, *map(peak_of, children())])
    seconds = time.perf_counter() - started
    print(f"{name:<58}{total / seconds:>10,.0f}/s   {seconds:,.0f} s, peak {peak:,.0f} MiB", flush=True)


async def catch_up(access: Access, pool: Pool, runner: RunnerApart) -> None:
    """From zero, one batch after the other."""
    head = (await read_head(pool)).position

    async def done() -> bool:
        return runner.position >= head

    await timed("following, from zero to the head", head, done)


async def build_beside(access: Access, pool: Pool) -> None:
    """All of it anew, beside what answers."""
    connection = await access.connect("runner")
    begun = {b.build for b in await rebuild(connection, [SUBJECTS])}

    async def done() -> bool:
        return not any(b.build in begun and b.state == "building" for b in await read_builds(pool))

    await timed("rebuilding all beside what answers", (await read_head(pool)).position, done)
    await connection.close()


class Asking:
    """Reads as the routes make them."""

    def __init__(self, access: Access, pool: Pool, head: int) -> None:
        self.service = type("Service", (), {"pool": pool, "access": access, "document": asyncio.Lock()})()
        self.head = head
        self.random = random.Random(1)

    async def once(self, name: str, key: str | None = None, **params: str) -> float:
        """Seconds of one answer as of a random position."""
        from incidentlog.api.rows import answer_of

        moment = Moment(
            at=SystemClock().now(), position=self.random.randint(1, self.head), by="recorded", known_at=None,
            open=False, least=0, pinned=True,
        )  # fmt: skip
        asked = ask(PROJECTIONS[name], {k: [v] for k, v in params.items()})
        started = time.perf_counter()
        await answer_of(self.service, asked, moment, Tlp.RED, key)
        return time.perf_counter() - started

    async def many(self, told: str, name: str, key: str | None = None, **params: str) -> None:
        """Median and the 99th in a hundred of many."""
        await self.once(name, key, **params)
        show(told, [await self.once(name, key, **params) for _ in range(ASKED)])


def show(told: str, seconds: Sequence[float]) -> None:
    print(
        f"{told:<70}p50 {statistics.median(seconds) * 1e3:7.1f} ms   p99 {percentile(seconds, 0.99) * 1e3:7.1f} ms",
        flush=True,
    )


async def limits(connection: Connection, build: int) -> None:
    """What the machine can do at most in this run."""
    tally = PROJECTIONS["city_incidents"]
    assert isinstance(tally, Tally)
    started = time.perf_counter()
    grouping, window = Grouping(("place",)), Window(0, sys.maxsize, int(Tlp.RED))
    parts = [Part(lines, window, tally.dimensions) async for lines in read_pages(connection, build, sys.maxsize)]
    read = time.perf_counter()
    total(parts, grouping, len(tally.measures))
    summed, rows = time.perf_counter(), sum(part.lines.count for part in parts)
    print(f"{rows:,} lines of city_incidents read and unpacked in {(read - started) * 1e3:.1f} ms, "
          f"summed by place in {(summed - read) * 1e3:.1f} ms")  # fmt: skip


async def latencies(access: Access, runner: RunnerApart, grown: Wakeup, asking: Asking) -> None:
    """From a single append to its being projected, while others read."""
    connection = await access.connect("appender")
    stop = asyncio.Event()

    async def read() -> None:
        while not stop.is_set():
            await asking.once("city_incidents")

    readers = [asyncio.create_task(read()) for _ in range(2)]
    took = []
    try:
        for _ in range(POSTS):
            event = orjson.loads(orjson.dumps(strike(id=str(uuid4()))))
            started = time.perf_counter()
            (outcome,) = await append(connection, [command(event)])
            grown.ring()
            await runner.reached(outcome.position, 10)
            took.append(time.perf_counter() - started)
            await asyncio.sleep(0.01)
    finally:
        stop.set()
        await asyncio.gather(*readers)
        await connection.close()
    show("a single append to its being projected, two reading all the time", took)


async def run(root: Path, total: int, runners: int = 1) -> None:
    """Everything, on a history of some length."""
    with start(root) as running:
        await run_admin(running.server, "CREATE DATABASE bench")
        access = access_to(running.server, "bench")
        await migrate(access)
        await fill(access, total)
        pool = await access.pool("reader")
        grown = Wakeup()

        async def learn() -> None:
            """Nothing is registered in this history."""

        runner = RunnerApart(access, grown, learn, Processes(RUNNER), processes=runners, log_level="error")
        rebuilder = RebuilderApart(access, pool, Processes(RUNNER), processes=runners, log_level="error")
        async with asyncio.TaskGroup() as work:
            follow = work.create_task(runner.run())
            await catch_up(access, pool, runner)
            beside = work.create_task(rebuilder.run())
            await build_beside(access, pool)
            beside.cancel()
            connection = await access.connect()
            await connection.execute("VACUUM ANALYZE")
            await asyncio.sleep(5)  # snapshots that are due are taken when nothing else is
            builds = await active_builds(pool)
            await limits(connection, builds["city_incidents"].build)
            sizes = await connection.fetchrow(
                "SELECT pg_total_relation_size('segments') / 1048576, pg_total_relation_size('subjects') / 1048576,"
                " pg_total_relation_size('snapshots') / 1048576, pg_total_relation_size('documents') / 1048576,"
                " pg_total_relation_size('events') / 1048576"
            )
            print("MiB, of two builds: ledgers {}, subjects {}, snapshots {}, documents {}; events {}".format(*sizes))
            asking = Asking(access, pool, total)
            spare_the_collector()
            await asking.many("as of a random position: city_incidents by place", "city_incidents")
            await asking.many("  by admin1 and kind", "city_incidents", group_by="admin1,kind")
            await asking.many(
                "  by day, one month", "city_incidents", group_by="day", since="2024-01-01", until="2024-02-01"
            )
            await asking.many("  one place by day", "city_incidents", group_by="day", place="geonames:698740")
            await asking.many("  ceasefire_status, one ceasefire", "ceasefire_status", "ceasefire:benchmark-3")
            await asking.many("  ceasefire_status, all with the headline", "ceasefire_status")
            await asking.many("  talks_ledger, one track", "talks_ledger", "track-3")
            await latencies(access, runner, grown, asking)
            await connection.close()
            follow.cancel()
        await pool.close()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"processor time of the children: {used.ru_utime + used.ru_stime:,.0f} s")


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--runners", type=int, default=1)
    asked.add_argument("events", type=int, nargs="*", default=[100_000, 1_000_000])
    given = asked.parse_args()
    heading("Projections" if given.runners == 1 else f"Projections, {given.runners} runners")
    for number in given.events:
        with scratch() as folder:
            asyncio.run(run(folder, number, given.runners))
