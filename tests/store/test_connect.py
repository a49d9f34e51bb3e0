"""No call waits for ever, a server's own limits are for others, and every failure is decided on."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from incidentlog.embedded import Server
from incidentlog.store import connect
from incidentlog.store.connect import ROLES, SQLSTATES, Access, Connection, lost, told, why
from tests.conftest import run_admin
from tests.network import line, over

PAGE = Path(__file__).parents[2] / "docs" / "database-errors.md"
ROW = re.compile(r"^\| ([0-9A-Z]{2}(?:[0-9A-Z]{3})?) \| .+ \| (again|fault) \|$", re.MULTILINE)
ROWS = 30_000
"""Of some 50 bytes each: more than the buffers of a Unix socket hold."""


@asynccontextmanager
async def copying(
    access: Access, way: Access | None = None, size: int = 2
) -> AsyncIterator[tuple[Connection, "asyncio.Task[Any]"]]:
    """A COPY of more than fits on the way to a server that does not read it, since the table is locked."""
    admin, runner = await access.connect(), await (way or access).connect("runner")
    try:
        async with admin.transaction():
            await admin.execute("LOCK TABLE documents IN SHARE MODE")
            records = [(1, f"key {n}", 0, 1, None, False, "x" * size, 0, False) for n in range(ROWS)]
            copy = asyncio.create_task(runner.copy_records_to_table("documents", records=records))
            async with asyncio.timeout(60):
                while not await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $1",
                                               runner.get_server_pid()):  # fmt: skip
                    await asyncio.sleep(0.01)
            yield runner, copy
    finally:
        await admin.close()
        runner.terminate()


async def terminated(access: Access, connection: Connection) -> None:
    admin = await access.connect()
    await admin.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
    await admin.close()


async def test_a_copy_that_waits_for_room_to_write_is_told_that_its_connection_is_lost(access: Access):
    async with copying(access) as (runner, copy):
        await terminated(access, runner)
        done, _ = await asyncio.wait({copy}, timeout=60)
        assert done, "it waits for ever"
        assert isinstance(copy.exception(), asyncpg.ConnectionDoesNotExistError)
        assert runner.is_closed()


async def test_a_copy_that_waits_for_room_to_write_ends_with_its_time(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connect, "COPY_SECONDS", 0.5, raising=False)
    async with copying(access) as (runner, copy):
        done, _ = await asyncio.wait({copy}, timeout=60)
        assert done, "it waits for ever"
        assert isinstance(copy.exception(), TimeoutError)
        assert runner.is_closed()


async def test_a_copy_over_a_line_that_stalls_and_is_cut_ends(server: Server, access: Access):
    async with line(server.port) as wire, copying(access, over(wire, access, server), 1_000) as (_, copy):
        wire.stall()
        wire.cut()
        done, _ = await asyncio.wait({copy}, timeout=60)
        assert done, "it waits for ever"
        assert lost(copy.exception())


async def test_a_copy_that_the_server_refuses_leaves_its_connection_well(access: Access):
    runner = await access.connect("runner")
    with pytest.raises(asyncpg.NotNullViolationError):
        await runner.copy_records_to_table("documents", records=[(1, None, 0, 1, None, False, "{}", 0, False)])
    assert await runner.fetchval("SELECT 1") == 1
    await runner.close()


async def test_silence_is_noticed_within_seconds(server: Server, access: Access):
    """By the system: nobody has to ask anything on the connection."""
    async with line(server.port) as wire:
        connection: Any = await over(wire, access, server).connect("runner")
        try:
            tcp = connection._transport.get_extra_info("socket")
            assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            told_ = {name: tcp.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in connect._TCP}
            assert told_ == connect._TCP
            assert told_["TCP_KEEPIDLE"] + told_["TCP_KEEPINTVL"] * told_["TCP_KEEPCNT"] <= 15
            assert await connection.fetchval("SHOW tcp_user_timeout") == "10000"
        finally:
            connection.terminate()


@pytest.mark.parametrize("role", [*ROLES, None])
async def test_limits_that_a_server_has_for_others_are_not_ours(server: Server, access: Access, role: Any):
    database = access.admin.rpartition("/")[2].partition("?")[0]
    names = ("statement_timeout", "lock_timeout", "transaction_timeout", "idle_session_timeout",
             "idle_in_transaction_session_timeout")  # fmt: skip
    for name in names:
        await run_admin(server, f"ALTER DATABASE {database} SET {name} = '77ms'")
    connection = await access.connect(role)
    try:
        assert "77ms" not in {await connection.fetchval(f"SHOW {name}") for name in names}
    finally:
        await connection.close()
    if role == "reader":
        pool = await access.pool("reader")
        assert await pool.fetchval("SHOW statement_timeout") == "1min"
        await pool.close()


async def test_nobody_waits_for_ever_for_one_of_the_pools_connections(access: Access, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connect, "ACQUIRE_SECONDS", 0.2, raising=False)
    pool = await access.pool("reader", size=1)
    async with asyncio.timeout(60), pool.acquire():
        with pytest.raises(TimeoutError):
            await pool.fetchval("SELECT 1")
    await pool.close()


@pytest.mark.parametrize("way", ["fetch", "executemany", "cursor", "prepare"])
async def test_a_query_whose_connection_is_given_up_at_whatever_step_is_told_that_it_is_lost(access: Access, way: str):
    """A query takes several round trips when it names a type that is new to the connection."""
    connection = await access.connect()
    await connection.execute("CREATE TYPE pair AS (a int, b int)")
    await connection.close()

    async def ask(connection: Connection) -> Any:
        query, pair = "SELECT ($1::pair).a", (1, 2)
        if way == "executemany":
            return await connection.executemany(query, [(pair,)] * 3)
        if way == "cursor":
            async with connection.transaction():
                return await (await connection.cursor(query, pair)).fetch(1)
        if way == "prepare":
            return await (await connection.prepare(query)).fetch(pair)
        return await connection.fetch(query, pair)

    ended = set[str]()
    for steps in range(200):
        connection = await access.connect()
        asking = asyncio.create_task(ask(connection))
        for _ in range(steps):
            await asyncio.sleep(0)
        connection.terminate()
        (outcome,) = await asyncio.gather(asking, return_exceptions=True)
        if not isinstance(outcome, BaseException):
            break
        assert lost(outcome), repr(outcome)
        ended.add(type(outcome).__name__)
    assert ended


def test_the_page_says_of_every_sqlstate_what_becomes_of_it():
    assert dict(ROW.findall(PAGE.read_text("utf-8"))) == SQLSTATES


def test_the_page_says_how_long_anything_waits():
    page = PAGE.read_text("utf-8")
    for role, seconds in connect.STATEMENT_SECONDS.items():
        assert not seconds or re.search(rf"statement.*\b{role}\b.* \| {seconds} s \|", page), role
    assert f"| appender | {connect.LOCK_SECONDS['appender']} s |" in page
    assert f"| the other roles | {connect.OTHER_LOCK_SECONDS} s |" in page
    assert f"| {connect.IDLE_IN_TRANSACTION_SECONDS} s |" in page
    assert f"| runner | {connect.COPY_SECONDS:.0f} s |" in page
    assert f"| reader | {connect.ACQUIRE_SECONDS:.0f} s |" in page
    assert f"about {connect.SILENT_SECONDS} s" in page


def by_state() -> dict[str, type[asyncpg.PostgresError]]:
    known = [
        c for c in vars(asyncpg.exceptions).values() if isinstance(c, type) and issubclass(c, asyncpg.PostgresError)
    ]
    return {c.sqlstate: c for c in known if c.sqlstate}


def test_every_class_of_sqlstate_that_a_server_can_send_is_decided_on():
    servers = {"08", "25", "26", "28", "3D", "40", "42", "53", "54", "55", "57", "58", "XX"}
    assert servers <= SQLSTATES.keys()
    for state, kind in by_state().items():
        assert lost(kind("")) is (SQLSTATES.get(state, SQLSTATES.get(state[:2])) == "again"), state


@pytest.mark.parametrize("state", ["57014", "25P03", "25P04", "28P01", "53100", "53200", "55P03", "57P05", "58030"])
def test_what_a_managed_server_does_for_its_own_reasons_is_not_a_fault_of_the_command(state: str):
    assert lost(by_state()[state](""))


def test_a_full_disk_is_told_in_words():
    assert why(asyncpg.DiskFullError("could not extend file")) == "the database has no room left on its disk"
    ended = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    ended.__cause__ = asyncpg.DiskFullError("could not write to log file")
    assert told(ended).startswith("the database has no room left on its disk: ")
    assert why(asyncpg.ConnectionDoesNotExistError("")) == ""


def test_an_error_that_hides_another_is_told_as_that():
    """A rollback on a connection that is gone fails over the error that it was gone for."""
    hiding = asyncpg.InterfaceError("connection is closed")
    assert told(hiding) == "InterfaceError('connection is closed')"
    hiding.__context__ = TimeoutError("a COPY took longer than 120 s")
    assert told(hiding) == "TimeoutError('a COPY took longer than 120 s')"
    hiding.__context__ = asyncpg.DiskFullError("could not extend file")
    assert why(hiding) == "the database has no room left on its disk"


async def test_a_lost_connection_is_got_over_and_nothing_else_is():
    with capture_logs() as lines:
        with connect.getting_over("looking_interrupted"):
            raise OSError("gone")
        with connect.getting_over():
            raise OSError("gone, and told by others")
    assert [(line["event"], line["log_level"]) for line in lines] == [("looking_interrupted", "warning")]
    with pytest.raises(KeyError), connect.getting_over("looking_interrupted"):
        raise KeyError("a fault of ours")


async def test_who_gets_over_a_lost_connection_heeds_that_it_is_cancelled():
    """The rollback on the way out fails, too, and hides the cancelling."""

    async def look() -> None:
        for _ in range(2):
            with connect.getting_over():
                try:
                    await asyncio.Event().wait()
                finally:
                    raise OSError("the rollback failed")

    looking = asyncio.create_task(look())
    await asyncio.sleep(0)
    looking.cancel()
    done, _ = await asyncio.wait({looking}, timeout=60)
    assert done
    assert looking.cancelled()


async def test_what_the_servers_own_types_are_is_asked_once_and_what_ours_are_on_each_connection(access: Access):
    admin = await access.connect()
    await admin.execute("CREATE TYPE mood AS (name text, since bigint[])")
    asked: list[list[str]] = []
    for _ in range(2):
        connection, seen = await access.connect(), []
        connection.add_query_logger(lambda said, seen=seen: seen.append(said.query))
        arrays = await connection.fetchrow("SELECT $1::bigint[], $2::uuid[], $3::real[]", [1, 2], [UUID(int=7)], [0.5])
        assert tuple(arrays) == ([1, 2], [UUID(int=7)], [0.5])
        assert await connection.fetchval("SELECT row('calm', '{3}'::bigint[])::mood") == ("calm", [3])
        asked.append([query for query in seen if "typeinfo_tree" in query])
        await connection.close()
    await admin.close()
    assert [len(queries) for queries in asked] in ([2, 1], [1, 1]), asked  # whoever came before may have asked


async def test_who_starts_waits_for_a_database_that_is_not_there_yet(access: Access, server: Server):
    async with line(1) as wire:  # where nobody listens
        with capture_logs() as lines:
            waiting = asyncio.create_task(connect.until_there(over(wire, access, server), 60))
            async with asyncio.timeout(60):
                while not lines:
                    await asyncio.sleep(0.01)
            wire.target = server.port
            await asyncio.wait_for(waiting, 60)
    assert {line["event"] for line in lines} == {"waiting_for_the_database"}
    assert 50 < lines[0]["seconds_left"] <= 60


async def test_who_starts_waits_no_longer_than_it_was_told(access: Access, server: Server):
    async with line(1) as wire:
        with pytest.raises(OSError):  # noqa: PT011 - how a connection ends is the system's
            await connect.until_there(over(wire, access, server), 0.1)


async def test_who_starts_does_not_wait_for_what_no_waiting_mends(access: Access, server: Server):
    refused = replace(access, admin=server.dsn("postgres", "nobody", "secret"))
    missing = replace(access, admin=server.dsn("never_made"))
    for each, error in (
        (refused, asyncpg.InvalidAuthorizationSpecificationError),
        (missing, asyncpg.InvalidCatalogNameError),
    ):
        with capture_logs() as lines, pytest.raises(error):
            await connect.until_there(each, 3_600)
        assert lines == []


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (asyncpg.CannotConnectNowError("the database system is starting up"), True),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), True),
        (asyncpg.TargetServerAttributeNotMatched("no leader"), True),
        (TimeoutError(), True),
        (socket.gaierror("no such name, yet"), True),
        (ssl.SSLCertVerificationError("of somebody else"), False),
        (asyncpg.InsufficientPrivilegeError("no"), False),
    ],
)
def test_a_server_that_may_come_is_told_from_one_that_is_wrong(error: Exception, waits: bool):
    assert connect._may_come(error) is waits
