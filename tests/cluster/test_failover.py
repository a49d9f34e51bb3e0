"""The leader goes, a standby takes its place: what was acknowledged is there, once, and the service goes on by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from incidentlog.audit.beginning import begin_if_new
from incidentlog.audit.state import Folder
from incidentlog.clock import SystemClock
from incidentlog.config import Settings
from incidentlog.store.connect import Access, lost, to_leader, why
from incidentlog.store.migrate import migrate
from incidentlog.store.replication import NotSynchronousError, check_synchronous
from tests.api.serving import Served, serving
from tests.cluster.pair import Pair, dsn_of
from tests.commands import strike

WRITERS = 8


@asynccontextmanager
async def served_by(pair: Pair, folder: Folder | None = None, **given: Any) -> AsyncIterator[Served]:
    """A service that knows of both servers."""
    access = Access(admin=pair.dsn)
    await migrate(access)
    if folder is not None:
        await begin_if_new(access, folder, origin=None, key=None)
    settings = Settings(dsn=pair.dsn, **given)
    async with serving(access, settings=settings, clock=SystemClock(), folder=folder) as service:
        await service.ready()
        yield service


async def test_kill_9_of_the_leader_loses_nothing_that_a_synchronous_standby_has(own_pair: Pair, tmp_path: Path):
    async with served_by(own_pair, Folder(tmp_path / "log")) as service:
        await own_pair.synchronous("*")
        acknowledged: dict[str, int] = {}
        enough, over = asyncio.Event(), asyncio.Event()

        async def write() -> None:
            while not over.is_set():
                event = strike(stream=None)
                while event["id"] not in acknowledged:
                    answer = await service.post(event)
                    assert answer.status in {200, 201, 503}, answer
                    if answer.status != 503:
                        acknowledged[event["id"]] = answer.json["position"]
                    else:
                        await asyncio.sleep(0.05)
                if len(acknowledged) >= 60:
                    enough.set()

        async with asyncio.timeout(120):
            writing = [asyncio.create_task(write()) for _ in range(WRITERS)]
            await enough.wait()
            own_pair.leader.kill()
            before = len(acknowledged)
            await asyncio.to_thread(own_pair.standby.promote)
            while len(acknowledged) < before + 40:
                await asyncio.sleep(0.02)
            over.set()
            await asyncio.gather(*writing)
            head = await service.settled()
            await service.ready()
            while service.service.notary.size < head:
                assert service.service.notary.contradiction is None
                await asyncio.sleep(0.05)
        found = (await service.get("/v1/events", limit=1_000)).json["events"]
        assert [event["position"] for event in found] == list(range(1, head + 1))
        there = {event["id"]: event["position"] for event in found}
        assert len(there) == len(found)
        assert acknowledged.items() <= there.items()
        (row,) = (await service.rows("city_incidents")).values()
        assert row["incidents"] == len(found)


async def test_a_leader_that_lacks_what_was_acknowledged_is_refused(own_pair: Pair):
    async with served_by(own_pair) as service:
        await service.add(*(strike(stream=None) for _ in range(3)))
        await service.settled()
        own_pair.standby.stop()
        await service.add(strike(stream=None))
        own_pair.leader.kill()
        own_pair.standby.launch()
        await own_pair.standby.answers()
        await asyncio.to_thread(own_pair.standby.promote)
        async with asyncio.timeout(60):
            while (refused := await service.post(strike(stream=None))).slug != "tampered":
                assert refused.status == 503, refused
                await asyncio.sleep(0.05)
            assert "the log ends at 3, and was at 4" in refused.json["detail"]
            while service.service.notary.status != "tampered":
                await asyncio.sleep(0.05)
        assert (await service.get("/readyz")).status == 503
        assert await service.head() == 3


async def test_of_several_servers_the_one_that_leads_is_found_and_said_to_be_another_by_and_by(own_pair: Pair):
    one, two = own_pair.leader, own_pair.standby
    both = dsn_of(two, one)
    pool = await Access(admin=both).pool("reader", 2)
    port = "SELECT inet_server_port()"
    assert await pool.fetchval(port) == one.port
    one.kill()
    with pytest.raises((OSError, asyncpg.TargetServerAttributeNotMatched)) as none:
        await to_leader(both)
    assert lost(none.value)
    await asyncio.to_thread(two.promote)
    with capture_logs() as said:
        connection = await to_leader(both)
    assert await connection.fetchval(port) == two.port
    await connection.close()
    assert [line["event"] for line in said] == ["leader_changed"]
    assert {said[0]["before"], said[0]["now"]} == {one.host, two.host}
    assert await pool.fetchval(port) == two.port
    pool.terminate()


async def test_a_standby_alone_does_not_lead_and_the_message_says_so(pair: Pair):
    standby = pair.standby
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched) as none:
        await to_leader(dsn_of(standby, standby))
    assert lost(none.value)
    assert why(none.value).startswith("none of the servers is the leader")


async def test_that_a_failover_could_lose_what_is_acknowledged_is_said_and_refused_where_that_is_wished(pair: Pair):
    access = Access(admin=pair.dsn, schema="warned")
    await migrate(access)
    settings = Settings(dsn=pair.dsn, schema="warned", synchronous="needed")
    with pytest.raises(NotSynchronousError, match="synchronous_standby_names is empty"):
        await check_synchronous(access)
    async with serving(access, settings=settings, clock=SystemClock()) as service:
        refused = await service.post(strike(stream=None))
        assert (refused.status, refused.slug) == (503, "unavailable")
        assert "synchronous_standby_names is empty" in refused.json["detail"]
        told = (await service.get("/readyz", verbose="")).json
        assert told["checks"]["appends"] in told["warnings"]
        standbys = service.service.standbys
        assert standbys is not None
        await pair.synchronous("*")
        try:
            await check_synchronous(access)
            await standbys.look()
            await service.add(strike(stream=None))
            await pair.synchronous("nobody")
            await standbys.look()
            assert (await service.post(strike(stream=None))).status == 503
        finally:
            await pair.synchronous("")
    async with serving(access, settings=Settings(dsn=pair.dsn, schema="warned"), again=True) as service:
        await service.add(strike(stream=None))
        warnings = (await service.get("/readyz", verbose="")).json["warnings"]
        assert [w for w in warnings if "synchronous_standby_names is empty" in w]
        assert "incidentlog_failover_safe 0.0" in (await service.get("/metrics")).raw.decode()


async def test_a_server_that_takes_no_writes_by_now_is_left_and_come_back_to(pair: Pair):
    access = Access(admin=pair.dsn, schema="read_only")
    await migrate(access)
    settings = Settings(dsn=pair.dsn, schema="read_only", append_seconds=1)

    async def read_only(value: str) -> None:
        await pair.leader.run(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        await pair.leader.run("SELECT pg_reload_conf()")

    async with serving(access, settings=settings, clock=SystemClock()) as service:
        await service.add(strike(stream=None))
        event = strike(stream=None)
        await read_only("on")
        try:
            async with asyncio.timeout(60):
                # The session hears of it when it is reloaded, and an append may come before.
                while (refused := await service.post(strike(stream=None))).status == 201:
                    await asyncio.sleep(0.02)
            assert refused.status == 503
            assert "read-only" in refused.json["detail"]
            assert (await service.get("/v1/events")).status == 200
        finally:
            await read_only("off")
        async with asyncio.timeout(60):
            while (await service.post(event)).status == 503:
                await asyncio.sleep(0.02)
        assert (await service.post(event)).status == 200
