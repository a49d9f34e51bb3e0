"""A service that reads from a standby, and readers that look for what is old."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from incidentlog.clock import SystemClock
from incidentlog.config import Settings
from incidentlog.service.replicas import Replica, Replicas
from incidentlog.store.connect import Access
from incidentlog.store.migrate import migrate
from tests.api.serving import Served, serving
from tests.cluster.pair import Pair, dsn_of
from tests.commands import strike

ODESA = "geonames:698740"
CITIES = "/v1/projections/city_incidents"
_logs = count(1)


@asynccontextmanager
async def replicated(pair: Pair, *, runner_apart: bool = False, **given: Any) -> AsyncIterator[Served]:
    """A service on a log of its own, which reads from the pair's standby."""
    schema = f"log_{next(_logs)}"
    access = Access(admin=pair.dsn, schema=schema)
    await migrate(access)
    settings = Settings(**{"dsn": pair.dsn, "dsn_read": dsn_of(pair.standby), "schema": schema, **given})
    async with serving(access, settings=settings, clock=SystemClock(), runner_apart=runner_apart) as served:
        await served.ready()
        yield served


def replicas_of(service: Served) -> Replicas:
    assert service.service.replicas is not None
    return service.service.replicas


def replica_of(service: Served) -> Replica:
    (replica,) = replicas_of(service).each
    return replica


async def used(service: Served) -> None:
    """Wait until the replica is read from."""
    async with asyncio.timeout(60):
        while replicas_of(service).why_left_out(replica_of(service)) is not None:
            await asyncio.sleep(0.01)


async def reads_under_load(
    service: Served, *, writers: int, readers: int, reads: int, pace_seconds: float = 0.02
) -> dict[str, int]:
    """Readers that each ask for what was just acknowledged; how many were answered with less than that."""
    acknowledged, tally = [0], {"reads": 0, "stale": 0}
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            (position,) = await service.add(strike(stream=None))
            acknowledged[0] = max(acknowledged[0], position)
            await asyncio.sleep(pace_seconds)  # the runner shares this loop, and is waited for

    async def read() -> None:
        while tally["reads"] < reads:
            tally["reads"] += 1
            least = acknowledged[0]
            answer = await service.ask(
                "GET", CITIES, params={"min_position": str(least)}, headers={"Prefer": "wait=10"}
            )
            if answer.status == 503:  # the runner is not that far, and says so
                continue
            assert answer.status == 200, answer
            position = answer.json["basis"]["position"]
            counted = answer.json["rows"].get(ODESA, {"incidents": 0})["incidents"]
            # Each event is one incident there: whoever shows fewer than the basis says has not replayed it.
            tally["stale"] += position < least or counted != position

    before = replica_of(service).reads
    writing = [asyncio.create_task(write()) for _ in range(writers)]
    try:
        await asyncio.gather(*(read() for _ in range(readers)))
    finally:
        done.set()
        await asyncio.gather(*writing)
    return {**tally, "replica": replica_of(service).reads - before, "leader": replicas_of(service).waited_in_vain}
