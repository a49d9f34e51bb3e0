"""Reads from a replica are never stale: it answers only where it has replayed all that the leader had."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from incidentlog.clock import SystemClock
from incidentlog.config import Settings
from incidentlog.service.replicas import Replica, Replicas
from incidentlog.store.connect import Access
from incidentlog.store.migrate import migrate
from tests.api.serving import Served, make_key, serving
from tests.cluster.pair import Pair, dsn_of
from tests.commands import about, strike

ODESA = "geonames:698740"
CITIES = "/v1/projections/city_incidents"
_logs = iter(range(1, 1_000))


@asynccontextmanager
async def replicated(pair: Pair, **given: Any) -> AsyncIterator[Served]:
    """A service on a log of its own, which reads from the pair's standby."""
    schema = f"log_{next(_logs)}"
    access = Access(admin=pair.dsn, schema=schema)
    await migrate(access)
    settings = Settings(**{"dsn": pair.dsn, "dsn_read": dsn_of(pair.standby), "schema": schema, **given})
    async with serving(access, settings=settings, clock=SystemClock()) as served:
        await served.ready()
        yield served


@pytest.fixture
async def service(pair: Pair) -> AsyncIterator[Served]:
    async with replicated(pair) as served:
        await used(served)
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


async def left_out(service: Served) -> str:
    """Wait until it is not; why."""
    async with asyncio.timeout(60):
        while (why := replicas_of(service).why_left_out(replica_of(service))) is None:
            await asyncio.sleep(0.01)
    return why


async def test_a_read_is_answered_by_the_replica_and_by_it_alone(pair: Pair, service: Served):
    (position,) = await service.add(strike(stream=None))
    replicas_of(service)._wait_seconds = 60
    answer = await service.get(CITIES, min_position=position)
    assert answer.json["rows"][ODESA]["incidents"] == 1
    assert answer.json["basis"]["position"] == position
    before = replica_of(service).reads
    for path in (f"{CITIES}/{ODESA}", "/v1/events", "/v1/subjects", "/v1/cloudevents", "/v1/diff?from_position=0"):
        assert (await service.ask("GET", path)).status == 200
    assert replica_of(service).reads == before + 5
    assert replicas_of(service).waited_in_vain == 0


async def test_one_that_replays_nothing_shows_nothing_old_and_is_left_out_until_it_has_caught_up(pair: Pair):
    async with replicated(pair, replica_seconds=1) as service:
        await used(service)
        await pair.pause()
        try:
            event = strike(stream=None)
            (position,) = await service.add(event)
            rows = await service.rows("city_incidents", min_position=position)
            assert rows[ODESA]["incidents"] == 1
            assert (await left_out(service)).endswith("s behind")
            told = (await service.get("/readyz", verbose="")).json
            (replica,) = told["replicas"]
            assert replica["server"] == pair.standby.host
            assert replica["left_out"].endswith("s behind")
            assert replica["lag_seconds"] > 1
            assert told["status"] == "ok"
            reads = replica_of(service).reads
            retracted = about("retracted", event["id"], reason="a mistake")
            (position,) = await service.add(retracted)
            assert ODESA not in await service.rows("city_incidents", min_position=position)
            assert replica_of(service).reads == reads
        finally:
            await pair.resume()
        await used(service)
        assert ODESA not in await service.rows("city_incidents", min_position=position)
        metrics = (await service.get("/metrics")).raw.decode()
        assert f'incidentlog_replica_read_from{{server="{pair.standby.host}"}} 1.0' in metrics


async def test_what_was_erased_and_a_key_that_was_revoked_are_gone_at_once_though_the_replica_has_them(
    pair: Pair, service: Served
):
    event = strike(stream=None)
    await service.add(event)
    key = "a-key-that-is-revoked"
    await make_key(service.access, "reader", key)
    reader = service.by(key)
    await pair.pause()
    try:
        await service.add(about("erased", event["id"], part="body", ground="asked to"))
        told = (await service.get(f"/v1/events/{event['id']}")).json
        assert told["status"] == "erased"
        assert (await reader.get("/v1/events")).status == 200
        assert (await service.ask("DELETE", "/v1/keys/reader")).status == 204
        async with asyncio.timeout(60):
            while (await reader.get("/v1/events")).status != 401:
                await asyncio.sleep(0.02)
    finally:
        await pair.resume()


async def test_of_thousands_of_reads_under_load_none_is_stale(pair: Pair, service: Served):
    """Bounded; `tests/benchmarks/stale.py` makes 10,000."""
    tally = await reads_under_load(service, writers=2, readers=4, reads=100)
    assert tally["stale"] == 0
    assert tally["replica"] > 0, tally


async def reads_under_load(service: Served, *, writers: int, readers: int, reads: int) -> dict[str, int]:
    """Readers that each ask for what was just acknowledged; how many were answered with less than that."""
    acknowledged, tally = [0], {"reads": 0, "stale": 0}
    done = asyncio.Event()

    async def write() -> None:
        while not done.is_set():
            (position,) = await service.add(strike(stream=None))
            acknowledged[0] = max(acknowledged[0], position)
            await asyncio.sleep(0.02)  # the runner shares this loop, and is waited for

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
