"""Sessions are terminated, the server is restarted, and the line to it stalls, under 32 writers and a rebuild.

Everything is projected soon after the last of it, readiness tells each gap, nothing is lost and nothing comes twice.
INCIDENTLOG_TEST_TERMINATIONS=200 makes a deep run of it, INCIDENTLOG_TEST_SEED repeats one.
"""

import asyncio
import os
import random
import secrets
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest

from incidentlog.embedded import Running, start
from incidentlog.runner.replay import replay
from incidentlog.store.builds import SUBJECTS, read_builds, rebuild
from incidentlog.store.connect import Access
from incidentlog.store.read import read_head
from tests.api.serving import make_key
from tests.commands import strike
from tests.folders import open_folder
from tests.network import Line, line
from tests.stories.test_killed import HEADERS, Process, whole

TERMINATIONS = int(os.environ.get("INCIDENTLOG_TEST_TERMINATIONS", "20"))
SEED = int(os.environ.get("INCIDENTLOG_TEST_SEED", "0")) or secrets.randbelow(1_000_000)
WRITERS = 32
BULK, REST = 40, 0.5
"""How many events one in eight of them sends at once, and for how long each rests before it sends more."""
STILL, MARGIN = 2.0, 2.0
"""From how many seconds without progress readiness has to tell it, and how much later it may, on a busy machine."""


@dataclass
class Seen:
    """What was done, what came of it, and what readiness said of it."""

    done: Counter[str] = field(default_factory=Counter)
    sent: set[str] = field(default_factory=set)
    answered: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    rebuilds: int = 0
    slowest: float = 0.0
    gaps: int = 0
    untold: list[float] = field(default_factory=list)
    longest: float = 0.0


@pytest.fixture
def root() -> Iterator[Path]:
    made = open_folder("terminated")
    yield made
    shutil.rmtree(made, ignore_errors=True)


