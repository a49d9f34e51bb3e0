import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from incidentlog.embedded import Server, start
from incidentlog.errors import Overloaded, Unavailable
from incidentlog.store import connect
from incidentlog.store import writer as writer_module
from incidentlog.store.append import Append, Appended, Duplicate, Unwritten, VersionConflict
from incidentlog.store.connect import Access
from incidentlog.store.migrate import migrate
from incidentlog.store.read import read_after, read_head
from incidentlog.store.writer import Writer
from tests.commands import again, command
from tests.conftest import access_to, run_admin
from tests.folders import open_folder


@asynccontextmanager
async def running(access: Access, **how: Any):
    writer = Writer(access, **how)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.wait([task])


async def head(access: Access) -> int:
    connection = await access.connect("reader")
    try:
        return (await read_head(connection)).position
    finally:
        await connection.close()


async def test_what_queued_meanwhile_goes_out_together(access: Access):
    async with running(access) as writer:
        outcomes = await asyncio.gather(*(writer.append(command()) for _ in range(300)))
        assert sorted(o.position for o in outcomes) == list(range(1, 301))
    connection = await access.connect("reader")
    assert await connection.fetchval("SELECT count(*) FROM commits") < 300
    await connection.close()


async def test_the_same_id_sent_twice_at_once_is_appended_once(access: Access):
    async with running(access) as writer:
        c = command()
        outcomes = await asyncio.gather(*(writer.append(again(c)) for _ in range(10)))
        assert sum(isinstance(o, Appended) for o in outcomes) == 1
        assert sum(isinstance(o, Duplicate) for o in outcomes) == 9


async def test_conditional_commands_on_one_stream_are_judged_one_after_the_other(access: Access):
    async with running(access) as writer:
        outcomes = await asyncio.gather(*(writer.append(command(stream="strike:a", expected=n)) for n in range(10)))
        assert [o.stream_version for o in outcomes] == list(range(1, 11))
        raced = await asyncio.gather(*(writer.append(command(stream="strike:a", expected=10)) for _ in range(10)))
        assert sum(isinstance(o, Appended) for o in raced) == 1
        assert {o for o in raced if not isinstance(o, Appended)} == {VersionConflict(11)}


async def test_commands_on_a_stream_keep_the_order_in_which_they_came(access: Access):
    async with running(access) as writer:
        expectations = [None, 1, None, None, 4, None]
        commands = [command(stream="strike:a", expected=e) for e in expectations]
        outcomes = await asyncio.gather(*(writer.append(c) for c in commands))
        assert [o.stream_version for o in outcomes] == [1, 2, 3, 4, 5, 6]


async def test_bad_data_among_a_hundred_fails_alone(access: Access):
    async with running(access) as writer:
        commands = [command() for _ in range(100)]
        commands[40].body = "\0"  # PostgreSQL refuses it
        commands[60].tlp = "no number"  # asyncpg refuses it, before it is sent
        results = await asyncio.gather(*(writer.append(c) for c in commands), return_exceptions=True)
        assert [n for n, r in enumerate(results) if isinstance(r, Exception)] == [40, 60]
        assert sorted(r.position for r in results if not isinstance(r, Exception)) == list(range(1, 99))


async def test_an_atomic_request_stands_or_falls_whole_between_the_others(access: Access):
    async with running(access) as writer:
        many = [command(), command(stream="strike:new", expected=3)]
        single, bulk = await asyncio.gather(writer.append(command()), writer.append_atomic(many))
        assert isinstance(single, Appended)
        assert bulk == [Unwritten(), VersionConflict(0)]
        assert await head(access) == 1


async def test_a_callers_going_away_cancels_nothing(access: Access):
    async with running(access) as writer:
        caller = asyncio.create_task(writer.append(command()))
        await asyncio.sleep(0)
        caller.cancel()
        assert isinstance(await writer.append(command()), Appended)
        assert await head(access) == 2


