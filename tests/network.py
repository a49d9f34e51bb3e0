"""A line to a server that does what lines do: it stalls, and it is cut. It knows nothing of what it carries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

from incidentlog.embedded import Server
from incidentlog.store.connect import Access

CHUNK = 65_536
L = TypeVar("L", bound="Line")


class Line:
    """A TCP proxy to a port of this machine."""

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self.port = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[asyncio.StreamWriter] = set()

    def stall(self) -> None:
        """Nothing arrives any more, and nobody is told."""
        self._flowing.clear()

    def flow(self) -> None:
        """What is sent arrives again."""
        self._flowing.set()

    def cut(self) -> None:
        """Every connection is gone, with whatever was on its way."""
        for writer in list(self._open):
            writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_server}
        self._open |= both
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, to_server, both))
                ways.create_task(self._carry_back(from_server, writer, both))
        finally:
            self._open -= both
            for each in both:
                each.transport.abort()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, both: set[asyncio.StreamWriter]
    ) -> None:
        with suppress(OSError, RuntimeError):  # uvloop's word for a transport that is closed
            while piece := await source.read(CHUNK):
                await self._flowing.wait()
                sink.write(piece)
                await sink.drain()
        for each in both:  # one way is closed: the other has nobody to speak to
            each.transport.abort()

    async def _carry_back(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, both: set[asyncio.StreamWriter]
    ) -> None:
        """From the server to whoever asked it."""
        await self._carry(source, sink, both)


@asynccontextmanager
async def line(target: int) -> AsyncIterator[Line]:
    """A line to a port until the block ends."""
    async with laid(Line(target)) as made:
        yield made


@asynccontextmanager
async def laid(made: L) -> AsyncIterator[L]:
    """Let a line be there, at a port of its own, until the block ends."""
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(made.connected(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()
        made.cut()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def over(wire: Line, access: Access, server: Server) -> Access:
    """The same log, with the same roles, reached over a line."""
    database = urlsplit(access.admin).path.removeprefix("/")

    def dsn(user: str | None = None, password: str | None = None) -> str:
        return replace(server, port=wire.port).tcp_dsn(database, user, password)

    return replace(access, admin=dsn(), login=dsn)