class Chaos:
    """A server of its own, a line to it, and what is done to both."""

    def __init__(self, root: Path, running: Running, wire: Line, seen: Seen) -> None:
        self.root, self.running, self.wire, self.seen = root, running, wire, seen
        self.random = random.Random(SEED)
        self.access = Access(admin=running.server.dsn())

    async def admin(self) -> asyncpg.Connection:
        return await self.access.connect()

    async def rage(self) -> None:
        """Do what the seed says, one after the other."""
        restarts = {self.random.randrange(TERMINATIONS) for _ in range(max(1, TERMINATIONS // 25))}
        for n in range(TERMINATIONS):
            await asyncio.sleep(self.random.uniform(0.05, 0.6))
            what = "restart" if n in restarts else self.random.choices(["terminate", "stall", "cut"], [7, 2, 1])[0]
            self.seen.done[what] += 1
            await getattr(self, what)()

    async def terminate(self) -> None:
        """End one session of the service's; every other time one that is writing, if there is one."""
        admin = await self.admin()
        try:
            found = await admin.fetch(
                "SELECT pid, query LIKE 'COPY%' AS copies FROM pg_stat_activity"
                " WHERE application_name LIKE 'incidentlog %' AND pid <> pg_backend_pid()"
                " AND application_name <> 'incidentlog admin' ORDER BY pid"
            )
            copying = [r["pid"] for r in found if r["copies"]]
            victims = copying if copying and self.random.random() < 0.5 else [r["pid"] for r in found]
            if victims:
                await admin.execute("SELECT pg_terminate_backend($1)", self.random.choice(victims))
        finally:
            await admin.close()

    async def stall(self) -> None:
        self.wire.stall()
        await asyncio.sleep(self.random.uniform(0.2, 4.0))
        if self.random.random() < 0.5:
            self.wire.cut()
        self.wire.flow()

    async def cut(self) -> None:
        self.wire.cut()

    async def restart(self) -> None:
        """Stop the server and start it again, from the one thread that may."""
        self.running.stop()
        self.running = start(self.root, durable=False)

    async def build_anew(self) -> None:
        """Begin a rebuild whenever none is under way."""
        while True:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                admin = await self.admin()
                try:
                    if not any(b.state == "building" for b in await read_builds(admin)):
                        await rebuild(admin, [SUBJECTS])
                        self.seen.rebuilds += 1
                finally:
                    admin.terminate()
            await asyncio.sleep(0.5)

    async def built(self) -> None:
        """Wait until no rebuild is under way, at most a minute."""
        admin = await self.admin()
        try:
            async with asyncio.timeout(60):
                while any(b.state == "building" for b in await read_builds(admin)):
                    await asyncio.sleep(0.1)
        finally:
            admin.terminate()

    async def watch(self, session: aiohttp.ClientSession, url: str) -> None:
        """Compare what readiness says with what is in the database, asked beside the line."""
        since, stuck = time.monotonic(), -1
        while True:
            position = await self.stuck_at()
            if position is None or position != stuck:
                since, stuck = time.monotonic(), -1 if position is None else position
            still = time.monotonic() - since
            self.seen.longest = max(self.seen.longest, still)
            if still > STILL + MARGIN:
                self.seen.gaps += 1
                if await is_ready(session, url) and await self.stuck_at() == stuck:
                    self.seen.untold.append(round(still, 1))
            await asyncio.sleep(0.1)

    async def stuck_at(self) -> int | None:
        """Where the projections are, if there is something to move to; None, too, when nobody can know."""
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            admin = await self.admin()
            try:
                head = (await read_head(admin)).position
                position = min(b.position for b in await read_builds(admin) if b.state == "active")
                return position if position < head else None
            finally:
                admin.terminate()
        return None


async def is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/readyz", timeout=aiohttp.ClientTimeout(5)) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def write(session: aiohttp.ClientSession, url: str, key: str, seen: Seen, stop: asyncio.Event, size: int) -> None:
    """Send events until told to stop, and each until it is answered: what is not known is sent again."""
    who = {"Authorization": f"Bearer {key}"}
    path, kind = ("/v1/events/bulk", "application/x-ndjson") if size > 1 else ("/v1/events", "application/json")
    while not stop.is_set():
        events = [strike() for _ in range(size)]
        seen.sent |= {e["id"] for e in events}
        body = b"\n".join(orjson.dumps(e) for e in events)
        while True:
            began = time.monotonic()
            try:
                async with session.post(
                    url + path, data=body, headers={**who, "Content-Type": kind}, timeout=aiohttp.ClientTimeout(30)
                ) as answer:
                    told = await answer.json()
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            seen.slowest = max(seen.slowest, time.monotonic() - began)
            if answer.status in {200, 201}:
                seen.answered |= dict.fromkeys((e["id"] for e in events), told.get("position", 0))
                break
            assert answer.status == 503, told
            assert int(answer.headers["Retry-After"])
            seen.refused += 1
            await asyncio.sleep(0.1)
        await asyncio.sleep(REST)


async def test_terminations_restarts_and_stalls_lose_and_double_nothing_and_are_told(root: Path):
    say(f"INCIDENTLOG_TEST_SEED={SEED}, {TERMINATIONS} terminations")
    seen, stop = Seen(), asyncio.Event()
    running = start(root, durable=False)
    service: Process | None = None
    try:
        async with line(running.server.port) as wire, aiohttp.ClientSession() as session:
            chaos = Chaos(root, running, wire, seen)
            dsn = replace(running.server, port=wire.port).tcp_dsn()
            service = Process(root, INCIDENTLOG_DSN=dsn, INCIDENTLOG_STILL_SECONDS=f"{STILL}",
                              INCIDENTLOG_APPEND_SECONDS="3", INCIDENTLOG_LOG_LEVEL="warning")  # fmt: skip
            url = await service.started()
            sizes = [BULK if n % 8 == 0 else 1 for n in range(WRITERS)]
            keys = [secrets.token_urlsafe(16) for _ in sizes]  # each its own: of one key not so many files come at once
            for n, key in enumerate(keys):
                await make_key(chaos.access, f"writer-{n}", key, scopes=("report",))
            writers = [
                asyncio.create_task(write(session, url, key, seen, stop, size))
                for key, size in zip(keys, sizes, strict=True)
            ]
            beside = [asyncio.create_task(chaos.build_anew()), asyncio.create_task(chaos.watch(session, url))]
            try:
                await chaos.rage()
                began = time.monotonic()
                stop.set()
                async with asyncio.timeout(60):
                    await asyncio.gather(*writers)
                head, took = await projected(session, url, began)
                running = chaos.running
            finally:
                stop.set()
                running = chaos.running
                for task in (*beside, *writers):
                    task.cancel()
                await asyncio.gather(*beside, *writers, return_exceptions=True)
            log, rows = await whole(session, url)
            told(seen, head, took)
            assert service.process.poll() is None
            await right(seen, log, rows)
            await chaos.built()
            assert (await replay(chaos.access)).same
        assert service.stop() == 0
    finally:
        if service is not None:
            service.close()
        running.stop()


async def projected(session: aiohttp.ClientSession, url: str, began: float) -> tuple[int, float]:
    """Wait until everything is projected and the service is ready, at most 30 s; the head, and how long it took."""
    ready: Any = None
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(
                f"{url}/readyz?verbose", headers=HEADERS, timeout=aiohttp.ClientTimeout(5)
            ) as answer:
                ready = await answer.json()
            if answer.status == 200 and ready["lag_events"] == 0:
                return ready["head"], time.monotonic() - began
        await asyncio.sleep(0.05)
    pytest.fail(f"not well 30 s after the last: {ready}")


def say(line: str) -> None:
    sys.stderr.write(line + "\n")


def told(seen: Seen, head: int, took: float) -> None:
    """The figures, for who runs it by hand."""
    say(f"{dict(seen.done)}, {seen.rebuilds} rebuilds begun, {head} events, {seen.refused} answers 503, the slowest "
          f"answer after {seen.slowest:.1f} s; all projected {took:.1f} s after the last; the longest standstill "
          f"{seen.longest:.1f} s, {seen.gaps} looks at gaps, untold {seen.untold}")  # fmt: skip


async def right(seen: Seen, log: list[dict[str, Any]], rows: dict[str, Any]) -> None:
    """Nothing is lost, nothing is there twice, and each gap was told."""
    assert [e["position"] for e in log] == list(range(1, len(log) + 1))
    assert sorted(e["id"] for e in log) == sorted(seen.sent)
    assert seen.answered.keys() == seen.sent
    where = {e["id"]: e["position"] for e in log}
    assert all(where[event_id] == position for event_id, position in seen.answered.items() if position)
    assert sum(row["incidents"] for row in rows.values()) == len(log)
    assert seen.untold == []