async def test_a_full_queue_refuses_and_says_when_to_come_back(access: Access, monkeypatch):
    monkeypatch.setattr(writer_module, "QUEUE", 5)
    writer = Writer(access)  # not running: nothing leaves the queue
    waiting = [asyncio.create_task(writer.append(command())) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await writer.append(command())
    assert refused.value.retry_after
    for task in waiting:
        task.cancel()


async def test_a_connection_cut_between_sending_and_answer_still_appends_exactly_once(access: Access, monkeypatch):
    """The outcome is unknown: the batch may have been committed. The same ids sent again tell."""
    admin = await access.connect()
    real = writer_module.append
    cut = []

    async def append_then_lose_the_answer(connection, commands, *, atomic):
        outcomes = await real(connection, commands, atomic=atomic)
        if not cut:
            cut.append(len(commands))
            await admin.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
            raise ConnectionResetError
        return outcomes

    monkeypatch.setattr(writer_module, "append", append_then_lose_the_answer)
    async with running(access) as writer:
        outcomes = await asyncio.gather(*(writer.append(command()) for _ in range(50)))
    assert cut
    assert sorted(o.position for o in outcomes) == list(range(1, 51))
    assert await head(access) == 50
    await admin.close()


@asynccontextmanager
async def lock_held(access: Access) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that holds the log's lock, and is idle."""
    idle = await access.connect()
    try:
        async with idle.transaction():
            await idle.execute("SELECT pg_advisory_xact_lock(7241905, hashtext(current_schema()))")
            yield idle
    finally:
        await idle.close()


async def appenders(access: Access) -> int:
    admin = await access.connect()
    try:
        count: int = await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE '%appender'"
        )
        return count
    finally:
        await admin.close()


async def goes_on(writer: Writer) -> None:
    async with asyncio.timeout(60):
        while writer.failure is not None:
            await asyncio.sleep(0.02)


async def test_an_append_that_cannot_get_the_lock_is_told_so_and_goes_through_when_it_is_free(access: Access):
    async with running(access, seconds=0.4) as writer:
        first, behind = command(), command()
        async with lock_held(access):
            sent = asyncio.create_task(writer.append(first))
            async with asyncio.timeout(60):
                while not writer.overdue_seconds:  # which readiness tells
                    await asyncio.sleep(0.01)
                results = await asyncio.gather(sent, writer.append(behind), return_exceptions=True)
            assert [type(r) for r in results] == [Unavailable, Unavailable]
            assert all(r.retry_after for r in results)
            # Whoever comes now is refused at once, and waits for nothing.
            with pytest.raises(Unavailable):
                await writer.append(command())
            assert writer.failure is not None
        await goes_on(writer)
        outcomes = [await writer.append(again(c)) for c in (first, behind, command())]
        assert sorted(o.position for o in outcomes) == [1, 2, 3]
        assert await head(access) == 3
        assert writer.overdue_seconds == 0


