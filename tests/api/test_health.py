"""Whether the service lives, and says so when it cannot do its work."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from incidentlog.api.health import FAILS
from incidentlog.audit.beginning import begin_if_new
from incidentlog.audit.state import Folder
from incidentlog.config import Settings
from incidentlog.embedded import Server
from incidentlog.events.values import Tlp
from incidentlog.folding.shapes import Projection
from incidentlog.projections import PROJECTIONS
from incidentlog.service.ahead import Ahead
from incidentlog.store import connect, keys
from incidentlog.store.connect import Access
from incidentlog.store.doctor import ahead
from incidentlog.zones import packaged
from tests.api.serving import ADMIN, Served, make_key, serving
from tests.commands import strike
from tests.conftest import run_admin
from tests.live.following import client


async def test_a_service_in_order_says_so(service: Served):
    await service.add(strike())
    await service.settled()
    assert (await service.by(None).get("/livez")).json == {"status": "ok"}
    assert (await service.by(None).get("/readyz")).json == {"status": "ok"}
    told = (await service.get("/readyz?verbose")).json
    assert told["checks"] == {"database": "ok", "appends": "ok", "projections": "ok"}
    assert (told["head"], told["position"], told["lag_events"]) == (1, 1, 0)
    assert (told["lag_seconds"], told["still_seconds"]) == (0, 0)
    assert (told["roles"], told["zone"]) == ("separate", "Europe/Kyiv")
    assert told["zone_data"] == packaged().id
    assert told["log"] == str(service.service.log.id)


async def test_how_long_the_log_is_is_told_to_those_who_may_read_it(access: Access):
    """Whether the service is ready is told to anybody, and nothing else is."""
    await make_key(access, "reporter", "a-key-that-reports-only", scopes=("report",))
    for open_read, statuses in ((False, (401, 403, 200)), (True, (200, 403, 200))):
        settings = Settings(open_read=open_read)
        async with serving(access, settings=settings, again=open_read) as service:
            await service.ready()
            for key, status in zip((None, "a-key-that-reports-only", ADMIN), statuses, strict=True):
                asked = service.by(key)
                assert (await asked.get("/readyz?verbose")).status == status, (open_read, key)
                assert (await asked.get("/readyz")).json == {"status": "ok"}
            assert (await service.by("nobodys-key").get("/readyz?verbose")).status == 401


def choking(monkeypatch: pytest.MonkeyPatch, tally: Projection) -> None:
    """Let a tally choke on any strike, and quote it."""

    def contributions(subject: Any) -> Any:
        raise ValueError(f"{subject.stream} cannot be swallowed")

    monkeypatch.setattr(tally, "contributions", contributions)


async def test_what_is_hidden_and_set_aside_is_counted_for_those_who_may_see_it(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    await make_key(service.access, "reader", "a-key-that-reads", scopes=("read",))
    choking(monkeypatch, PROJECTIONS["city_incidents"])
    await service.add(strike(tlp="RED"))
    await service.settled()
    counted = [
        (await asked.get("/readyz?verbose")).json["projections"]["city_incidents"]["parked"]
        for asked in (service, service.by("a-key-that-reads"))
    ]
    assert counted == [1, 0]


async def test_why_the_projections_fail_quotes_no_event_to_those_who_may_not_see_it(
    service: Served, monkeypatch: pytest.MonkeyPatch
):
    await make_key(service.access, "reader", "a-key-that-reads", scopes=("read",), clearance=Tlp.AMBER_STRICT)
    tally = PROJECTIONS["city_incidents"]
    choking(monkeypatch, tally)
    monkeypatch.setattr(tally, "poison", "stop")
    await service.add(strike(stream="strike:secret", tlp="RED"))
    async with asyncio.timeout(60):
        while service.service.runner.failure is None:
            await asyncio.sleep(0.01)
    checks = [
        (await asked.get("/readyz?verbose")).json["checks"]["projections"]
        for asked in (service, service.by("a-key-that-reads"))
    ]
    assert "strike:secret cannot be swallowed" in checks[0]
    assert checks[1] == FAILS


async def test_a_part_that_is_cancelled_by_nobody_ends_the_service(access: Access, monkeypatch: pytest.MonkeyPatch):
    """Else it would answer on without that part."""

    async def run(_: Ahead) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(Ahead, "run", run)
    with pytest.raises(ExceptionGroup) as ended:
        async with serving(access), asyncio.timeout(60):
            await asyncio.Event().wait()
    assert str(ended.value.exceptions[0]) == "Ahead was cancelled, and nobody ended it"


async def test_a_node_that_says_it_is_ready_can_be_followed_at_once(access: Access, monkeypatch: pytest.MonkeyPatch):
    """However seldom the hub, and the node, look by themselves what is built."""
    monkeypatch.setattr("incidentlog.live.hub.BUILD_SECONDS", 60.0)
    monkeypatch.setattr("incidentlog.service.nodes.POLL_SECONDS", 60.0)
    async with serving(access, settings=Settings(notify=False)) as service:
        await service.ready()
        url, headers = service.url.replace("http", "ws") + "/v1/live", {"Authorization": f"Bearer {ADMIN}"}
        async with client(url, additional_headers=headers) as c:
            await c.subscribe("city_incidents")


async def test_a_log_whose_time_is_ahead_of_the_clock_is_warned_of(access: Access):
    """A clock that was ahead by 400 days leaves the log's time there: instants never go back."""
    connection = await access.connect()
    async with serving(access) as service:
        await service.add(strike())
        await service.ready()
        assert (await service.get("/readyz?verbose")).json["warnings"] == []
        await connection.execute("ALTER TABLE commits DISABLE TRIGGER append_only")
        await connection.execute("UPDATE commits SET recorded_at = recorded_at + interval '400 days'")
        await connection.execute("ALTER TABLE commits ENABLE ALWAYS TRIGGER append_only")
        first, second = [(await service.post(strike())).json["recorded_at"] for _ in range(2)]
        assert first[:19] == second[:19]
        with capture_logs() as logged:
            told = await service.get("/readyz?verbose")
            await service.get("/readyz?verbose")
        assert (told.status, told.json["status"]) == (200, "ok")  # it can work all the same
        (warning,) = told.json["warnings"]
        assert re.search(r"(399|400) days.* ahead of the database's clock", warning)
        assert [line["detail"] for line in logged if line["event"] == "log_ahead_of_clock"] == [warning]
        assert (await ahead(connection)) is not None
    await connection.close()


