"""Hints between processes: they arrive, they are few, and a connection that was cut or froze is made anew."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from incidentlog.embedded import Server
from incidentlog.store import notify
from incidentlog.store.connect import Access
from incidentlog.store.notify import Hints, Kind


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def hinting(access: Access, **options: float) -> AsyncIterator[tuple[Hints, Counter[Kind]]]:
    """Hints at work, once they listen, and what they heard since."""
    heard: Counter[Kind] = Counter()
    hints = Hints(access, lambda kind: heard.update([kind]), **options)
    task = asyncio.create_task(hints.run())
    try:
        await until(lambda: hints.connection is not None and heard.total() >= 2)
        heard.clear()
        yield hints, heard
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_what_one_process_tells_the_others_hear_and_it_does_not_hear_itself(access: Access):
    async with hinting(access) as (one, of_one), hinting(access) as (other, of_other):
        one.tell("grown")
        await until(lambda: of_other == {"grown": 1})
        other.tell("moved")
        await until(lambda: of_one == {"moved": 1})
        assert (of_one, of_other) == ({"moved": 1}, {"grown": 1})


async def test_another_log_of_the_same_database_hears_nothing(access: Access):
    async with (
        hinting(access) as (one, _),
        hinting(replace(access, schema="other_log")) as (_, of_other),
        hinting(access) as (_, of_same),
    ):
        one.tell("grown")
        await until(lambda: of_same == {"grown": 1})
        assert not of_other


async def test_however_much_is_told_there_is_at_most_one_hint_of_a_kind_in_five_milliseconds(access: Access):
    async with hinting(access) as (one, _), hinting(access) as (_, heard):
        begun = asyncio.get_running_loop().time()
        for _ in range(500):
            one.tell("grown")
            await asyncio.sleep(0)
        await until(lambda: heard["grown"] > 0)
        await asyncio.sleep(0.05)
        took = asyncio.get_running_loop().time() - begun
        assert heard["grown"] <= took / notify.PACE_SECONDS + 1


async def test_a_connection_that_was_cut_is_made_anew_and_what_may_have_been_missed_is_looked_for(
    access: Access, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(notify, "RETRY_SECONDS", 0.05)
    async with hinting(access) as (one, _), hinting(access) as (other, heard):
        assert other.connection is not None
        pid = other.connection.get_server_pid()
        admin = await access.connect()
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        await admin.close()
        await until(lambda: heard == {"grown": 1, "moved": 1})
        one.tell("grown")
        await until(lambda: heard["grown"] == 2)


async def test_a_connection_that_froze_is_noticed_and_made_anew(
    access: Access, server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(notify, "RETRY_SECONDS", 0.05)
    async with proxy(server.port) as frozen:
        database = access.dsn("reader").split("@/")[1].split("?")[0]
        through = replace(
            access,
            login=lambda user, password: f"postgresql://{user}:{password}@127.0.0.1:{frozen.port}/{database}",
        )
        async with (
            hinting(access) as (one, _),
            hinting(through, heartbeat_seconds=0.2, answer_seconds=1.0) as (other, heard),
        ):
            before = other.connection
            frozen.flowing.clear()
            one.tell("grown")
            await until(lambda: other.connection is None)
            assert not heard
            frozen.flowing.set()
            await until(lambda: other.connection not in {None, before})
            await until(lambda: heard["grown"] > 0)
            one.tell("moved")
            await until(lambda: heard["moved"] > 1)


class Proxy:
    """A network in between that can stop to carry anything, without a word to either side."""

    port = 0

    def __init__(self, target: int) -> None:
        self.target = target
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            await asyncio.wait(
                [
                    asyncio.create_task(self.carry(reader, to_server)),
                    asyncio.create_task(self.carry(from_server, writer)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            writer.transport.abort()
            to_server.transport.abort()

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(65_536):
                await self.flowing.wait()
                sink.write(piece)
                await sink.drain()


@asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    made, tasks = Proxy(target), set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(made.connected(reader, writer)))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_hint_that_comes_after_the_connection_was_ended_is_no_failure(access: Access):
    heard: list[str] = []
    hints = Hints(access, heard.append)
    connection = await access.connect("reader")
    connection.terminate()
    hints._hear(connection, 0, "", f"{access.schema} grown")  # asyncpg calls what it had read before
    assert heard == []