async def test_the_server_ends_the_wait_for_the_lock_and_whoever_waits_reads_why(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(connect.LOCK_SECONDS, "appender", 0.1)
    async with running(access, seconds=1) as writer:
        async with lock_held(access):
            with pytest.raises(Unavailable, match="another session holds a lock for too long"):
                await writer.append(command())
        await goes_on(writer)


async def test_what_the_server_said_is_told_when_the_deadline_cuts_the_next_try(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(connect.LOCK_SECONDS, "appender", 0.1)
    tries = list[Append]()
    original = writer_module.append

    async def counted(connection: Any, commands: Sequence[Append], *, atomic: bool) -> Any:
        tries.extend(commands)
        if len(tries) == 2:  # from here on the server would wait for longer than we do
            await connection.execute("SET lock_timeout = 0")
        return await original(connection, commands, atomic=atomic)

    monkeypatch.setattr(writer_module, "append", counted)
    async with running(access, seconds=2) as writer:
        async with lock_held(access):
            with pytest.raises(Unavailable, match="another session holds a lock for too long"):
                await writer.append(command())
            assert len(tries) == 2
        await goes_on(writer)


async def test_a_writer_that_cannot_append_does_not_pile_up_connections(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(connect.LOCK_SECONDS, "appender", 0.1)
    monkeypatch.setattr(writer_module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE_SECONDS", 0.01)
    tried = []

    def counted(original: Any) -> Any:
        def counting(*args: Any, **how: Any) -> Any:
            tried.append(True)
            return original(*args, **how)

        return counting

    for name in ("append", "append_nothing"):
        monkeypatch.setattr(writer_module, name, counted(getattr(writer_module, name)))
    async with running(access, seconds=0.3) as writer:
        async with lock_held(access):
            with pytest.raises(Unavailable):
                await writer.append(command())
            async with asyncio.timeout(60):
                while len(tried) < 12:
                    await asyncio.sleep(0.02)
            assert await appenders(access) <= 3
        await goes_on(writer)


async def test_a_commit_that_waits_for_a_standby_that_is_not_there_is_told_so_and_settled_by_id(
    server: Server, access: Access
):
    """What was given up is not seen before the standby has it, and is there once."""
    database = access.admin.rpartition("/")[2].partition("?")[0]
    await run_admin(server, f"ALTER DATABASE {database} SET synchronous_commit = 'on'")  # the tests' server has it off
    async with running(access, seconds=0.5) as writer:
        assert isinstance(await writer.append(command()), Appended)
        await synchronous(server, "nobody")
        try:
            waiting = command()
            async with asyncio.timeout(60):
                with pytest.raises(Unavailable):
                    await writer.append(waiting)
            assert await head(access) == 1
            assert await appenders(access) <= 3
        finally:
            await synchronous(server, "")
        await goes_on(writer)
        assert await writer.append(again(waiting)) == Duplicate(2, 1, (await at(access, 2)).recorded_at)
        assert await head(access) == 2


async def synchronous(server: Server, names: str) -> None:
    """Which standbys every commit of the server waits for, from here on.

    The setting is read at once; what commits go by is the checkpointer's, which reads it in its own time.
    """
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        await connection.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(60):
            while await waits(server, connection) != (names != ""):
                await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def waits(server: Server, onlooker: asyncpg.Connection) -> bool:
    """Whether a commit waits for a standby; the one that is tried is given up."""
    trying = await asyncpg.connect(server.dsn("postgres"), server_settings={"synchronous_commit": "on"})
    pid = trying.get_server_pid()
    commit = asyncio.ensure_future(trying.execute("SELECT pg_logical_emit_message(true, 'test', '')"))
    try:
        while not commit.done():
            if await onlooker.fetchval(f"SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = {pid}"):
                return True
            await asyncio.sleep(0.01)
        return False
    finally:
        await onlooker.fetchval(f"SELECT pg_terminate_backend({pid})")
        await asyncio.gather(commit, return_exceptions=True)
        trying.terminate()


async def at(access: Access, position: int) -> Any:
    connection = await access.connect("reader")
    try:
        (event,) = await read_after(connection, position - 1, 1)
        return event
    finally:
        await connection.close()


async def test_a_statement_that_takes_too_long_is_halved_and_every_event_is_there_once(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(connect.STATEMENT_SECONDS, "appender", 0.3)
    admin = await access.connect()
    await admin.execute("""
        CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END';
        CREATE TRIGGER slowly BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION slowly()""")
    await admin.close()
    async with running(access, seconds=20) as writer:
        outcomes = await asyncio.gather(*(writer.append(command()) for _ in range(100)))
    assert sorted(o.position for o in outcomes) == list(range(1, 101))


async def test_postgres_killed_in_mid_batch_and_started_again_has_every_event_exactly_once():
    """P2, with kill -9: clients whose outcome was unknown send the same again."""
    root = open_folder("kill")
    first = start(root)
    try:
        access = access_to(first.server, "incidentlog")
        await migrate(access)
        commands = [command() for _ in range(2_000)]
        left = iter(commands)
        acknowledged: list[int] = []

        async def client(writer: Writer) -> None:
            for c in left:
                while True:
                    try:
                        outcome = await writer.append(again(c))
                    except Unavailable:
                        await asyncio.sleep(0.05)
                        continue
                    assert isinstance(outcome, Appended | Duplicate)
                    acknowledged.append(outcome.position)
                    break

        async with running(access) as writer, asyncio.timeout(60), asyncio.TaskGroup() as clients:
            for _ in range(50):
                clients.create_task(client(writer))
            while len(acknowledged) < 500:
                await asyncio.sleep(0.001)
            os.kill(first.server.pid, signal.SIGKILL)
            await first.died()
            first.stop()
            first = start(root)
            assert first.server.dsn() == access.admin
        assert sorted(acknowledged) == list(range(1, 2_001))
        connection = await access.connect("reader")
        stored = await read_after(connection, 0, 3_000)
        await connection.close()
        assert [e.position for e in stored] == list(range(1, 2_001))
        assert {e.event_id for e in stored} == {c.event_id for c in commands}
    finally:
        first.stop()
        shutil.rmtree(root, ignore_errors=True)