async def test_that_nobody_signs_is_warned_of(access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The folder with the key is lost: appends go on, and nothing else would show it."""
    monkeypatch.setattr("incidentlog.audit.notary.UNSIGNED_SECONDS", 0.0)
    await begin_if_new(access, Folder(tmp_path / "lost"), origin="log.example/incidents", key=None)
    async with serving(access, folder=Folder(tmp_path / "new")) as service, asyncio.timeout(60):
        await service.ready()
        assert (await service.get("/readyz?verbose")).json["warnings"] == []
        await service.add(strike())
        while not (told := await service.get("/readyz?verbose")).json["warnings"]:
            await asyncio.sleep(0.02)
    assert (told.status, told.json["sealing"], told.json["sealed"]) == (200, "following", 0)
    assert told.json["warnings"][0].startswith("nothing after position 0 is signed")


async def test_without_its_database_it_lives_and_is_not_ready(server: Server, access: Access):
    """The database is closed to new connections and the open ones are cut."""
    database = access.admin.rpartition("/")[2].partition("?")[0]
    async with serving(access) as service:
        await service.add(strike())
        await run_admin(server, f"ALTER DATABASE {database} CONNECTION LIMIT 0")
        await cut(server, database)
        try:
            assert (await service.get("/livez")).status == 200
            for path in ("/v1/events", "/v1/projections/city_incidents", "/v1/subjects/strike:one"):
                answer = await service.get(path)
                assert (answer.status, answer.slug) == (503, "unavailable"), answer
                assert answer.headers["Retry-After"] == "2"
            answer = await service.get("/readyz?verbose")
            assert answer.status == 503
            assert answer.json["status"] == "not ready"
            assert answer.json["checks"]["database"] != "ok"
            assert (await service.get("/readyz")).json == {"status": "not ready"}
            # What is sent meanwhile waits, and is appended once when the database is back.
            event = strike()
            waiting = asyncio.create_task(service.post(event))
            await service.get("/livez")
        finally:
            await run_admin(server, f"ALTER DATABASE {database} CONNECTION LIMIT -1")
        assert (await waiting).status in {200, 201}
        assert (
            await service.get("/v1/projections/city_incidents", {"Prefer": "wait=10"}, min_position=2)
        ).status == 200
        assert (await service.get("/readyz?verbose")).json["checks"] == {
            "database": "ok",
            "appends": "ok",
            "projections": "ok",
        }
        assert await service.head() == 2


class Seconds:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed


@asynccontextmanager
async def held_up(access: Access) -> AsyncIterator[None]:
    """Keep the projections' checkpoint where it is."""
    admin = await access.connect()
    try:
        async with admin.transaction():
            await admin.execute("SELECT 1 FROM builds FOR UPDATE")
            yield
    finally:
        await admin.close()


async def test_one_event_that_is_not_projected_fails_readiness_by_seconds(access: Access):
    settings = Settings(lag_seconds=30, still_seconds=10)
    async with serving(access, settings=settings) as service:
        await service.add(strike())
        await service.settled()
        seconds = service.service.runner.now = Seconds()
        service.service.runner._moved = 0.0
        async with held_up(access):
            await service.add(strike())
            assert (await service.get("/readyz")).status == 200
            seconds.passed = 10.5
            told = await service.get("/readyz?verbose")
            assert told.status == 503
            assert told.json["checks"]["projections"] == "no progress for 10 s, and 1 behind"
            assert told.json["lag_events"] == 1
            assert (told.json["lag_seconds"], told.json["still_seconds"]) == (10.5, 10.5)
        await service.settled()
        assert (await service.get("/readyz")).status == 200


async def test_projections_that_move_and_stay_behind_fail_readiness_by_seconds(access: Access):
    settings = Settings(lag_seconds=30, still_seconds=10)
    async with serving(access, settings=settings) as service:
        await service.add(strike())
        await service.settled()
        runner = service.service.runner
        seconds = runner.now = Seconds()
        async with held_up(access):
            await service.add(*(strike() for _ in range(3)))
            for seconds.passed in (9.0, 18.0, 27.0):
                runner.expect(4)
                runner._moved = seconds.passed - 1
                assert (await service.get("/readyz")).status == 200
            seconds.passed = runner._moved = 31.0
            told = await service.get("/readyz?verbose")
            assert (told.status, told.json["checks"]["projections"]) == (503, "31 s behind")
        await service.settled()
        assert (await service.get("/readyz")).status == 200


async def test_an_append_that_waits_for_the_lock_is_answered_503_and_readiness_knows(access: Access):
    """Another session holds the lock in an idle transaction; reads go on."""
    idle = await access.connect()
    async with serving(access, settings=Settings(append_seconds=1)) as service:
        await service.add(strike())
        event = strike()
        async with idle.transaction():
            await idle.execute("SELECT pg_advisory_xact_lock(7241905, hashtext(current_schema()))")
            sent = asyncio.create_task(service.post(event))
            ready = await until_not_ready(service, "appends")
            assert ready["checks"]["database"] == "ok"
            assert ready["checks"]["appends"] != "ok"
            answer = await sent
            assert (answer.status, answer.slug, answer.headers["Retry-After"]) == (503, "unavailable", "2")
            assert "send the same again" in answer.json["detail"]
            # Nobody who comes now waits for it.
            assert (await service.post(strike())).status == 503
            assert (await service.bulk(strike(), mode="partial")).status in {200, 207, 503}
            assert (await service.get("/readyz")).status == 503
            assert (await service.get("/v1/events")).status == 200
        async with asyncio.timeout(60):
            while (await service.get("/readyz")).status != 200:
                await asyncio.sleep(0.05)
        assert (await service.post(event)).status in {200, 201}
        assert (await service.get("/v1/events")).json["events"][-1]["id"] == event["id"]
        assert await service.head() == 2
    await idle.close()


async def until_not_ready(service: Served, check: str) -> dict[str, Any]:
    """What readiness tells once it is this that fails: at the start the projections may be what is waited for."""
    async with asyncio.timeout(60):
        while (answer := await service.get("/readyz?verbose")).json["checks"][check] == "ok":
            await asyncio.sleep(0.02)
    assert answer.status == 503
    told: dict[str, Any] = answer.json
    return told


async def test_the_servers_own_time_limit_hinders_nobody(server: Server, access: Access):
    """Managed servers have one for everybody; ours counts."""
    database = access.admin.rpartition("/")[2].partition("?")[0]
    await run_admin(server, f"ALTER DATABASE {database} SET statement_timeout = '1ms'")
    async with serving(access) as service:
        answer = await service.bulk(*(strike() for _ in range(300)))
        assert answer.status == 201, answer
        assert await service.settled() == 300
        assert (await service.get("/v1/projections/city_incidents")).status == 200


async def test_a_statement_that_the_server_cancelled_is_answered_503(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(connect.STATEMENT_SECONDS, "reader", 0.5)
    admin = await access.connect()
    async with serving(access) as service:
        await service.add(strike())
        async with admin.transaction():
            await admin.execute("LOCK TABLE events")
            answer = await service.get("/v1/events")
            assert (answer.status, answer.slug) == (503, "unavailable"), answer
            assert answer.headers["Retry-After"]
            assert answer.json["detail"] == "the statement took longer than the database allows"
    await admin.close()


@asynccontextmanager
async def frozen(server: Server, database: str) -> AsyncIterator[None]:
    """The server and every session of a database stand still, as where a disk does; what is open stays so."""
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE datname = $1", database)
        processes = [server.pid, *(row["pid"] for row in rows)]
        try:
            for each in processes:
                with suppress(ProcessLookupError):  # a session that ended since
                    os.kill(each, signal.SIGSTOP)
            yield
        finally:
            for each in processes:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGCONT)
    finally:
        await connection.close()


async def test_a_database_that_is_there_and_silent_holds_nobody_up(
    server: Server, access: Access, monkeypatch: pytest.MonkeyPatch
):
    """Nothing but the bounds of a look-up, of the check and of connecting may end a wait: all others are an hour."""
    monkeypatch.setattr(connect, "ACQUIRE_SECONDS", 3_600.0)
    monkeypatch.setitem(connect.STATEMENT_SECONDS, "reader", 3_600)
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 1.0)
    monkeypatch.setattr(keys, "LOOK_UP_SECONDS", 0.5)
    database = access.admin.rpartition("/")[2].partition("?")[0]
    async with serving(access) as service:
        await service.add(strike())
        await make_key(access, "unseen", "a-key-that-nobody-has-shown", scopes=["read"])
        async with frozen(server, database):
            assert (await service.get("/livez")).status == 200
            assert (await service.get("/readyz")).json == {"status": "not ready"}
            unseen = {"Authorization": "Bearer a-key-that-nobody-has-shown"}
            for path in ("/readyz?verbose", "/v1/log/key"):
                answer = await service.get(path, unseen)
                assert (answer.status, answer.slug) == (503, "unavailable"), answer
        assert (await service.get("/v1/events?after=0", unseen)).status == 200


async def cut(server: Server, database: str) -> None:
    """End every connection to a database, and wait until they are gone."""
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", database
        )
    finally:
        await connection.close()
