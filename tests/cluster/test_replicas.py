"""Reads from a replica are never stale: it answers only where it has replayed all that the leader had."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from incidentlog.client import Client
from incidentlog.clock import SystemClock
from incidentlog.config import Settings
from incidentlog.service.replicas import SEVERAL, LeftOutError, Replica
from tests.api.serving import ADMIN, Served, make_key, serving
from tests.cluster.pair import Pair, dsn_of
from tests.cluster.reading import CITIES, ODESA, reads_under_load, replica_of, replicas_of, replicated, used
from tests.commands import about, strike
from tests.network import line


@pytest.fixture
async def service(pair: Pair) -> AsyncIterator[Served]:
    async with replicated(pair) as served:
        await used(served)
        yield served


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
    await make_key(service.access, "reader", key, scopes=("read",))
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


async def test_the_client_reads_what_it_wrote_at_whichever_node(pair: Pair, service: Served):
    elsewhere = Settings(dsn=pair.dsn, schema=service.access.schema)
    async with (
        serving(service.access, settings=elsewhere, clock=SystemClock(), again=True) as other,
        Client(service.url, ADMIN) as client,
    ):
        for n in range(1, 6):
            await client.append(strike(stream=f"strike:{n}"))
            client._asking.url = other.url if n % 2 else service.url
            assert (await client.projection("city_incidents")).rows[ODESA]["incidents"] == n
            assert (await client.subject(f"strike:{n}")).basis.position == n
            assert len([row async for row in client.subjects("strike")]) == n


async def test_what_leads_to_several_servers_or_to_the_leader_is_left_out(pair: Pair):
    async with replicated(pair, dsn_read=dsn_of(pair.leader, pair.standby)) as service, line(pair.leader.port) as wire:
        leader, standby = replicas_of(service).each
        async with asyncio.timeout(60):
            while leader.left_out != "it is the leader" or standby.left_out is not None:
                await asyncio.sleep(0.01)
        # A balancer: each connection leads to another server than the one before.
        balanced = Replica(service.access, pair.standby.dsn.replace(pair.standby.host, f"127.0.0.1:{wire.port}"))
        wire.target = pair.standby.port
        following = asyncio.create_task(balanced.run())
        try:
            async with asyncio.timeout(60):
                while balanced.left_out is not None:
                    await asyncio.sleep(0.01)
                assert balanced.pool is not None
                wire.target = pair.leader.port
                await balanced.pool.expire_connections()
                with pytest.raises(LeftOutError):
                    await balanced.pool.fetchval("SELECT 1")
                while balanced.left_out not in {SEVERAL, "it is the leader"}:
                    await asyncio.sleep(0.01)
        finally:
            following.cancel()


async def test_what_a_replica_cannot_answer_the_leader_does(pair: Pair, service: Served):
    (position,) = await service.add(strike(stream=None))
    replicas_of(service)._wait_seconds = 60
    pool = replica_of(service).pool
    assert pool is not None
    for connection in [await pool.acquire() for _ in range(2)]:
        await pair.standby.run("SELECT pg_terminate_backend($1, 5000)", connection.get_server_pid())
        await pool.release(connection)
    pool.terminate()
    answer = await service.get(CITIES, min_position=position)
    assert answer.json["rows"][ODESA]["incidents"] == 1


async def test_reads_that_come_together_ask_the_leader_once(pair: Pair, service: Served):
    asked = 0
    replicas = replicas_of(service)
    ask = replicas._ask

    async def counted(before: Any) -> Any:
        nonlocal asked
        asked += 1
        return await ask(before)

    replicas._ask = counted  # type: ignore[method-assign]
    marks = await asyncio.gather(*(replicas._mark() for _ in range(50)))
    assert len({id(mark) for mark in marks}) == asked < 5
