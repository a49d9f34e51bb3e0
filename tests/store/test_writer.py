import asyncio
import os
import shutil
import signal
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from incidentlog.embedded import start
from incidentlog.errors import Overloaded, Unavailable
from incidentlog.store import writer as writer_module
from incidentlog.store.append import Appended, Duplicate, Unwritten, VersionConflict
from incidentlog.store.connect import Access
from incidentlog.store.migrate import migrate
from incidentlog.store.read import read_after, read_head
from incidentlog.store.writer import Writer
from tests.commands import again, command
from tests.conftest import access_to


@asynccontextmanager
async def running(access: Access):
    writer = Writer(access)
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


async def test_postgres_killed_in_mid_batch_and_started_again_has_every_event_exactly_once():
    """P2, with kill -9: clients whose outcome was unknown send the same again."""
    root = Path(tempfile.mkdtemp(prefix="incidentlog-kill-", dir="/var/tmp"))
    root.chmod(0o755)
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
